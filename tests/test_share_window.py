from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.share_window import BUCKETS, ShareWindow

EVENTS = st.lists(st.tuples(st.integers(0, 4_000), st.sampled_from([0.001, 0.05, 0.051, 0.5, 1.0])), max_size=60)


@given(EVENTS, st.integers(1, 9))
def test_it_counts_what_a_list_would(events: list[tuple[int, float]], size: int) -> None:
    """However the stream is cut: against the plain definition, bucket by bucket."""
    window = ShareWindow(600.0, [0.01, 0.05])
    late, too_old, newest_yet = 0, 0, -1
    for t, _ in events:
        newest_yet = max(newest_yet, t // 10)
        too_old += t // 10 <= newest_yet - BUCKETS
    kept: list[tuple[int, float]] = []
    for i in range(0, len(events), size):
        part = events[i : i + size]
        late += window.update(np.array([t for t, _ in part], dtype=float), np.array([p for _, p in part]))
        kept += part
        newest = max(t // 10 for t, _ in kept)
        kept = [(t, p) for t, p in kept if t // 10 > newest - BUCKETS]
    n, hits = window.counts()
    assert n == len(kept)
    assert hits.tolist() == [sum(p <= level for _, p in kept) for level in (0.01, 0.05)]
    assert late == too_old  # whatever the batches


@given(EVENTS)
def test_state_goes_round_and_stays_small(events: list[tuple[int, float]]) -> None:
    first, second = ShareWindow(600.0, [0.05]), ShareWindow(600.0, [0.05])
    times, p_values = np.array([t for t, _ in events], dtype=float), np.array([p for _, p in events])
    first.update(times, p_values)
    state = first.get_state()
    assert sum(array.nbytes for array in state.values()) < 3_000
    assert second.set_state(state)
    more = np.array([4_100.0, 3_900.0])
    assert first.update(more, np.array([0.01, 1.0])) == second.update(more, np.array([0.01, 1.0]))
    assert first.counts()[0] == second.counts()[0]


def test_a_window_of_another_shape_begins_anew() -> None:
    first = ShareWindow(600.0, [0.05])
    first.update(np.array([5.0]), np.array([0.5]))
    for other in (ShareWindow(300.0, [0.05]), ShareWindow(600.0, [0.1]), ShareWindow(600.0, [0.05, 0.1])):
        assert not other.set_state(first.get_state())
        assert other.counts()[0] == 0


def test_a_long_silence_empties_it() -> None:
    window = ShareWindow(60.0, [0.05])
    window.update(np.arange(60.0), np.full(60, 0.01))
    assert window.counts()[0] == 60
    window.update(np.array([1e9]), np.array([0.5]))
    assert (window.counts()[0], window.counts()[1].tolist()) == (1, [0])


def test_times_unknown_are_left_out() -> None:
    window = ShareWindow(60.0, [0.05])
    assert window.update(np.array([np.nan]), np.array([0.01])) == 0
    assert window.counts()[0] == 0


@pytest.mark.parametrize(("length", "levels"), [(0.0, [0.05]), (60.0, [0.0]), (60.0, [1.5])])
def test_bad_arguments_are_refused(length: float, levels: list[float]) -> None:
    with pytest.raises(ValueError, match="length must"):
        ShareWindow(length, levels)
