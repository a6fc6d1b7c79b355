import numpy as np
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from detectors.conformal import Conformal
from detectors.layers import LayerScorer
from detectors.novelty import NoveltyDetector
from detectors.prototypes import Prototypes
from detectors.reference import Reference
from tests.texts_for_detectors import made_up

TRAIN = made_up(600, seed=1, n_layers=1)
FRESH = made_up(500, seed=2, n_layers=1)
NEW = made_up(500, seed=3, n_layers=1, clusters=range(100, 140))


# Two of scikit-learn's checks skip themselves here: about array libraries and pandas frames, which nobody passes in.
NOT_OURS = {"check_array_api_input", "check_classifier_data_not_an_array"}
CHECKS = [check for _, check in estimator_checks_generator(NoveltyDetector())]


def name_of(check):
    return getattr(check, "func", check).__name__


def test_the_checks_left_out_are_there():
    assert {name_of(check) for check in CHECKS} > NOT_OURS


OURS = [check for check in CHECKS if name_of(check) not in NOT_OURS]


@pytest.mark.parametrize("check", OURS, ids=[f"{i}-{name_of(check)}" for i, check in enumerate(OURS)])
def test_scikit_learns_own_checks(check):
    check(NoveltyDetector())


def test_predict_calls_about_the_level_of_known_rows_and_most_new_ones_outliers():
    detector = NoveltyDetector(level=0.1).fit(TRAIN.layers[:, 0])
    assert (detector.predict(FRESH.layers[:, 0]) == -1).mean() == pytest.approx(0.1, abs=0.05)
    assert (detector.predict(NEW.layers[:, 0]) == -1).mean() > 0.8


def test_numpy_alone_scores_the_same_bits():
    detector = NoveltyDetector().fit(TRAIN.layers[:, 0])
    fitted = detector.scorer_
    conformal = Conformal.fit(np.arange(100.0), np.ones(100))
    reference = Reference(fitted, np.array([[0.0, 1.0]]), np.ones(1), conformal)
    stored = Reference.from_arrays(reference.to_arrays())
    rows = np.concatenate([FRESH.layers, NEW.layers])
    novelty = stored.score(rows, np.arange(1000, dtype=np.int32), 1000).novelty
    unit = rows[:, 0] / np.sqrt(np.square(rows[:, 0]).sum(axis=1, keepdims=True))
    by_hand = LayerScorer([Prototypes(*_arrays(fitted.last))], fitted.maps).score(unit[:, None], FIRST, 1000)[0][:, 0]
    assert np.array_equal(-detector.score_samples(rows[:, 0]), by_hand)
    assert novelty == pytest.approx(by_hand, abs=1e-5)


FIRST = np.arange(1000, dtype=np.int32)


def _arrays(prototypes):
    return prototypes.rows, prototypes.scales, prototypes.radii, prototypes.counts


def test_the_same_seed_gives_the_same_scores():
    one, two = (NoveltyDetector(random_state=5).fit(TRAIN.layers[:, 0]) for _ in range(2))
    assert np.array_equal(one.score_samples(NEW.layers[:, 0]), two.score_samples(NEW.layers[:, 0]))
