"""From snapshots to the exposition formats: a collector that only reads, on a registry of its own."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar as OpenMetricsExemplar

from agent.metric_row import Metric
from agent.metric_table import METRICS
from agent.tally import Exemplar, Histogram, Labels, Sample, Snapshot

if TYPE_CHECKING:
    from agent.board import Board


class BoardCollector(Collector):
    """Shows a board's snapshot and its live values; a metric that nothing is known of has no series."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def describe(self) -> Iterable[Family]:
        """Name the families without computing any."""
        return (_family(metric) for metric in METRICS)

    def collect(self) -> Iterable[Family]:
        """Build the families of one scrape."""
        return families({**self._board.snapshot, **self._board.live()})


def families(snapshot: Snapshot) -> list[Family]:
    """Turn a snapshot into metric families, in the order of the table."""
    found: list[Family] = []
    for metric in METRICS:
        family = _family(metric)
        for labels, sample in snapshot.get(metric.name, {}).items():
            _add(metric, family, labels, sample)
        if family.samples:
            found.append(family)
    return found


def registry_for(board: Board) -> CollectorRegistry:
    """Make the registry that `/metrics` shows: the board, and this process's memory, CPU and Python version."""
    registry = CollectorRegistry()
    registry.register(BoardCollector(board))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


class _Fixed(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Family]:
        return families(self._snapshot)


def render_openmetrics(snapshot: Snapshot) -> bytes:
    """Write a snapshot as an OpenMetrics text, `# EOF` included; the same snapshot gives the same bytes."""
    registry = CollectorRegistry()
    registry.register(_Fixed(snapshot))
    rendered: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return rendered


_Labelled = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily | InfoMetricFamily


def _family(metric: Metric) -> _Labelled:
    if metric.kind == "counter":
        return CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    if metric.kind == "histogram":
        return HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    if metric.kind == "info":
        return InfoMetricFamily(metric.name, metric.help)
    return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)


def _add(metric: Metric, family: _Labelled, labels: Labels, sample: Sample) -> None:
    if isinstance(sample, Histogram) and isinstance(family, HistogramMetricFamily):
        edges = [*(f"{edge:g}" for edge in metric.edges), "+Inf"]
        buckets = [
            _bucket(edge, count, sample.exemplars.get(i))
            for i, (edge, count) in enumerate(zip(edges, accumulate(sample.counts), strict=True))
        ]
        family.add_metric(labels, buckets=buckets, sum_value=sample.total)
    elif isinstance(family, InfoMetricFamily):
        family.add_metric((), dict(zip(metric.labels, labels, strict=True)))
    elif isinstance(family, CounterMetricFamily | GaugeMetricFamily) and not isinstance(sample, Histogram):
        family.add_metric(labels, sample)


def _bucket(
    edge: str, count: float, example: Exemplar | None
) -> tuple[str, float] | tuple[str, float, OpenMetricsExemplar]:
    if example is None:
        return edge, count
    return edge, count, OpenMetricsExemplar({"trace_id": example.trace_id}, example.value, example.time)
