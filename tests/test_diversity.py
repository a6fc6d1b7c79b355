import numpy as np
import pytest

from detectors.blocks import unit_rows
from detectors.diversity import DiversityBaseline, DiversityWindow, vendi_scores
from detectors.diversity_fit import fit_diversity

DIM = 24
BASELINE = DiversityBaseline(100, np.log([20.0, 15.0, 8.0]), np.full(3, 0.05))


def texts(rng, n, topics=12):
    centres = np.random.default_rng(77).standard_normal((topics, DIM))
    return unit_rows((centres[rng.integers(topics, size=n)] + 0.4 * rng.standard_normal((n, DIM))).astype(np.float32))


def directly(rows):
    """From the n × n similarities, by the definition."""
    n = len(rows)
    similarities = rows.astype(np.float64) @ rows.T
    values = np.linalg.eigvals(similarities / n).real
    values = values[values > 1e-12]
    off_diagonal = similarities[~np.eye(n, dtype=bool)]
    return [np.sum(values**0.5) ** 2, np.exp(-np.sum(values * np.log(values))), 1 / np.mean(off_diagonal**2)]


def scores(window):
    return [m.value for m in window.measure() if m.name == "diversity"]


def test_scores_are_those_of_the_similarity_matrix():
    rows = texts(np.random.default_rng(0), 100)
    window = DiversityWindow(BASELINE)
    window.update(rows)
    np.testing.assert_allclose(scores(window), directly(rows), rtol=1e-3)


def test_order_2_does_not_depend_on_n_and_the_others_do():
    rng = np.random.default_rng(1)

    def mean_at(n):
        drawn = [texts(rng, n) for _ in range(60)]
        return np.mean([vendi_scores(x.T.astype(float) @ x / n, n) for x in drawn], axis=0)

    small, large = mean_at(50), mean_at(400)
    assert small[2] == pytest.approx(large[2], rel=0.03)
    assert small[0] < 0.97 * large[0]


def test_one_text_over_and_over_has_diversity_1():
    window = DiversityWindow(BASELINE)
    window.update(np.tile(texts(np.random.default_rng(2), 1), (100, 1)))
    np.testing.assert_allclose(scores(window), 1, atol=1e-3)


def test_orthogonal_texts_have_no_finite_order_2():
    window = DiversityWindow(DiversityBaseline(3, np.zeros(3), np.ones(3)))
    window.update(np.eye(3, dtype=np.float32))
    assert scores(window) == pytest.approx([3, 3])


def test_shows_the_last_full_window_only():
    rng = np.random.default_rng(3)
    window = DiversityWindow(BASELINE)
    window.update(texts(rng, 99))
    assert window.measure() == []
    window.update(texts(rng, 101, topics=2))
    second = scores(window)
    assert second[1] < 12
    window.update(texts(rng, 99))
    assert scores(window) == second


def test_batches_do_not_matter_to_the_bit_and_state_goes_on():
    rows = texts(np.random.default_rng(4), 250)
    whole, cut = DiversityWindow(BASELINE), DiversityWindow(BASELINE)
    whole.update(rows)
    for part in np.split(rows, [1, 70, 99, 101, 180]):
        again = DiversityWindow(BASELINE)
        assert again.set_state(cut.get_state())
        cut = again
        cut.update(part)
    for name, array in whole.get_state().items():
        np.testing.assert_array_equal(array, cut.get_state()[name])
    other = DiversityWindow(DiversityBaseline(50, BASELINE.mean, BASELINE.sd))
    assert not other.set_state(whole.get_state())


def test_baseline_makes_accepted_windows_centred_and_a_collapse_far_below():
    rng = np.random.default_rng(5)
    baselines = fit_diversity(texts(rng, 3000))
    assert list(baselines) == [256, 512, 1024]
    z = []
    for _ in range(40):
        window = DiversityWindow(baselines[256])
        window.update(texts(rng, 256))
        z.append([m.value for m in window.measure() if m.name == "diversity_z"])
    assert np.abs(np.mean(z, axis=0)).max() < 1
    assert 0.6 < np.std(z, axis=0).min() < np.std(z, axis=0).max() < 1.6
    window = DiversityWindow(baselines[256])
    window.update(np.concatenate([texts(rng, 128), np.tile(texts(rng, 1), (128, 1))]))
    assert all(m.value < -4 for m in window.measure() if m.name == "diversity_z")
    assert all(m.value < 0.8 for m in window.measure() if m.name == "diversity_ratio")


def test_sizes_beyond_half_the_texts_have_no_baseline():
    assert list(fit_diversity(texts(np.random.default_rng(6), 600))) == [256]
