import numpy as np
import pytest

from detectors import kmeans
from detectors.blocks import unit_rows
from detectors.kmeans import assign, fit_prototypes, n_prototypes, spherical_kmeans
from detectors.rows import LayerRows, fit_map
from tests.texts_for_detectors import made_up

TEXTS = made_up(1000, seed=1)
LAST = TEXTS.layers[:, -1]


def layer_rows(layers, layer=-1, mapping=None):
    return LayerRows(layers, layer, np.arange(len(layers)), mapping)


def test_assignment_is_to_the_largest_cosine_and_sums_its_members():
    centroids = LAST[:7]
    found = assign(LAST, centroids)
    nearest = (LAST @ centroids.T).argmax(axis=1)
    assert np.array_equal(found.nearest, nearest)
    for k in range(7):
        assert found.sums[k] == pytest.approx(LAST[nearest == k].sum(axis=0), abs=1e-3)
    assert found.counts.tolist() == np.bincount(nearest, minlength=7).tolist()


def test_iterations_bring_centroids_nearer_to_their_members():
    near = [
        assign(LAST, spherical_kmeans(LAST, 20, np.random.default_rng(0), iterations=n)).similarity.mean()
        for n in (1, 2, 10)
    ]
    assert near[0] < near[1] < near[2]


def test_well_separated_clusters_are_found_with_a_spare_centroid_for_each():
    """A centroid whose members all went to others moves to the rows that are worst off."""
    directions = np.eye(8, dtype=np.float32)
    rows = np.repeat(directions, 50, axis=0)  # starts within one cluster leave others without a centroid
    centroids = spherical_kmeans(rows, 16, np.random.default_rng(0))
    assert assign(rows, centroids).similarity.min() == pytest.approx(1, abs=1e-6)
    assert np.linalg.norm(centroids, axis=1) == pytest.approx(np.ones(16), abs=1e-6)


def test_prototypes_hold_every_row_once_and_their_radii_are_the_members_mean_distances():
    prototypes = fit_prototypes(layer_rows(TEXTS.layers), 12, [1, 2, 3])
    assert prototypes.rows.shape == (3, 12, 32)
    assert (prototypes.counts.sum(axis=1) == 1000).all()
    directions = prototypes.rows[0] * prototypes.scales[0][:, None]
    assert np.linalg.norm(directions, axis=1) == pytest.approx(np.ones(12), abs=1e-3)
    found = assign(LAST, directions)
    distance = 1 - found.similarity
    shrunk = (np.bincount(found.nearest, distance, 12) + 3 * distance.mean()) / (found.counts + 3)
    assert np.median(np.abs(prototypes.radii[0] / shrunk - 1)) < 0.03  # a few rows changed sides in the last step


def test_many_rows_are_sampled_for_the_iterations_and_very_many_for_the_last_step(monkeypatch):
    monkeypatch.setattr(kmeans, "SAMPLE", 200)
    assert fit_prototypes(layer_rows(TEXTS.layers), 8, [1]).counts.sum() == 1000
    monkeypatch.setattr(kmeans, "LAST_STEP", 800)
    sampled = fit_prototypes(layer_rows(TEXTS.layers), 8, [1])
    assert sampled.counts.sum() == 800
    directions = sampled.rows[0] * sampled.scales[0][:, None]
    whole = fit_prototypes(layer_rows(TEXTS.layers), 8, [1])
    nearest = directions @ (whole.rows[0] * whole.scales[0][:, None]).T
    assert nearest.max(axis=1).mean() > 0.9


def test_seeds_matter_and_repeat():
    one, two, other = (fit_prototypes(layer_rows(TEXTS.layers), 8, [s]).rows for s in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_a_map_takes_an_inner_layer_near_the_last():
    mapping = fit_map(layer_rows(TEXTS.layers, 0))
    assert mapping.dtype == np.float16
    fresh = made_up(300, seed=2)
    mapped = layer_rows(fresh.layers, 0, mapping).load()
    plain = layer_rows(fresh.layers, 0).load()
    assert (mapped * fresh.layers[:, -1]).sum(axis=1).mean() > 0.8 > (plain * fresh.layers[:, -1]).sum(axis=1).mean()
    assert np.array_equal(mapped, unit_rows(plain @ mapping.astype(np.float32)))


def test_rows_are_read_in_the_order_of_their_index_whatever_the_type():
    chosen = np.array([3, 5, 900])
    for kind in (np.float16, np.float32):
        rows = LayerRows(TEXTS.layers.astype(kind), 1, chosen)
        assert rows.load().dtype == np.float32
        assert rows.load() == pytest.approx(TEXTS.layers[chosen, 1], abs=1e-3)
        assert np.array_equal(rows.take(np.array([2])).load(), rows.load()[2:])


@pytest.mark.parametrize(("n", "k"), [(1, 1), (24, 1), (15_000, 600), (51_200, 2048), (10**7, 2048)])
def test_k_is_a_twenty_fifth_of_the_rows_within_bounds(n, k):
    assert n_prototypes(n) == k
