"""Days and nights that the accepted traffic had are no changed mix; what it never had is one."""

import numpy as np
import pytest

from detectors.crowd import mix_of
from detectors.crowd_fit import fit_crowd
from detectors.mix_stretches import FEWEST, tolerate_stretches
from detectors.mmd import MixChange
from tests.test_mmd import texts

PERIOD = 900
BY_DAY = np.repeat([1.6, 0.4], 6) / 12


@pytest.fixture(scope="module", autouse=True)
def small_fits():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("FREQUENCIES", 96), ("DIRECTIONS", 32), ("STREAMS", 60)):
            patch.setattr(f"detectors.mmd_fit.{name}", value)
        yield


def days(rng, n, start=0):
    """Traffic that by day asks mostly for six topics, by night for six others, and between is mixed."""
    parts = []
    for at in range(start, start + n, 50):
        day = (1 + np.sin(2 * np.pi * at / PERIOD)) / 2
        parts.append(texts(rng, 50, day * BY_DAY + (1 - day) * BY_DAY[::-1]))
    return np.concatenate(parts)


def warns(mix, rows):
    detector = MixChange(mix)
    detector.update(rows)
    return detector.alarm


@pytest.fixture(scope="module")
def fitted(small_fits):
    accepted = days(np.random.default_rng(0), 9_000)
    return mix_of(fit_crowd(accepted, run_length=5_000)), mix_of(
        fit_crowd(accepted, run_length=5_000, in_order=[accepted])
    )


def test_another_day_like_those_accepted_does_not_warn(fitted):
    plain, tolerant = fitted
    later = days(np.random.default_rng(1), 3_600, start=300)
    assert warns(plain, later)
    assert not warns(tolerant, later)


def test_what_no_day_was_like_warns_still(fitted):
    _, tolerant = fitted
    rng = np.random.default_rng(2)
    assert warns(tolerant, texts(rng, 1_500, np.eye(12)[:3].mean(axis=0)))


def test_without_ups_and_downs_nothing_is_tolerated():
    rng = np.random.default_rng(3)
    rows = texts(rng, 9_000)
    plain = mix_of(fit_crowd(rows, run_length=5_000))
    tolerant = mix_of(fit_crowd(rows, run_length=5_000, in_order=[rows]))
    np.testing.assert_array_equal(tolerant.thresholds, plain.thresholds)


def test_too_few_stretches_say_nothing(fitted):
    plain, _ = fitted
    few = np.split(days(np.random.default_rng(4), 1_800), FEWEST - 1)
    assert tolerate_stretches(plain, few) is plain
