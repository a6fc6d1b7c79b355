"""Nothing lost, nothing counted twice, no counter steps back: real broker, real Prometheus, real signals."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.pipeline import SIDES
from tests.agent_process import AgentProcess, Counters, parse_samples
from tests.kafka_broker import Broker
from tests.kafka_traffic import new_topic, produce
from tests.prometheus_server import PrometheusServer, counter_steps_back
from tests.small import small_settings

pytestmark = [pytest.mark.kafka, pytest.mark.prometheus, pytest.mark.slow]

MESSAGES = 6_000
COUNTED = ("offmap_records_total", "offmap_texts_total", "offmap_exchanges_total", "offmap_tokens_total")


def messages() -> list[bytes]:
    """Plain and OpenAI-shaped exchanges, and every hundredth message broken."""
    words, draw = ["meter", "bill", "tariff", "boiler", "refund", "outage", "solar", "quote"], random.Random(7)
    made = []
    for i in range(MESSAGES):
        prompt, response = (" ".join(draw.choices(words, k=draw.randint(3, 12))) for _ in SIDES)
        time = 1_750_000_000 + i
        plain = {"id": f"m{i}", "time": time, "prompt": prompt, "response": response}
        asked = {"model": "m", "messages": [{"role": "user", "content": prompt}]}
        answered = {"id": f"m{i}", "created": time, "choices": [{"message": {"content": response}}]}
        pair = {"request": asked, "response": answered}
        made.append(b"{broken" if i % 100 == 99 else json.dumps(pair if i % 2 else plain).encode())
    return made


@pytest.fixture
def topic(broker: Broker) -> str:
    name = new_topic(broker, partitions=3)
    produce(broker, name, messages())
    return name


@pytest.fixture
def agent(broker: Broker, topic: str, tmp_path: Path) -> Iterator[AgentProcess]:
    settings = small_settings(
        kafka={
            "bootstrap_servers": [broker.bootstrap],
            "topics": [topic],
            "group_id": topic,
            "session_timeout_seconds": 6,  # so long the group waits for a member that was killed
        },
        checkpoint={"interval_seconds": 0.3},
        sampling={"min_fraction": 1.0},
    )
    agent = AgentProcess(tmp_path, settings)
    yield agent
    agent.stop()


def progress(agent: AgentProcess) -> float:
    return agent.total("offmap_records_total") / MESSAGES


def straight_run(tmp_path: Path) -> Counters:
    """The same messages through replay, which nothing interrupts."""
    from agent.replay import ReplayOutputs
    from agent.wiring import run_replay
    from config import load_settings

    log, metrics = tmp_path / "log.jsonl", tmp_path / "straight.om"
    log.write_bytes(b"\n".join(messages()) + b"\n")
    run_replay(load_settings(None, small_settings()), [log], ReplayOutputs(metrics=metrics))
    return parse_samples(metrics.read_text().replace("# EOF\n", ""))


def counted(samples: Counters) -> Counters:
    wanted = (*COUNTED, "offmap_p_value_bucket", "offmap_novelty_bucket")
    return {key: value for key, value in samples.items() if key[0] in wanted}


def test_killed_and_stopped_again_and_again_it_counts_what_a_straight_run_counts(
    agent: AgentProcess, tmp_path: Path
) -> None:
    with PrometheusServer(f"127.0.0.1:{agent.port}") as prometheus:
        ends = [(0.15, signal.SIGKILL), (0.35, signal.SIGTERM), (0.5, signal.SIGKILL), (0.7, signal.SIGKILL)]
        for share, how in ends:
            agent.start().wait_until(lambda a, share=share: progress(a) >= share)
            status = agent.end(how)
            assert status == (0 if how == signal.SIGTERM else -signal.SIGKILL)
        agent.start().wait_until(lambda a: progress(a) >= 1.0)
        agent.wait_until(lambda _: prometheus.value("sum(offmap_records_total)") == MESSAGES, 15)
        assert agent.end() == 0
        for name in COUNTED:
            series = prometheus.raw(name)
            assert series
            for points in series.values():
                assert not counter_steps_back(points)
    assert counted(shown_after_all(agent)) == counted(straight_run(tmp_path))
    assert "meter" not in agent.log.read_text()


def test_configured_anew_again_and_again_it_counts_what_a_straight_run_counts(
    agent: AgentProcess, tmp_path: Path
) -> None:
    with PrometheusServer(f"127.0.0.1:{agent.port}") as prometheus:
        agent.start().wait_until(lambda a: progress(a) >= 0.1)
        agent.configure({"regions": {"max_regions": 4}})
        agent.wait_until(lambda a: progress(a) >= 0.4)
        agent.configure({"server": {"port": 1}})
        agent.wait_until(lambda a: a.total("offmap_config_last_reload_successful") == 0.0)
        agent.configure({"server": {"port": agent.port}, "windows": {"lengths": ["1h"]}})
        agent.wait_until(lambda a: a.total("offmap_config_last_reload_successful") == 1.0)
        os.kill(agent.pid, signal.SIGHUP)
        agent.wait_until(lambda a: progress(a) >= 1.0)
        agent.wait_until(lambda _: prometheus.value("sum(offmap_records_total)") == MESSAGES, 15)
        agent.wait_until(lambda a: a.total("offmap_checkpoint_loads_total", outcome="resumed") >= 2)
        for name in COUNTED:
            series = prometheus.raw(name)
            assert series
            for points in series.values():
                assert not counter_steps_back(points)
    assert counted(agent.samples()) == counted(straight_run(tmp_path))
    assert {dict(labels)["window"] for name, labels in agent.samples() if name == "offmap_uncovered_share"} == {"1h"}


def shown_after_all(agent: AgentProcess) -> Counters:
    """What the agent shows when started once more, with nothing left to read."""
    agent.start().wait_until(lambda a: a.get("/readyz")[0] == 200)
    samples = agent.samples()
    assert agent.end() == 0
    return samples
