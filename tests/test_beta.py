from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from detectors.beta import beta_distribution, beta_quantile, t_quantile

SHAPES = st.floats(0.5, 30_000)


@given(st.floats(0.001, 0.999), SHAPES, SHAPES)
def test_the_quantile_is_scipys(q: float, a: float, b: float) -> None:
    assert float(beta_quantile(q, a, b)) == pytest.approx(stats.beta.ppf(q, a, b), rel=1e-6, abs=1e-12)


@given(st.floats(0, 1), SHAPES, SHAPES)
def test_the_distribution_is_scipys(x: float, a: float, b: float) -> None:
    got = float(beta_distribution(np.array(x), np.array(a), np.array(b)))
    assert got == pytest.approx(stats.beta.cdf(x, a, b), abs=1e-8)


@given(st.floats(0.501, 0.9999), st.integers(1, 500))
def test_students_t_is_scipys(q: float, degrees: int) -> None:
    assert t_quantile(q, degrees) == pytest.approx(stats.t.ppf(q, degrees), rel=1e-6)


def test_it_works_on_arrays() -> None:
    q, a = np.array([0.1, 0.9]), np.array([[1.0], [50.0], [3000.0]])
    assert beta_quantile(q, a, 7.0) == pytest.approx(stats.beta.ppf(q, a, 7.0), rel=1e-8)
