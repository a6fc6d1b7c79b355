import numpy as np
import pytest

from detectors.coverage import CellCoverage, gap_limits, unvisited_by_chance
from detectors.coverage_fit import USUAL, fair_counts, fit_trust


def found(coverage, field=""):
    return {m.name: m.value for m in coverage.measure() if m.field == field}


def test_chance_of_a_missed_ball_of_k_neighbours_is_the_closed_form():
    n, messages, k = 40, 30, 3
    expected = np.prod([(n - i) / (n + messages - i) for i in range(k)])
    assert unvisited_by_chance(np.array([k, n + 1.0 - k]), messages)[0] == pytest.approx(expected, rel=1e-9)


def test_chance_of_a_missed_cell_is_what_simulation_gives():
    rng = np.random.default_rng(0)
    counts = np.array([0.5, 2.0, 7.5, 30.0])
    shares = rng.dirichlet(counts, size=200_000)
    np.testing.assert_allclose(unvisited_by_chance(counts, 25), ((1 - shares) ** 25).mean(axis=0), atol=0.003)


def test_cells_of_nothing_and_of_everything_are_certain():
    assert unvisited_by_chance(np.array([0.0, 5.0]), 3).tolist() == [1.0, 0.0]
    assert gap_limits(np.array([0.0, 5.0]), 100.0)[0] == 1  # no share, no visit, no false claim


def test_ratio_is_one_without_drift_whatever_the_volume():
    rng = np.random.default_rng(1)
    shares = rng.dirichlet(np.full(200, 2.0))
    training = rng.multinomial(20_000, shares).astype(float)
    for messages in (100, 1000, 5000):
        coverage = CellCoverage(training, 1e6, horizons=[10_000])
        coverage.update(rng.choice(200, size=messages, p=shares))
        measured = found(coverage, "10000")
        assert measured["cell_coverage_ratio"] == pytest.approx(1, abs=0.06)
        assert measured["unvisited_mass"] == pytest.approx(0, abs=0.06)
        assert "cell_density" not in measured  # the horizon is not full


def test_half_of_the_cells_gone_shows_in_ratio_mass_and_lost_cells():
    rng = np.random.default_rng(2)
    training = np.full(100, 50.0)
    coverage = CellCoverage(training, 5000, horizons=[1000])
    coverage.update(rng.integers(100, size=5000))
    assert found(coverage)["lost_cells"] == 0
    assert "lost_evidence" not in found(coverage)
    coverage.update(rng.integers(50, size=3000))
    assert found(coverage)["lost_evidence"] == pytest.approx(-np.log(0.99**3000), rel=0.4)  # 30.2, if shares were known
    measured = found(coverage, "1000")
    assert measured["cell_coverage_ratio"] == pytest.approx(0.5, abs=0.01)
    assert measured["unvisited_mass"] == pytest.approx(0.5, abs=0.01)
    assert found(coverage)["lost_mass"] == pytest.approx(0.5)
    assert coverage.lost().tolist() == list(range(50, 100))
    coverage.update(np.array([99]))
    assert found(coverage)["lost_cells"] == 49


def test_density_is_one_for_training_and_more_in_its_dense_part():
    rng = np.random.default_rng(3)
    shares = np.repeat([3.0, 1.0], 50) / 200
    coverage = CellCoverage(20_000 * shares, 1e6, horizons=[500])
    coverage.update(rng.choice(100, size=5000, p=shares))
    assert found(coverage, "500")["cell_density"] == pytest.approx(1, abs=0.06)
    coverage.update(rng.integers(50, size=5000))
    assert found(coverage, "500")["cell_density"] == pytest.approx(1.2, abs=0.01)  # 3/200 over the mean of 2.5/200


def test_false_claims_of_lost_cells_are_as_rare_as_asked():
    rng = np.random.default_rng(4)
    run_length, n_messages, claims = 2000, 20_000, 0
    for _ in range(20):
        training = rng.multinomial(2000, rng.dirichlet(np.full(40, 1.0)) * 0.9999 + 0.0001 / 40) + 0.5
        truth = rng.dirichlet(training)
        limits = gap_limits(training, run_length)
        cells = rng.choice(40, size=n_messages, p=truth)
        for cell in range(40):
            gaps = np.diff(np.concatenate([[-1], np.flatnonzero(cells == cell), [n_messages]])) - 1
            claims += int((gaps >= limits[cell]).sum())
    asked = 20 * n_messages / run_length
    assert 0.3 * asked < claims < 1.5 * asked


def test_batches_do_not_matter_and_state_goes_on():
    rng = np.random.default_rng(5)
    cells, training = rng.integers(30, size=500), np.arange(1.0, 31.0)
    whole, cut = CellCoverage(training, 1000), CellCoverage(training, 1000)
    whole.update(cells)
    for part in np.split(cells, [1, 64, 65, 300]):
        again = CellCoverage(training, 1000)
        assert again.set_state(cut.get_state())
        cut = again
        cut.update(part)
    assert cut.measure() == whole.measure()
    assert not CellCoverage(training, 1000, horizons=[7]).set_state(whole.get_state())
    assert not CellCoverage(training[:-1], 1000).set_state(whole.get_state())


def test_silent_before_the_first_text():
    assert CellCoverage(np.array([3.0, 4.0]), 1000).measure() == []


def test_fair_counts_find_flattered_small_cells():
    rng = np.random.default_rng(6)
    counts = np.repeat([2, 40], 200)
    truth = np.repeat([0.5, 40.0], 200)  # small cells get a quarter of what their counts promise
    held_out = rng.multinomial(4000, truth / truth.sum())
    fair = fair_counts(counts, fit_trust(counts, held_out))
    share = fair[:200].sum() / fair.sum()
    assert share == pytest.approx(0.5 / 40.5, rel=0.5)
    assert share < 0.6 * counts[:200].sum() / counts.sum()
    honest = fair_counts(counts, fit_trust(counts, rng.multinomial(4000, counts / counts.sum())))
    assert honest[:200].sum() / honest.sum() == pytest.approx(2 / 42, rel=0.25)


def test_without_held_out_visits_the_usual_discount_is_taken():
    counts = np.array([10, 0])
    assert fit_trust(counts, np.zeros(2, dtype=int)) == USUAL
    assert fit_trust(counts, np.array([3, 0])) == USUAL  # one cell says nothing about shares
    assert fair_counts(counts)[1] == 0
