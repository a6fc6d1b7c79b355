import numpy as np
import pytest

from detectors.blocks import unit_rows
from detectors.prototypes import Prototypes
from detectors.region_cells import SETTLED, OpenCells
from detectors.region_radius import NARROWEST, WIDEST, region_radius
from detectors.regions import FEWEST, FEWEST_FOR_RATE, LAST, Regions

DIM = 256
DAY = 86_400.0
CENTRES = np.random.default_rng(5).standard_normal((400, DIM))


def about(rng, topics, spread=0.5):
    """A unit row around the centre of each of these topics."""
    return unit_rows((CENTRES[topics] + spread * rng.standard_normal((len(topics), DIM))).astype(np.float32))


def noise(rng, n):
    return unit_rows(rng.standard_normal((n, DIM)).astype(np.float32))


def feed(regions, rows, start=0.0, step=60.0, covered=0):
    """Give uncovered rows, `covered` covered texts behind each."""
    mask = np.tile([True] + [False] * covered, len(rows))
    times = start + step * np.arange(len(mask))
    return regions.update(np.repeat(rows, 1 + covered, axis=0), times, mask)


def found(regions, name):
    return {m.field: m.value for m in regions.measure() if m.name == name}


def sizes(regions):
    return found(regions, "region_size")


def test_two_new_topics_become_two_regions():
    rng = np.random.default_rng(0)
    regions, topics = Regions(0.4, DIM, 16), rng.integers(2, size=200)
    slots = feed(regions, about(rng, topics))
    assert sorted(sizes(regions).values()) == sorted(np.bincount(topics))
    named = slots >= 0
    assert (~named).sum() == 2 * FEWEST
    assert len(set(zip(topics[named], slots[named], strict=True))) == 2
    assert found(regions, "new_region_rate") == {"": 0.0}


def test_noise_gets_no_name_and_says_that_all_is_new():
    regions = Regions(0.4, DIM, 16)
    slots = feed(regions, noise(np.random.default_rng(1), 600))
    assert (slots == -1).all()
    assert sizes(regions) == {}
    assert found(regions, "new_region_rate")[""] > 0.9


def test_the_rate_is_the_chance_that_the_next_text_is_alone():
    rng = np.random.default_rng(1)
    shares = 1 / np.arange(1, 401)
    shares /= shares.sum()
    rates, unseen = [], []
    for _ in range(40):
        drawn = rng.choice(400, size=LAST, p=shares)
        regions = Regions(0.4, DIM, 4)
        feed(regions, about(rng, drawn, 0.1))
        rates += found(regions, "new_region_rate").values()
        unseen.append(1 - shares[np.unique(drawn)].sum())
    assert np.mean(rates) == pytest.approx(np.mean(unseen), abs=0.02)


def test_says_nothing_of_what_it_does_not_know():
    regions = Regions(0.4, DIM, 16)
    assert regions.measure() == []
    feed(regions, about(np.random.default_rng(2), np.arange(FEWEST_FOR_RATE - 1)))
    assert regions.measure() == []
    unknown = Regions(0.4, DIM, 16)
    unknown.update(about(np.random.default_rng(2), np.zeros(50, int)), np.full(50, np.nan), np.ones(50, bool))
    assert {m.name for m in unknown.measure() if m.field == "r1"} == {
        *("region_size", "region_share", "region_share_lower", "region_share_upper"),
    }


def test_the_share_is_of_all_texts_since_the_name():
    regions = Regions(0.4, DIM, 16)
    feed(regions, about(np.random.default_rng(3), np.zeros(100, int)), covered=3)
    (share,) = found(regions, "region_share").values()
    (lower,) = found(regions, "region_share_lower").values()
    (upper,) = found(regions, "region_share_upper").values()
    since = 100 * 4 - (4 * (FEWEST - 1) + 1)
    assert share == pytest.approx((100 - FEWEST) / since)
    assert 0.1 < lower < 0.25 < upper < 0.4


def test_the_trend_compares_the_last_day_with_all_and_waits_for_one():
    rng, regions = np.random.default_rng(4), Regions(0.4, DIM, 16, recent=DAY)
    feed(regions, about(rng, np.zeros(100, int)), 0, 300, covered=1)
    assert found(regions, "region_trend") == {}
    feed(regions, about(rng, np.zeros(100, int)), DAY, 300, covered=3)
    half = found(regions, "region_trend")["r1"]
    feed(regions, about(rng, np.zeros(50, int)), 5 * DAY, 300, covered=0)
    assert half < 0.9
    assert found(regions, "region_trend")["r1"] > 2
    assert found(regions, "region_first_seen") == {"r1": 0.0}
    assert found(regions, "region_last_seen") == {"r1": 5 * DAY + 49 * 300}


