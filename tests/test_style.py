"""The second channel: word pieces' states against prototypes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from detectors.prototypes import Prototypes
from detectors.style import StyleReference, chunk_distance
from detectors.style_fit import PieceStates, fit_style

DIM = 8


def pieces(n: int, seed: int, modes: int = 6, first: int = 0) -> PieceStates:
    """n texts of 1 to 3 chunks of 2 to 9 word pieces near one of some directions each."""
    rng = np.random.default_rng(seed)
    chunks = rng.integers(1, 4, size=n)
    lengths = rng.integers(2, 10, size=chunks.sum())
    centres = np.random.default_rng(99).normal(size=(modes, DIM))
    states = centres[rng.integers(modes, size=lengths.sum())] + 0.3 * rng.normal(size=(lengths.sum(), DIM))
    states /= np.linalg.norm(states, axis=1, keepdims=True)
    starts = np.cumsum([0, *lengths])
    return PieceStates(
        states.astype(np.float32), starts, np.repeat(np.arange(n), chunks), (lengths + 2).astype(np.int32)
    )


def folds(n: int, k: int = 5) -> list[np.ndarray]:
    return [np.arange(n)[i::k] for i in range(k)]


@pytest.fixture(scope="module")
def reference() -> StyleReference:
    return fit_style(pieces(600, 0), folds(600)).reference


def scores(reference: StyleReference, found: PieceStates) -> tuple[np.ndarray, np.ndarray]:
    n = int(found.owner.max()) + 1
    bounds = zip(found.starts[:-1], found.starts[1:], strict=True)
    of_chunks = np.array([reference.of_chunk(found.states[a:b]) for a, b in bounds])
    novelty = reference.novelty(of_chunks, found.owner, n)
    return novelty, reference.p_values(novelty, np.bincount(found.owner, found.tokens, minlength=n))


def test_the_distance_of_a_chunk_is_the_formula() -> None:
    rng = np.random.default_rng(3)
    rows, radii = rng.integers(-127, 128, size=(1, 5, DIM)).astype(np.int8), rng.uniform(0.1, 0.6, size=(1, 5))
    lengths = np.linalg.norm(rows.astype(np.float64), axis=-1)
    made = Prototypes(rows, (1 / lengths).astype(np.float32), radii.astype(np.float32), np.ones((1, 5), np.int32))
    states = rng.normal(size=(7, DIM)).astype(np.float32)
    cosines = (states / np.linalg.norm(states, axis=1, keepdims=True)) @ (rows[0] / lengths[0, :, None]).T
    expected = ((1 - cosines) / radii[0] ** 0.3).min(axis=1).mean()
    assert chunk_distance(made, states) == pytest.approx(expected, rel=1e-5)
    assert chunk_distance(made, 5 * states) == pytest.approx(expected, rel=1e-5)  # length does not count


def test_a_text_is_the_mean_of_its_chunks(reference: StyleReference) -> None:
    middle, spread = reference.constants
    found = reference.novelty(np.array([0.3, 0.5, 0.1]), np.array([0, 0, 2]), 3)
    np.testing.assert_allclose(found, [(0.4 - middle) / spread, np.nan, (0.1 - middle) / spread])
    p_values = reference.p_values(found, np.array([9, 0, 4]))
    assert np.isnan(p_values[1])
    assert 0 < p_values[0] < p_values[2] <= 1


@pytest.mark.parametrize("held_out", [False, True])
def test_fresh_texts_have_uniform_p_values_and_strange_ones_small_ones(held_out: bool) -> None:
    given = pieces(800, 5) if held_out else None
    fitted = fit_style(pieces(800, 0), [] if held_out else folds(800), given)
    p_values = scores(fitted.reference, pieces(3_000, 7))[1]
    assert (p_values <= 0.05).mean() == pytest.approx(0.05, abs=0.02)
    assert (p_values <= 0.3).mean() == pytest.approx(0.3, abs=0.08)  # cross-fitting is conservative on few texts
    strange = pieces(300, 8)
    strange.states[:] = np.random.default_rng(9).normal(size=strange.states.shape)
    assert (scores(fitted.reference, strange)[1] <= 0.05).mean() > 0.9
    assert fitted.facts["calibration_texts"] == 800
    assert sum(fitted.facts["length_bins"]) == 800


def test_folds_keep_a_text_from_the_prototypes_that_score_it() -> None:
    """Each text is a direction of its own, forty times over: who has seen it finds it at distance 0."""
    rng = np.random.default_rng(1)
    directions = rng.normal(size=(200, DIM))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    states = np.repeat(directions, 40, axis=0).astype(np.float32)
    own = PieceStates(states, np.arange(201) * 40, np.arange(200), np.full(200, 42, np.int32))
    fitted = fit_style(own, folds(200))
    calibrated = fitted.reference.conformal.scores * fitted.reference.constants[1] + fitted.reference.constants[0]
    seen = [float(fitted.reference.of_chunk(states[i * 40 : i * 40 + 40])) for i in range(200)]
    assert np.median(calibrated) > 10 * np.median(seen)


def test_a_fold_may_name_texts_that_were_not_kept() -> None:
    kept = pieces(300, 2)
    kept = kept._replace(owner=kept.owner * 2)  # the odd ones of 600 were not
    assert fit_style(kept, folds(600)).facts["calibration_texts"] == 300


def test_the_same_seed_gives_the_same_reference(reference: StyleReference) -> None:
    again = fit_style(pieces(600, 0), folds(600)).reference.to_arrays()
    for name, array in reference.to_arrays().items():
        np.testing.assert_array_equal(array, again[name])


def test_arrays_give_the_reference_back(reference: StyleReference) -> None:
    arrays = reference.to_arrays()
    assert arrays["rows"].dtype == np.int8
    back = StyleReference.from_arrays(arrays)
    for before, after in zip(scores(reference, pieces(50, 4)), scores(back, pieces(50, 4)), strict=True):
        assert before.tobytes() == after.tobytes()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"radii": None, "calibration": None}, "without radii, calibration"),
        ({"constants": np.array([0.0, 0.0])}, "the second positive"),
        ({"constants": np.zeros(3)}, "two float64"),
        ({"scales": np.ones((1, 2), np.float32)}, "scales of shape"),
        ({"calibration": np.array([0.5, 0.1])}, "length bins"),
    ],
)
def test_arrays_that_do_not_belong_together_are_told(
    reference: StyleReference, changed: dict[str, Any], message: str
) -> None:
    arrays = {name: array for name, array in (reference.to_arrays() | changed).items() if array is not None}
    with pytest.raises(ValueError, match=message):
        StyleReference.from_arrays(arrays)


def test_too_few_texts_are_told() -> None:
    with pytest.raises(ValueError, match="40 calibration texts; at least 100"):
        fit_style(pieces(40, 0), folds(40))
