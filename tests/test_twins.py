import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import twins as twins_module
from detectors.folds import keep_together, split
from detectors.rows import LayerRows
from detectors.twins import JOIN, TWIN, Twins, find_twins, merge


def layer_rows(rows):
    return LayerRows(rows[:, None].astype(np.float32), 0, np.arange(len(rows)))


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def planted(n, cosine, seed=0, dim=64):
    """n rows in all directions, then one more at the given cosine to each."""
    rng = np.random.default_rng(seed)
    rows, noise = unit(rng.normal(size=(n, dim))), rng.normal(size=(n, dim))
    across = unit(noise - (noise * rows).sum(axis=1, keepdims=True) * rows)
    return np.concatenate([rows, cosine * rows + np.sqrt(1 - cosine**2) * across])


def components(adjacent):
    """Label the components of a graph by flooding it: the plain definition."""
    reached = adjacent | adjacent.T | np.eye(len(adjacent), dtype=bool)
    for _ in range(len(adjacent)):
        further = reached @ reached
        if (further == reached).all():
            break
        reached = further
    return reached.argmax(axis=1)


def same_partition(one, two):
    return len(set(zip(one, two, strict=True))) == len(set(one)) == len(set(two))


@pytest.mark.parametrize("block", [7, 2048])
def test_components_are_those_of_the_graph_of_close_pairs(block, monkeypatch):
    monkeypatch.setattr(twins_module, "BLOCK", block)
    rng = np.random.default_rng(1)
    rows = unit(np.repeat(rng.normal(size=(30, 16)), 5, axis=0) + 0.35 * rng.normal(size=(150, 16))).astype(np.float32)
    found = find_twins(layer_rows(rows), seed=0)
    for labels, cosine in ((found.joined, JOIN), (found.twinned, TWIN)):
        close = np.triu(rows @ rows.T >= cosine, 1)
        expected = components(close)
        assert 30 < len(set(expected)) < 150  # both joined and apart, or the test holds nothing
        assert same_partition(labels, expected)
        if cosine == TWIN:
            assert found.rate == pytest.approx((close | close.T).any(axis=1).mean())


def test_pairs_in_bounded_memory_even_where_all_are_alike(monkeypatch):
    monkeypatch.setattr(twins_module, "BLOCK", 64)
    found = find_twins(layer_rows(np.tile(unit(np.ones((1, 8))), (500, 1))), seed=0)
    assert found.joined.max() == found.twinned.max() == 0
    assert found.rate == 1


@pytest.mark.parametrize(("cosine", "least"), [(0.92, 0.8), (0.97, 0.9)])
def test_beyond_the_exact_size_most_pairs_are_still_found(cosine, least, monkeypatch):
    monkeypatch.setattr(twins_module, "EXACT", 2000)
    monkeypatch.setattr(twins_module, "ROWS_A_CELL", 100)
    found = find_twins(layer_rows(planted(3000, cosine)), seed=0)
    assert (found.joined[:3000] == found.joined[3000:]).mean() > least


def test_beyond_the_exact_size_nothing_is_joined_that_is_apart(monkeypatch):
    monkeypatch.setattr(twins_module, "EXACT", 2000)
    found = find_twins(layer_rows(planted(1500, 0.7)), seed=0)
    assert len(set(found.joined)) == 3000
    assert found.rate == 0


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40))
def test_merging_joins_what_shares_a_label_in_any_labelling(rows):
    labels = np.array(rows)
    expected = components((labels[:, None] == labels[None]).any(axis=2))
    found = merge(*labels.T)
    assert same_partition(found, expected)
    assert set(found) == set(range(found.max() + 1))


@given(st.lists(st.integers(0, 30), min_size=20, max_size=200), st.integers(2, 6))
def test_a_split_parts_no_group_and_is_even_up_to_the_largest(groups, n_folds):
    labels = np.unique(groups, return_inverse=True)[1].astype(np.int32)
    fold = split(labels, n_folds, np.random.default_rng(0))
    assert all(len(set(fold[labels == group])) == 1 for group in set(labels))
    assert fold.min() >= 0
    assert fold.max() < n_folds
    assert np.bincount(fold).max() <= len(groups) / n_folds + np.bincount(labels).max()


def apart(n):
    return np.arange(n, dtype=np.int32)


def test_chunks_groups_and_near_duplicates_all_keep_texts_together():
    owner = np.array([0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    joined = np.array([0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], dtype=np.int32)  # a chunk of text 0 is like text 1
    groups = np.array([0, 1, 2, 2, 4, 5, 6, 7, 8, 9, 10])
    labels = keep_together(owner, Twins(joined, joined), groups).labels
    assert labels[0] == labels[1]
    assert labels[2] == labels[3]
    assert len(set(labels)) == 9


def test_chains_that_would_join_whole_modes_are_not_followed():
    whole, pairs = np.repeat(np.arange(5, dtype=np.int32), 20), np.repeat(np.arange(50, dtype=np.int32), 2)
    found = keep_together(apart(100), Twins(whole, pairs), None)
    assert (found.cosine, found.n_groups) == (TWIN, 50)
    found = keep_together(apart(100), Twins(whole, whole), None)
    assert (found.cosine, found.n_groups) == (None, 100)
    found = keep_together(apart(100), Twins(pairs, apart(100)), None)
    assert (found.cosine, found.n_groups) == (JOIN, 50)
