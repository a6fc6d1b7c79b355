"""Cumulative counters and histograms as plain data: counted here, saved with the checkpoint, shown on /metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.metric_table import BY_NAME

Labels = tuple[str, ...]
State = dict[str, npt.NDArray[Any]]


class Exemplar(NamedTuple):
    """One of the values of a bucket, with the trace that it is of and its event time in seconds since the epoch."""

    trace_id: str
    value: float
    time: float


class Histogram(NamedTuple):
    """Counts for each bucket of the metric's edges plus one beyond the last, the sum of the values, and exemplars."""

    counts: tuple[int, ...]
    total: float
    exemplars: Mapping[int, Exemplar] = MappingProxyType({})


Sample = float | Histogram
Snapshot = Mapping[str, Mapping[Labels, Sample]]
"""Metric name → label values → value. Immutable by agreement: made anew for every checkpoint, never changed after."""


class Tally:
    """Counters and histograms by metric name and label values.

    Names and labels come from code and fixed lists only, so its size is bounded.

    Examples
    --------
    >>> tally = Tally()
    >>> tally.add("offmap_records", ("decoded",), 3)
    >>> tally.samples()["offmap_records"]
    {('decoded',): 3.0}
    """

    def __init__(self) -> None:
        self._counters: dict[tuple[str, Labels], float] = {}
        self._histograms: dict[tuple[str, Labels], npt.NDArray[np.float64]] = {}
        self._exemplars: dict[tuple[str, Labels], dict[int, Exemplar]] = {}

    def add(self, name: str, labels: Labels, amount: float = 1.0) -> None:
        """Count `amount` more."""
        key = (name, labels)
        self._counters[key] = self._counters.get(key, 0.0) + amount

    def observe(self, name: str, labels: Labels, values: npt.NDArray[np.float64]) -> None:
        """Sort `values`, shape (n,), finite, into the metric's buckets: a bucket holds what is at or below its edge."""
        edges = BY_NAME[name].edges
        kept = self._histograms.setdefault((name, labels), np.zeros(len(edges) + 2))
        kept[:-1] += np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
        # one after the other, so that the bits of the sum don't depend on how the stream was cut into batches
        kept[-1] = np.add.accumulate(np.append(kept[-1:], values))[-1]

    def illustrate(
        self,
        name: str,
        labels: Labels,
        values: npt.NDArray[np.float64],
        times: npt.NDArray[np.float64],
        traces: Sequence[str | None],
    ) -> None:
        """Keep, for each bucket of a histogram, the newest of n values that have a trace and an event time.

        They show where to look and are no state: after a restart they begin anew.
        """
        newest = self._exemplars.setdefault((name, labels), {})
        buckets = np.searchsorted(BY_NAME[name].edges, values, side="left").tolist()
        for bucket, value, time, trace in zip(buckets, values.tolist(), times.tolist(), traces, strict=True):
            if trace is None or not (isfinite(value) and isfinite(time)):
                continue
            if bucket not in newest or time >= newest[bucket].time:  # Prometheus takes them in the order of time only
                newest[bucket] = Exemplar(trace, value, time)

    def samples(self) -> dict[str, dict[Labels, Sample]]:
        """Copy everything counted so far."""
        found: dict[str, dict[Labels, Sample]] = {}
        for (name, labels), value in self._counters.items():
            found.setdefault(name, {})[labels] = value
        for (name, labels), kept in self._histograms.items():
            counts = tuple(int(count) for count in kept[:-1])
            exemplars = MappingProxyType(dict(self._exemplars.get((name, labels), {})))
            found.setdefault(name, {})[labels] = Histogram(counts, float(kept[-1]), exemplars)
        return found

    def get_state(self) -> State:
        """Everything as arrays."""
        keys = [*self._counters, *self._histograms]
        return {
            "keys": np.frombuffer(json.dumps([[name, *labels] for name, labels in keys]).encode(), dtype=np.uint8),
            "counters": np.array(list(self._counters.values()), dtype=np.float64),
            "histograms": np.concatenate([np.zeros(0), *self._histograms.values()]),
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`. A metric that no longer exists, or has other edges now, is left out."""
        keys = [(name, tuple(labels)) for name, *labels in json.loads(state["keys"].tobytes())]
        n_counters = len(state["counters"])
        self._counters = {
            key: float(value)
            for key, value in zip(keys[:n_counters], state["counters"], strict=True)
            if key[0] in BY_NAME
        }
        self._histograms = dict(_cut(keys[n_counters:], state["histograms"]))


def _cut(
    keys: list[tuple[str, Labels]], flat: npt.NDArray[np.float64]
) -> list[tuple[tuple[str, Labels], npt.NDArray[np.float64]]]:
    widths = [len(BY_NAME[name].edges) + 2 if name in BY_NAME else 0 for name, _ in keys]
    if sum(widths) != len(flat):
        return []
    parts = np.split(flat, np.cumsum(widths)[:-1]) if keys else []
    return [(key, part.copy()) for key, part in zip(keys, parts, strict=True)]
