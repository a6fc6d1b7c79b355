"""From a prompt in Kafka to a page: real broker, agent, Prometheus, Alertmanager; and no panel is empty.

One run serves all tests: undrifted traffic first, then as much drifted traffic.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from agent.board import Board
from agent.server import MetricsServer
from tests.agent_process import AgentProcess
from tests.alertmanager_server import AlertmanagerServer
from tests.kafka_broker import Broker
from tests.kafka_traffic import new_topic, produce
from tests.monitoring.asked import filled
from tests.monitoring.files import FILES, FOLDER
from tests.monitoring.panel import SELECTED
from tests.needs import require_alertmanager, require_prometheus
from tests.prometheus_server import PrometheusServer
from tests.watched import START, STEP, profile, traffic

pytestmark = [pytest.mark.kafka, pytest.mark.prometheus, pytest.mark.slow]

PROMPTS = 700
"""In each half of the traffic."""


SCORED = 'sum(offmap_p_value_count{side="prompt"})'


class World(NamedTuple):
    """What there is to look at after the run."""

    prometheus: PrometheusServer
    told: list[dict[str, Any]]
    told_before_drift: list[dict[str, Any]]
    page: dict[str, Any]


@pytest.fixture(scope="module")
def agent(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    folder: Path = tmp_path_factory.mktemp("monitoring")
    topic = new_topic(broker)
    settings = {
        "profile": {"path": str(profile(folder))},
        "embedding": {"threads": 1},
        "kafka": {"bootstrap_servers": [broker.bootstrap], "topics": [topic], "group_id": topic},
        "checkpoint": {"interval_seconds": 0.3},
        "sampling": {"min_fraction": 1.0},
        "slices": {"values": ["big", "small"]},
    }
    agent = AgentProcess(folder, settings)
    agent.topic = topic  # type: ignore[attr-defined]
    try:
        agent.start()
        yield agent
    finally:
        agent.stop()


@pytest.fixture(scope="module")
def sick() -> Iterator[MetricsServer]:
    """An agent with every trouble that there is, for the panels that are empty while all is well."""
    board = Board()
    board.down("broker_unreachable")
    server = MetricsServer(board, "127.0.0.1", 0)
    server.board = board  # type: ignore[attr-defined]
    _trouble(server)
    yield server
    server.close()


def _trouble(server: Any) -> None:
    for name, labels in (
        ("offmap_worker_restarts", ()),
        ("offmap_checkpoint_failures", ()),
        ("offmap_dead_letters", ("failed",)),
    ):
        server.board.count(name, labels)


@pytest.fixture(scope="module")
def world(broker: Broker, agent: Any, sick: MetricsServer) -> Iterator[World]:
    require_prometheus()
    require_alertmanager()
    targets = (f"127.0.0.1:{agent.port}", f"127.0.0.1:{sick.port}")
    with (
        AlertmanagerServer() as alertmanager,
        PrometheusServer(
            *targets, rules=(FOLDER / "alerts.yaml",), alertmanagers=(alertmanager.address,)
        ) as prometheus,
    ):
        send(broker, agent.topic, traffic(0, PROMPTS, odd=0.0), prometheus, scored=PROMPTS)
        time.sleep(3)  # three rounds of evaluation, and a notification at once
        before = list(alertmanager.webhook.alerts)
        send(broker, agent.topic, traffic(PROMPTS, PROMPTS, odd=0.4), prometheus, scored=2 * PROMPTS)
        _trouble(sick)
        page = alertmanager.wait_for(lambda alert: alert["labels"]["alertname"] == "OffmapNovelty")
        time.sleep(2)
        yield World(prometheus, alertmanager.webhook.alerts, before, page)


def send(broker: Broker, topic: str, messages: list[bytes], prometheus: PrometheusServer, scored: int) -> None:
    """In two parts, so that Prometheus sees every counter rise."""
    half = len(messages) // 2
    produce(broker, topic, messages[:half])
    prometheus.wait_for(f"{SCORED} > {scored - PROMPTS}", seconds=60)
    time.sleep(1)
    produce(broker, topic, messages[half:])
    prometheus.wait_for(f"{SCORED} >= {scored}", seconds=60)


def test_undrifted_traffic_pages_nobody(world: World) -> None:
    assert world.told_before_drift == []
    (seen,) = world.prometheus.range("offmap_pager_alarm", time.time() - 300, time.time()).values()
    assert {value for _, value in seen} == {0.0, 1.0}


def test_as_much_drifted_traffic_does(world: World) -> None:
    labels, said = world.page["labels"], world.page["annotations"]
    assert labels == {
        "alertname": "OffmapNovelty",
        "severity": "page",
        "job": "offmap",
        "side": "prompt",
        "reference": "baseline",
    }
    threshold = world.prometheus.value("offmap_pager_threshold")
    assert f"it pages at {threshold:.1f} and is " in said["description"]
    assert "unknown" not in said["description"]
    assert said["runbook_url"] == "RUNBOOK.md#offmapnovelty"
    pages = [alert["labels"]["alertname"] for alert in world.told if alert["labels"]["severity"] == "page"]
    assert set(pages) <= {"OffmapNovelty", "OffmapSliceNovelty"}


def test_a_point_leads_to_its_trace(world: World) -> None:
    asked = {"query": 'offmap_p_value_bucket{side="prompt"}', "start": START, "end": START + 2 * PROMPTS * STEP}
    found = [one for series in world.prometheus.api("query_exemplars", **asked) for one in series["exemplars"]]
    assert found
    numbers = [int(one["labels"]["trace_id"], 16) for one in found]
    assert max(numbers) > PROMPTS
    assert [float(one["timestamp"]) for one in found] == [START + STEP * number for number in numbers]
    assert all(0 < float(one["value"]) <= 1 for one in found)


RULES = [rule for group in yaml.safe_load(FILES["grafana-alerts.yaml"]())["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["title"])
def test_what_grafana_asks_for_an_alert_has_the_alert_s_labels(world: World, rule: dict[str, Any]) -> None:
    """Grafana gives a number to an alert where the labels of the one are among those of the other."""
    first, *numbers = [step["model"]["expr"] for step in rule["data"] if "expr" in step["model"]]
    alerts = world.prometheus.query(first)
    found = [world.prometheus.query(number) for number in numbers]
    for labels in alerts:
        assert all(any(labels <= other or other <= labels for other in series) for series in found)


def test_a_process_says_when_it_began(world: World) -> None:
    assert len(world.prometheus.query("process_start_time_seconds and on (job, instance) offmap_up")) == 2


def test_a_page_is_marked_on_the_dashboards(world: World) -> None:
    for name in (name for name in FILES if name.startswith("dashboards/")):
        (marks,) = json.loads(FILES[name]())["annotations"]["list"]
        ((labels, at),) = world.prometheus.query(filled(marks["target"]["expr"])).items()
        assert dict(labels) == {"job": "offmap", "side": "prompt"}
        assert START + PROMPTS * STEP < at / 1000 < START + 2 * PROMPTS * STEP


def test_a_collapse_is_shown_in_its_direction(world: World) -> None:
    panels = json.loads(FILES["dashboards/offmap-map.json"]())["panels"]
    (shown,) = (panel["targets"][0]["expr"] for panel in panels if panel["title"].startswith("Collapse"))
    series = world.prometheus.query("offmap_collapse_z")
    towards = [
        -z if dict(labels)["metric"] in {"diversity", "tail"} else z
        for labels, z in series.items()
        if dict(labels)["metric"] != "verbatim"
    ]
    assert world.prometheus.value(filled(shown)) == max(towards)
    assert max(towards) != max(map(abs, series.values())), "here something else moves further, the harmless way"


QUERIES = [
    pytest.param(
        target,
        panel["fieldConfig"]["defaults"]["unit"],
        id=f"{Path(name).stem} {panel['title']}: {target['refId']}",
    )
    for name in FILES
    if name.startswith("dashboards/")
    for panel in json.loads(FILES[name]())["panels"]
    for target in panel["targets"]
]


NOT_THERE = ['p_value_bucket{@, side="prompt", le="0.001"}'.replace("@", SELECTED)]
"""No p-value of so few held-out texts is so small: then there is no line."""


@pytest.mark.parametrize(("target", "unit"), QUERIES)
def test_each_query_of_a_dashboard_returns_data(world: World, target: dict[str, Any], unit: str) -> None:
    found = world.prometheus.query(filled(target["expr"]))
    assert bool(found) != any(selector in target["expr"] for selector in NOT_THERE)
    assert all(math.isfinite(value) for value in found.values())
    if unit == "percentunit":
        assert all(0 <= value <= 1 for value in found.values())
    named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    assert all(named <= set(dict(labels)) for labels in found), "each line has a name"
    names = [tuple(dict(labels)[one] for one in sorted(named)) for labels in found]
    assert target["format"] == "table" or len(set(names)) == len(names), "of its own"
