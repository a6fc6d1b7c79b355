"""What several agents of one group say together, beside one agent that sees all; by the README's own queries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from agent.assembly import build_pipeline
from agent.board import Board
from agent.intake import Clocks
from agent.metric_table import BY_NAME
from agent.profile import read_profile
from agent.records import Record
from agent.sampling import HashSampler
from agent.server import MetricsServer
from agent.tally import Histogram, Snapshot
from config import load_settings
from detectors.evidence import pooled_evidence
from tests.needs import require_prometheus
from tests.prometheus_server import PrometheusServer
from tests.readme import README
from tests.small import ODD, sentences, small_profile, small_settings

START = 1_750_000_000.0
SETTINGS = {
    "pager": {"tolerated_share": 0.05, "run_length": 2_000},
    "slices": {"field": "tenant", "values": ["a", "b"]},
}
FAILED = {("0.01", "loop"): 3.0, ("0.05", "loop"): 5.0, ("0.2", "loop"): 2.0, ("1", "loop"): 8.0}
ANSWERED = {("0.01", "loop"): 10.0, ("0.05", "loop"): 10.0, ("0.2", "loop"): 40.0, ("1", "loop"): 60.0}
PAGER = ("prompt", "tolerated")
SCRIPTS = {"offmap_reference_script_share": {("prompt", "latin"): 0.75, ("prompt", "han"): 0.25}}


def traffic(n: int, odd: float) -> list[Record]:
    draw = np.random.default_rng(0)
    known, strange = sentences(n, 21), sentences(n, 22, ODD)
    rows = [
        {"id": str(i), "time": START + i, "prompt": s if draw.random() < odd else k, "tenant": "abc"[i % 3]}
        for i, (k, s) in enumerate(zip(known, strange, strict=True))
    ]
    return [Record("chat", i % 4, i // 4, json.dumps(row).encode()) for i, row in enumerate(rows)]


def seen(records: list[Record]) -> Snapshot:
    settings = load_settings(None, small_settings(**SETTINGS))
    clocks = Clocks(now=None, horizon=lambda: START + 1e6, timer=lambda: 0.0)
    pipeline = build_pipeline(settings, read_profile(small_profile()), clocks, HashSampler())
    for i in range(0, len(records), 64):
        pipeline.process(records[i : i + 64])
    return pipeline.evaluate()


def shared(records: list[Record], agents: int = 2) -> list[Snapshot]:
    return [seen([record for record in records if record.partition % agents == i]) for i in range(agents)]


def added(snapshots: list[Snapshot], name: str) -> dict[Any, Any]:
    total: dict[Any, Any] = {}
    for snapshot in snapshots:
        for labels, sample in snapshot.get(name, {}).items():
            counts = np.array(sample.counts) if isinstance(sample, Histogram) else sample
            kept = tuple(zip(BY_NAME[name].labels, labels, strict=True))
            shown = tuple(pair for pair in kept if pair[0] != "region")  # each agent names its own
            total[shown] = total.get(shown, 0) + counts
    return total


@pytest.fixture(scope="module")
def drifted() -> tuple[Snapshot, list[Snapshot]]:
    records = traffic(600, odd=0.3)
    return seen(records), shared(records)


def test_counters_and_histograms_add_up_exactly(drifted: tuple[Snapshot, list[Snapshot]]) -> None:
    whole, parts = drifted
    sums = [name for name in whole if BY_NAME[name].kind in {"counter", "histogram"}]
    assert {"offmap_p_value", "offmap_texts", "offmap_slice_texts", "offmap_tokens"} <= set(sums)
    for name in sums:
        one, several = added([whole], name), added(parts, name)
        assert one.keys() == several.keys(), name
        assert all(np.array_equal(one[labels], several[labels]) for labels in one), name


def test_pooled_evidence_pages_on_drift_and_not_without(drifted: tuple[Snapshot, list[Snapshot]]) -> None:
    def paged(snapshots: list[Snapshot]) -> bool:
        evidence = [float(s["offmap_pager_evidence"][PAGER]) for s in snapshots]  # type: ignore[arg-type]
        return pooled_evidence(evidence) >= float(snapshots[0]["offmap_pager_threshold"][PAGER])  # type: ignore[arg-type]

    whole, parts = drifted
    assert paged([whole])
    assert paged(parts)
    quiet = traffic(600, odd=0.0)
    assert not paged([seen(quiet)])
    assert not paged(shared(quiet))


@pytest.fixture
def prometheus(drifted: tuple[Snapshot, list[Snapshot]]) -> Iterator[PrometheusServer]:
    require_prometheus()
    boards = [Board(), Board()]
    for board, snapshot in zip(boards, drifted[1], strict=True):
        records = {("decoded",): 9.0, ("unrecognised",): 3.0}
        more = {"offmap_reference_tokens": {("prompt",): 10.0}, **SCRIPTS, "offmap_records": records}
        more |= {"offmap_outcomes": FAILED, "offmap_outcome_exchanges": ANSWERED}
        more["offmap_provenance_exchanges"] = {("0.3", "1"): 6.0, ("0.7", "0.05"): 1.0, ("1", "0.01"): 3.0}
        board.snapshot = {**snapshot, **more}
    servers = [MetricsServer(board, "127.0.0.1", 0) for board in boards]
    try:
        with PrometheusServer(*(f"127.0.0.1:{server.port}" for server in servers)) as prometheus:
            prometheus.wait_for("count(offmap_pager_evidence) == 2")
            yield prometheus
    finally:
        for server in servers:
            server.close()


@pytest.mark.prometheus
def test_the_readmes_queries_say_what_one_agent_would(
    prometheus: PrometheusServer, drifted: tuple[Snapshot, list[Snapshot]]
) -> None:
    queries = re.findall(r"```promql\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    names = "unread unmapped alert regions half lift length scripts failures synthetic by_slice share evidence page"
    query = dict(zip(names.split(), queries, strict=True))
    whole, parts = drifted
    assert prometheus.value(query["unread"]) == 0.25
    assert prometheus.value(query["unmapped"]) == 1
    assert prometheus.value(query["synthetic"]) == 0.4
    assert prometheus.value(query["failures"]) == pytest.approx((8 / 20) / (10 / 100))
    histogram = whole["offmap_p_value"]["prompt",]
    assert isinstance(histogram, Histogram)
    counts = np.array(histogram.counts)
    covered = counts[: BY_NAME["offmap_p_value"].edges.index(0.05) + 1].sum() / counts.sum()
    assert prometheus.value(query["share"]) == pytest.approx(covered)
    closer = counts[BY_NAME["offmap_p_value"].edges.index(0.5) + 1 :].sum() / counts.sum()
    assert prometheus.value(query["half"]) == pytest.approx(closer)
    paged = [s["offmap_pager_alarm"][PAGER] for s in parts]
    assert len(prometheus.query(query["alert"])) == sum(paged) > 0  # type: ignore[arg-type]
    pooled = pooled_evidence([float(s["offmap_pager_evidence"][PAGER]) for s in parts])  # type: ignore[arg-type]
    assert prometheus.value(query["evidence"]) == prometheus.value(query["page"]) == pytest.approx(pooled)
    tokens, texts = whole["offmap_tokens"]["prompt",], whole["offmap_texts"]["prompt", "scored"]
    assert prometheus.value(query["length"]) == pytest.approx(float(tokens) / float(texts) / 10)  # type: ignore[arg-type]
    assert list(prometheus.query(query["scripts"]).values()) == pytest.approx([0.25])
    lifts = prometheus.query(f'({query["lift"]}) and {{window="1h", level="0.05"}}')
    expected = [float(s["offmap_uncovered_share"]["prompt", "1h", "0.05"]) / 0.05 for s in parts]  # type: ignore[arg-type]
    assert sorted(lifts.values()) == pytest.approx(sorted(expected))
    counts = added([whole], "offmap_slice_texts")
    off = {
        name: sum(n for k, n in counts.items() if ("slice", name) in k and k[1][1] in {"0.01", "0.05"}) for name in "ab"
    }
    all_ = {name: sum(n for k, n in counts.items() if ("slice", name) in k) for name in "ab"}
    told = prometheus.query(query["by_slice"])
    assert len(told) == 3
    assert {round(off[name] / all_[name], 6) for name in "ab"} <= {round(value, 6) for value in told.values()}
    by_region = [
        float(count) / float(s["offmap_texts"]["prompt", "scored"])  # type: ignore[arg-type]
        for s in parts
        for labels, count in s["offmap_region_texts"].items()
        if labels[0] == "prompt"
    ]
    assert len(by_region) > 2
    assert sorted(prometheus.query(query["regions"]).values()) == pytest.approx(sorted(by_region))
