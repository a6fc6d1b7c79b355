from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln

from detectors.interval import anytime_interval


def log_ratio(s: float, f: float, p: float) -> float:
    """The defining inequality's left side, by an independent implementation of ln B."""
    with np.errstate(divide="ignore"):
        likelihood = (s * np.log(p) if s else 0.0) + (f * np.log1p(-p) if f else 0.0)
    return float(betaln(0.5 + s, 0.5 + f) - betaln(0.5, 0.5) - likelihood)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([0.01, 0.05, 0.3]))
def test_the_bounds_solve_the_defining_equation(s: int, f: int, alpha: float) -> None:
    lower, upper = (float(bound) for bound in anytime_interval(s, f, alpha))
    share = s / (s + f) if s + f else 0.5
    assert 0 <= lower <= share <= upper <= 1
    tolerance = 1e-3 + 1e-8 * (s + f)
    if lower > 0:
        assert log_ratio(s, f, lower) == pytest.approx(np.log(1 / alpha), abs=tolerance)
    if upper < 1:
        assert log_ratio(s, f, upper) == pytest.approx(np.log(1 / alpha), abs=tolerance)


def test_nothing_counted_bounds_nothing() -> None:
    assert [float(b) for b in anytime_interval(0, 0)] == [0.0, 1.0]


def test_arrays_are_bounded_one_by_one() -> None:
    lower, upper = anytime_interval(np.array([1, 5, 50]), np.array([9, 5, 950]))
    for i, (s, f) in enumerate([(1, 9), (5, 5), (50, 950)]):
        assert (lower[i], upper[i]) == tuple(float(b) for b in anytime_interval(s, f))


@pytest.mark.parametrize("p", [0.01, 0.05, 0.5])
def test_looked_at_a_hundred_times_it_seldom_ever_misses(p: float) -> None:
    rng = np.random.default_rng(3)
    looks = np.unique(np.geomspace(10, 5_000, 100).astype(int))
    streams = np.cumsum(rng.random((400, 5_000)) < p, axis=1)[:, looks - 1]
    lower, upper = anytime_interval(streams, looks - streams, 0.05)
    ever = ((lower > p) | (upper < p)).any(axis=1).mean()
    assert ever <= 0.05
    wald = 1.96 * np.sqrt(streams / looks * (1 - streams / looks) / looks)
    assert (np.abs(streams / looks - p) > wald).any(axis=1).mean() > 0.3  # what the usual interval does


@pytest.mark.parametrize(("s", "f", "alpha"), [(-1, 5, 0.05), (1, -5, 0.05), (1, 5, 0.0), (1, 5, 1.0)])
def test_bad_arguments_are_refused(s: int, f: int, alpha: float) -> None:
    with pytest.raises(ValueError, match="must"):
        anytime_interval(s, f, alpha)