def test_a_region_in_use_keeps_its_slot_and_a_forgotten_one_loses_it():
    rng, regions = np.random.default_rng(6), Regions(0.4, DIM, 2, recent=DAY)
    feed(regions, about(rng, np.tile([0, 1], 50)))
    feed(regions, about(rng, np.tile([0, 2], 40)), 3000)
    assert sizes(regions) == {"r1": 90, "r2": 50}
    slots = feed(regions, about(rng, np.tile([0, 2], 40)), 5 * DAY)
    assert list(regions.named) == [1, 2]
    assert found(regions, "region_last_seen")["r2"] > 5 * DAY
    assert set(slots[0::2]) == {0}
    assert set(slots[-10::2]) == {0}
    assert set(slots[-9::2]) == {1}


def test_parts_of_one_topic_become_one_region():
    """A cell that grew beside a region, from texts at its rim, goes up in it when it is to be named."""
    rng = np.random.default_rng(7)
    regions = Regions(0.35, DIM, 16)
    feed(regions, about(rng, np.zeros(400, int), 0.8))
    assert max(sizes(regions).values()) > 300
    assert sum(sizes(regions).values()) > 380
    assert len(sizes(regions)) <= 2


def test_noise_does_not_displace_what_recurs():
    """One topic among 10 times as many odd texts is found, though the places are few."""
    rng = np.random.default_rng(8)
    rows = noise(rng, 2_200)
    rows[::11] = about(rng, np.zeros(200, int))
    regions = Regions(0.4, DIM, 16)
    slots = feed(regions, rows)
    assert (slots[::11][10:] == 0).all()
    assert np.delete(slots, slice(0, None, 11)).max() == -1


@pytest.mark.parametrize("cuts", [[1, 2, 3, 64, 400], list(range(0, 900, 7)), [899]])
def test_batches_and_restarts_do_not_matter(cuts):
    rng = np.random.default_rng(9)
    rows = about(rng, rng.integers(60, size=900), 0.7)
    times = rng.permutation(900) * 500.0
    times[rng.random(900) < 0.1] = np.nan
    uncovered = rng.random(900) < 0.7
    whole = Regions(0.4, DIM, 6)
    together = whole.update(rows, times, uncovered)
    cut, slots = Regions(0.4, DIM, 6), []
    for part in np.split(np.arange(900), cuts):
        again = Regions(0.4, DIM, 6)
        assert again.set_state(cut.get_state())
        cut = again
        slots.append(cut.update(rows[part], times[part], uncovered[part]))
    np.testing.assert_array_equal(np.concatenate(slots), together)
    assert cut.measure() == whole.measure()
    assert whole.named.sum() > 6
    for name, array in whole.get_state().items():
        np.testing.assert_array_equal(array, cut.get_state()[name], err_msg=name)


def test_memory_is_bounded():
    rng, regions = np.random.default_rng(10), Regions(0.4, DIM, 16)
    size = {name: array.nbytes for name, array in regions.get_state().items()}
    feed(regions, np.concatenate([noise(rng, 2_000), about(rng, rng.integers(400, size=2_000))]))
    assert {name: array.nbytes for name, array in regions.get_state().items()} == size
    assert sum(size.values()) < 300 * (DIM * 2 + 24 * 4 + 60)
    assert len(sizes(regions)) == 16


def test_a_state_of_another_shape_is_refused():
    regions = Regions(0.4, DIM, 4)
    feed(regions, about(np.random.default_rng(11), np.zeros(20, int)))
    for other in (Regions(0.3, DIM, 4), Regions(0.4, DIM, 5), Regions(0.4, DIM + 1, 4), Regions(0.4, DIM, 4, 60.0)):
        assert not other.set_state(regions.get_state())
        assert other.measure() == []


def test_a_settled_cell_stays_where_it_is():
    rng, cells = np.random.default_rng(12), OpenCells(0.4, DIM, 8)
    for row in about(rng, np.zeros(SETTLED, int)):
        cells.join(row)
    before = cells.get_state()["directions"]
    for row in about(rng, np.zeros(100, int), 0.7):
        cells.join(row)
    moved = cells.get_state()["directions"]
    np.testing.assert_array_equal(moved[0], before[0])
    mean = unit_rows(CENTRES[:1].astype(np.float32))[0]
    assert before[0].astype(float) @ mean > 0.97


def test_a_radius_or_stretch_that_is_none_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        Regions(0.0, DIM, 4)
    with pytest.raises(ValueError, match="above 0"):
        Regions(0.4, DIM, 4, 0.0)


def prototypes(spread, radius):
    rng = np.random.default_rng(13)
    rows = unit_rows((np.ones(DIM) + spread * rng.standard_normal((20, DIM))).astype(np.float32))
    ones = np.ones((1, 20), dtype=np.float32)
    whole = np.rint(rows * 127).astype(np.int8)[None]
    scales = (1 / np.linalg.norm(whole.astype(np.float32), axis=2)).astype(np.float32)
    return Prototypes(whole, scales, radius * ones, np.full((1, 20), 25, dtype=np.int32))


def test_the_radius_lies_between_a_cell_and_all():
    assert 0.2 < region_radius(prototypes(1.0, 0.2)) < 0.5
    assert region_radius(prototypes(0.5, 0.2)) < region_radius(prototypes(2.0, 0.2))
    assert region_radius(prototypes(0.0, 0.0001)) == NARROWEST
    assert region_radius(prototypes(9.0, 0.9)) == WIDEST
