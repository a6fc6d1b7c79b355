import numpy as np
import pytest

from detectors.blocks import unit_rows
from detectors.new_regions import WINDOW, NewRegions

DIM = 32


def around(rng, n, topics):
    centres = np.random.default_rng(5).standard_normal((topics, DIM))
    rows = centres[rng.integers(topics, size=n)] + 0.2 * rng.standard_normal((n, DIM))
    return unit_rows(rows.astype(np.float32))


def found(regions):
    return {m.name: m.value for m in regions.measure()}


def test_a_few_topics_leave_nothing_unseen_and_noise_everything():
    rng = np.random.default_rng(0)
    topics, noise = NewRegions(0.4, DIM), NewRegions(0.4, DIM)
    topics.update(around(rng, 400, 7))
    noise.update(unit_rows(rng.standard_normal((400, DIM)).astype(np.float32)))
    assert found(topics) == {"new_region_rate": 0, "regions": 7}
    assert found(noise)["new_region_rate"] > 0.8


def test_is_the_chance_that_the_next_text_opens_a_region():
    rng = np.random.default_rng(1)
    shares = 1 / np.arange(1, 2001)
    shares /= shares.sum()
    identities = unit_rows(rng.standard_normal((2000, 256)).astype(np.float32))
    rates, unseen = [], []
    for _ in range(20):
        drawn = rng.choice(2000, size=300, p=shares)
        regions = NewRegions(0.5, 256)
        regions.update(identities[drawn])
        rates.append(found(regions)["new_region_rate"])
        unseen.append(1 - shares[np.unique(drawn)].sum())
    assert np.mean(rates) == pytest.approx(np.mean(unseen), abs=0.03)


def test_forgets_what_left_the_window_and_stays_bounded():
    rng = np.random.default_rng(2)
    regions = NewRegions(0.4, DIM)
    regions.update(unit_rows(rng.standard_normal((2 * WINDOW, DIM)).astype(np.float32)))
    size = sum(array.nbytes for array in regions.get_state().values())
    regions.update(around(rng, WINDOW, 3))
    assert found(regions) == {"new_region_rate": 0, "regions": 3}
    assert sum(array.nbytes for array in regions.get_state().values()) == size


def test_silent_with_few_texts():
    regions = NewRegions(0.4, DIM)
    regions.update(around(np.random.default_rng(3), 19, 3))
    assert regions.measure() == []


def test_batches_do_not_matter_and_state_goes_on():
    rows = around(np.random.default_rng(4), 700, 60)
    whole, cut = NewRegions(0.3, DIM), NewRegions(0.3, DIM)
    whole.update(rows)
    for part in np.split(rows, [1, 64, 400]):
        again = NewRegions(0.3, DIM)
        assert again.set_state(cut.get_state())
        cut = again
        cut.update(part)
    for name, array in whole.get_state().items():
        np.testing.assert_array_equal(array, cut.get_state()[name])
    assert not NewRegions(0.2, DIM).set_state(whole.get_state())
    assert not NewRegions(0.3, DIM + 1).set_state(whole.get_state())


def test_a_radius_that_is_none_is_refused():
    with pytest.raises(ValueError, match="between 0 and 2"):
        NewRegions(0.0, DIM)
