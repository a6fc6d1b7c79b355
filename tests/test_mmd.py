import numpy as np
import pytest

from detectors.blocks import unit_rows
from detectors.mix_plan import MixPlan
from detectors.mmd import MixChange, features
from detectors.mmd_fit import fit_mix, project, redrawn, simulate

DIM = 16


def texts(rng, n, weights=None, spread=0.3):
    """Unit rows around twelve centres; `weights` is the mix."""
    centres = np.random.default_rng(99).standard_normal((12, DIM))
    of = rng.choice(12, size=n, p=weights)
    return unit_rows((centres[of] + spread * rng.standard_normal((n, DIM))).astype(np.float32))


@pytest.fixture(scope="module", autouse=True)
def _small_fits():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("detectors.mmd_fit.FREQUENCIES", 96)
        yield


@pytest.fixture(scope="module")
def plan(_small_fits):
    rng = np.random.default_rng(0)
    return fit_mix(texts(rng, 3000), texts(rng, 2400), 1000)


def exact_mmd(x, y, width):
    """Biased MMD² of a Gaussian kernel, straight from its definition."""

    def mean_kernel(a, b):
        return np.exp(-(((a[:, None] - b[None]) ** 2).sum(axis=2)) / (2 * width**2)).mean()

    return mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y)


def test_features_give_the_exact_kernels_mmd():
    rng = np.random.default_rng(1)
    x, y = texts(rng, 300), texts(rng, 200, np.arange(12) / 66)
    frequencies = (rng.standard_normal((DIM, 20_000)) / 0.8).astype(np.float32)
    difference = features(x, frequencies).mean(axis=0) - features(y, frequencies).mean(axis=0)
    exact = exact_mmd(x.astype(np.float64), y.astype(np.float64), 0.8)
    assert float(difference @ difference) == pytest.approx(exact, rel=0.05)


def test_forgetting_means_are_those_of_the_definition(plan):
    rows = texts(np.random.default_rng(2), 150)
    detector = MixChange(plan)
    detector.update(rows)
    seen = project(rows, plan).astype(np.float64)
    found = {m.field: m.value for m in detector.measure() if m.name == "mix_change"}
    assert list(found) == ["50"]  # the others are not full yet
    gain = 2 / 51
    weights = gain * (1 - gain) ** np.arange(149, -1, -1)
    mean = weights @ seen
    assert found["50"] == pytest.approx(float(mean @ mean) / plan.thresholds[0], rel=1e-3)


def test_the_simulation_is_of_the_detector(plan):
    rows = texts(np.random.default_rng(3), 600)
    detector = MixChange(plan)
    detector.update(rows)
    *_, last = simulate(plan, (row[None] for row in project(rows, plan)))
    ratios = [m.value for m in detector.measure() if m.name == "mix_change"]
    np.testing.assert_allclose(ratios, last[0] / plan.thresholds, rtol=1e-3)


def test_batches_do_not_matter_to_the_bit_and_state_goes_on(plan):
    rows = texts(np.random.default_rng(4), 400)
    whole, cut = MixChange(plan), MixChange(plan)
    whole.update(rows)
    for part in np.split(rows, [1, 2, 66, 131, 300]):
        again = MixChange(plan)
        assert again.set_state(cut.get_state())
        cut = again
        cut.update(part)
    for name, array in whole.get_state().items():
        np.testing.assert_array_equal(array, cut.get_state()[name])


def test_silent_before_a_window_is_full(plan):
    detector = MixChange(plan)
    detector.update(texts(np.random.default_rng(5), 49))
    assert detector.measure() == []


def test_keeps_its_run_length_on_fresh_texts(plan):
    rng = np.random.default_rng(6)
    fresh = project(texts(rng, 4000), plan)
    n_streams, n_steps = 60, 2000
    over = np.zeros(n_streams, dtype=bool)
    at_risk = 0
    for distances in simulate(plan, redrawn(fresh, n_streams, n_steps, rng)):
        at_risk += (~over).sum()
        over |= (distances >= plan.thresholds).any(axis=1)
    assert at_risk / max(over.sum(), 1) > 700  # asked: 1000, of some 60 alarms


def test_a_changed_mix_warns_soon_and_stays_until_acknowledged(plan):
    rng = np.random.default_rng(7)
    detector = MixChange(plan)
    detector.update(texts(rng, 300))
    assert not detector.alarm
    detector.update(texts(rng, 300, np.array([0.4] + [0.6 / 11] * 11)))
    assert 300 < detector.alarm_message < 450
    paged_at = detector.alarm_message
    detector.update(texts(rng, 3000))
    assert detector.alarm_message == paged_at
    found = {m.name: m.value for m in detector.measure()}
    assert found["mix_change_alarm"] == 1
    assert found["mix_change_alarm_message"] == paged_at
    detector.acknowledge()
    assert detector.measure() == []


def test_missing_topics_warn(plan):
    rng = np.random.default_rng(8)
    detector = MixChange(plan)
    detector.update(texts(rng, 600, np.array([1 / 6] * 6 + [0] * 6)))
    assert detector.alarm_message < 200


def test_plan_survives_its_arrays_and_refuses_nonsense(plan):
    arrays = plan.to_arrays()
    again = MixPlan.from_arrays(arrays)
    rows = texts(np.random.default_rng(9), 100)
    np.testing.assert_array_equal(project(rows, again), project(rows, plan))
    with pytest.raises(ValueError, match="without centre"):
        MixPlan.from_arrays({k: v for k, v in arrays.items() if k != "centre"})
    with pytest.raises(ValueError, match="directions of shape"):
        MixPlan.from_arrays(arrays | {"frequencies": arrays["frequencies"][:, :5]})
    with pytest.raises(ValueError, match="thresholds must be finite"):
        MixPlan.from_arrays(arrays | {"thresholds": np.full(len(plan.windows), np.nan)})
    other = MixChange(MixPlan.from_arrays(arrays | {"windows": plan.windows[:1], "thresholds": plan.thresholds[:1]}))
    assert not MixChange(plan).set_state(other.get_state())


def test_too_few_texts_are_refused_and_few_get_short_windows_only(monkeypatch):
    rng = np.random.default_rng(10)
    with pytest.raises(ValueError, match="150 held-out texts"):
        fit_mix(texts(rng, 500), texts(rng, 150), 1000)
    monkeypatch.setattr("detectors.mmd_fit.STREAMS", 20)
    assert fit_mix(texts(rng, 500), texts(rng, 200), 100).windows.tolist() == [50]


def test_same_seed_same_plan(monkeypatch):
    monkeypatch.setattr("detectors.mmd_fit.STREAMS", 20)
    rng = np.random.default_rng(11)
    reference, held_out = texts(rng, 500), texts(rng, 300)
    one, same, other = (fit_mix(reference, held_out, 100, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.thresholds, same.thresholds)
    assert (one.thresholds != other.thresholds).any()
