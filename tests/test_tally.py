from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.metric_table import BY_NAME, METRICS, P_VALUE_EDGES
from agent.tally import Exemplar, Histogram, Tally


def test_an_edge_belongs_to_its_bucket() -> None:
    tally = Tally()
    tally.observe("offmap_p_value", ("prompt",), np.array([0.05, 0.0500001, 1.0, 0.00001]))
    histogram = tally.samples()["offmap_p_value"]["prompt",]
    assert isinstance(histogram, Histogram)
    by_edge = dict(zip(P_VALUE_EDGES, histogram.counts, strict=False))
    assert (by_edge[0.0001], by_edge[0.05], by_edge[0.1], by_edge[1.0]) == (1, 1, 1, 1)
    assert histogram.counts[-1] == 0


def test_each_bucket_shows_the_newest_value_that_has_a_trace() -> None:
    tally = Tally()
    values, times = np.array([0.04, 0.03, 0.6, np.nan, 0.7]), np.array([5.0, 4.0, np.nan, 9.0, 9.0])
    tally.observe("offmap_p_value", ("prompt",), values[[0, 1, 2, 4]])
    tally.illustrate("offmap_p_value", ("prompt",), values, times, ["a", "b", "c", "d", None])
    histogram = tally.samples()["offmap_p_value"]["prompt",]
    assert isinstance(histogram, Histogram)
    assert dict(histogram.exemplars) == {P_VALUE_EDGES.index(0.05): Exemplar("a", 0.04, 5.0)}
    again = Tally()
    again.set_state(tally.get_state())
    restored = again.samples()["offmap_p_value"]["prompt",]
    assert restored == histogram._replace(exemplars={})


@given(st.lists(st.tuples(st.sampled_from(["decoded", "not_json"]), st.integers(0, 10**6)), max_size=20))
def test_state_goes_round(adds: list[tuple[str, int]]) -> None:
    tally = Tally()
    for outcome, amount in adds:
        tally.add("offmap_records", (outcome,), amount)
        tally.observe("offmap_novelty", ("prompt",), np.array([float(amount % 7)]))
    again = Tally()
    again.set_state(tally.get_state())
    assert again.samples() == tally.samples()


def test_what_no_longer_exists_is_left_out() -> None:
    tally = Tally()
    tally.add("offmap_records", ("decoded",), 5)
    state = tally.get_state()
    state["keys"] = np.frombuffer(b'[["offmap_gone", "x"]]', dtype=np.uint8)
    again = Tally()
    again.set_state(state)
    assert again.samples() == {}


def test_the_table_names_each_metric_once_and_well() -> None:
    assert len(BY_NAME) == len(METRICS)
    for metric in METRICS:
        assert metric.name.startswith("offmap_")
        assert not metric.name.endswith(("_total", "_info"))
        assert metric.help.endswith(".") or metric.help.endswith(":")
        assert bool(metric.edges) == (metric.kind == "histogram")
        assert list(metric.edges) == sorted(set(metric.edges))
