"""The ratio of two failure rates: its bounds hold at all looks, and its evidence says the same as they do."""

from __future__ import annotations

from math import log

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.failure_ratio import FEWEST_FAILURES, failure_ratio, ratio_bounds


@settings(max_examples=60)
@given(
    failed=st.integers(15, 300), passed=st.integers(0, 3_000), other=st.integers(0, 300), well=st.integers(0, 9_000),
    alpha=st.sampled_from([0.01, 0.05, 0.2]),
)  # fmt: skip
def test_the_evidence_passes_the_threshold_where_the_lower_bound_passes_one(
    failed: int, passed: int, other: int, well: int, alpha: float
) -> None:
    found = failure_ratio((failed, failed + passed), (other, other + well + 1), alpha)
    assert found is not None
    if abs(found.lower - 1) > 1e-6:
        assert (found.evidence > log(1 / alpha)) == (found.lower > 1)
    if found.ratio is not None:
        assert found.lower <= found.ratio
        assert found.upper is None or found.ratio <= found.upper


def test_equal_rates_are_hardly_ever_missed_at_any_look() -> None:
    """200 pairs of streams of 2,000, looked at 20 times: α is 5 % for all looks together, and the bounds are wide."""
    rng = np.random.default_rng(3)
    failed, n = np.zeros((2, 200), dtype=np.int64), np.zeros((2, 200), dtype=np.int64)
    missed = np.zeros(200, dtype=np.bool_)
    for _ in range(20):
        steps = rng.multinomial(100, [0.1, 0.9], size=200).T
        n += steps
        failed += rng.binomial(steps, 0.3)
        lower, upper = ratio_bounds((failed[0], n[0]), (failed[1], n[1]), 0.05)
        missed |= (failed[0] >= FEWEST_FAILURES) & ((lower > 1) | (upper < 1))
    assert missed.mean() <= 0.02


def test_a_difference_is_found() -> None:
    found = failure_ratio((120, 400), (300, 3_000), 0.05)
    assert found is not None
    assert found.lower > 1.5
    assert found.evidence > 20
