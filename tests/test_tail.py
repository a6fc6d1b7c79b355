import numpy as np
import pytest

from detectors.tail import alpha_precision, integrated_precision, tail_lift

EDGES = (0.001, 0.01, 0.05, 0.2, 1.0)


def histogram(p_values):
    return np.bincount(np.searchsorted(EDGES, p_values, side="left"), minlength=len(EDGES))


def test_lift_is_the_share_over_the_level_with_the_shares_bounds():
    p_values = np.random.default_rng(0).random(5000) ** 2
    lift = tail_lift(histogram(p_values), EDGES, 0.05)
    assert lift.n == 5000
    assert lift.value == pytest.approx((p_values <= 0.05).mean() / 0.05)
    assert lift.lower < np.sqrt(0.05) / 0.05 < lift.upper


def test_lift_of_training_is_one():
    lift = tail_lift(histogram(np.random.default_rng(1).random(100_000)), EDGES, 0.01)
    assert lift.lower < 1 < lift.upper
    assert lift.value == pytest.approx(1, abs=0.1)


def test_no_texts_no_numbers():
    assert tail_lift([0] * 5, EDGES, 0.01) is None
    assert integrated_precision([0] * 5, EDGES) is None


def test_what_is_no_histogram_is_refused():
    with pytest.raises(ValueError, match=r"level 0\.02 is not among"):
        tail_lift([1] * 5, EDGES, 0.02)
    for counts, edges in (([1, 2], EDGES), ([1, 2], (0.5, 0.9)), ([1, 2], (1.0, 1.0)), ([1, -2], (0.5, 1.0))):
        with pytest.raises(ValueError, match="one count"):
            tail_lift(counts, edges, edges[0])


def test_alpha_precision_counts_texts_in_the_alpha_support():
    p_values = np.random.default_rng(2).beta(0.5, 1, size=2000)
    alphas, precisions = alpha_precision(histogram(p_values), EDGES)
    for alpha, precision in zip(alphas, precisions, strict=True):
        assert precision == pytest.approx((p_values > 1 - alpha).mean())


def test_integrated_precision_is_the_integral():
    p_values = np.random.default_rng(3).beta(0.4, 1, size=20_000)
    fine = tuple(np.linspace(0.001, 1, 1000))
    counts = np.bincount(np.searchsorted(fine, p_values, side="left"), minlength=len(fine))
    alphas = np.linspace(0, 1, 2001)
    gaps = np.abs([(p_values > 1 - alpha).mean() - alpha for alpha in alphas])
    assert integrated_precision(counts, fine) == pytest.approx(1 - 2 * np.trapezoid(gaps, alphas), abs=0.002)
    uniform = np.random.default_rng(4).random(20_000)
    assert integrated_precision(histogram(uniform), EDGES) == pytest.approx(1, abs=0.02)
