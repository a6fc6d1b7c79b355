import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.conformal import FEWEST, Conformal
from detectors.prototypes import Prototypes, to_int8


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 80)), min_size=FEWEST, max_size=400),
    st.lists(st.tuples(st.integers(-6, 6), st.integers(0, 100)), min_size=1, max_size=20),
)
def test_p_is_the_rank_among_the_calibration_texts_of_about_the_same_length(calibration, texts):
    scores, tokens = (np.array(column) for column in zip(*calibration, strict=True))
    conformal = Conformal.fit(scores, tokens)
    asked, lengths = (np.array(column) for column in zip(*texts, strict=True))
    bins = np.digitize(tokens, conformal.edges)
    for s, t, p in zip(asked, lengths, conformal.p_values(asked.astype(float), lengths), strict=True):
        held = scores[bins == np.digitize(t, conformal.edges)]
        assert p == (1 + (held >= s).sum()) / (len(held) + 1)  # ties count as at least as strange


@given(st.lists(st.integers(1, 500), min_size=FEWEST, max_size=3000))
def test_every_bin_has_enough_rows(tokens):
    conformal = Conformal.fit(np.arange(len(tokens)), tokens)
    assert conformal.sizes.min() >= min(FEWEST, len(tokens))
    assert conformal.sizes.sum() == len(tokens)


@pytest.mark.parametrize("seed", range(3))
def test_lengths_whose_texts_score_otherwise_are_told_apart(seed):
    """Long texts that always score higher: without bins every one of them would look strange."""
    rng = np.random.default_rng(seed)
    tokens = rng.choice([10, 200], size=4000)
    scores = rng.normal(size=4000) + 3 * (tokens == 200)
    conformal = Conformal.fit(scores, tokens)
    for length, shift in ((10, 0), (200, 3)):
        fresh = rng.normal(size=20_000) + shift
        assert (conformal.p_values(fresh, np.full(20_000, length)) <= 0.05).mean() == pytest.approx(0.05, abs=0.015)


def test_p_values_of_exchangeable_texts_are_never_too_small_on_average():
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(300):
        conformal = Conformal.fit(rng.normal(size=150), rng.integers(1, 9, size=150))
        shares.append((conformal.p_values(rng.normal(size=50), rng.integers(1, 9, size=50)) <= 0.05).mean())
    assert np.mean(shares) <= 0.05 + 3 * np.std(shares) / np.sqrt(300)
    assert np.mean(shares) > 0.035


def test_unknown_stays_unknown():
    conformal = Conformal.fit(np.arange(200.0), np.full(200, 7))
    found = conformal.p_values(np.array([np.nan, 5.0, np.inf, -np.inf]), np.array([0, 7, 7, 7]))
    assert np.isnan(found[0])
    assert found[1:].tolist() == [196 / 201, 1 / 201, 1.0]


def test_too_few_calibration_texts_are_counted():
    with pytest.raises(ValueError, match=r"^99 calibration texts; at least 100"):
        Conformal.fit(np.zeros(99), np.ones(99))


def test_int8_keeps_directions():
    rows = np.random.default_rng(0).normal(size=(50, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    whole, scale = to_int8(rows)
    back = whole * scale[:, None]
    assert (back * rows).sum(axis=1).min() > 0.9999
    assert np.linalg.norm(back, axis=1) == pytest.approx(np.ones(50), abs=1e-6)
    assert to_int8(np.zeros((1, 3), dtype=np.float32))[0].tolist() == [[0, 0, 0]]


def test_a_wide_prototype_reaches_further_than_a_narrow_one():
    directions = np.eye(2, 8, dtype=np.float32)[None]
    rows, scales = to_int8(directions)
    radii = np.array([[0.1, 0.4]], dtype=np.float32)
    prototypes = Prototypes(rows, scales, radii, np.array([[5, 5]], dtype=np.int32))
    block = np.zeros((64, 8), dtype=np.float32)
    block[0, :2], block[1, :2] = [0.8, 0.6], [0.6, 0.8]
    distances, cells = prototypes.distances(block)
    assert distances[:2] == pytest.approx([0.2 / 0.1**0.3, 0.2 / 0.4**0.3], abs=1e-4)
    assert cells[:2].tolist() == [0, 1]
