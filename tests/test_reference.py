import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.blocks import BLOCK
from detectors.fit_reference import fit_reference
from detectors.reference import Reference, text_tokens
from tests.texts_for_detectors import made_up

TRAIN = made_up(1500, seed=1, dim=48)
FITTED = fit_reference(TRAIN, seed=3)
REFERENCE = FITTED.reference
TEXTS = made_up(3 * BLOCK + 5, seed=2, dim=48)


def scored(rows):
    return REFERENCE.score(TEXTS.layers[rows], np.arange(len(rows), dtype=np.int32), len(rows))


def test_a_text_alone_has_the_bits_it_has_in_a_batch():
    together = scored(np.arange(len(TEXTS.layers)))
    for i in range(len(TEXTS.layers)):
        alone = scored(np.array([i]))
        assert alone.novelty[0] == together.novelty[i]
        assert alone.cell[0] == together.cell[i]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, len(TEXTS.layers) - 1), min_size=1, max_size=2 * BLOCK + 1))
def test_neighbours_and_place_never_change_a_bit(rows):
    together = scored(np.arange(len(TEXTS.layers)))
    assert np.array_equal(scored(np.array(rows)).novelty, together.novelty[rows])


def test_the_number_of_blas_threads_changes_no_bit(tmp_path):
    np.savez(tmp_path / "reference.npz", **REFERENCE.to_arrays())
    np.save(tmp_path / "layers.npy", TEXTS.layers)
    program = (
        "import sys, numpy as np; from detectors.reference import Reference;"
        "x = np.load(sys.argv[1] + '/layers.npy');"
        "r = Reference.from_arrays(np.load(sys.argv[1] + '/reference.npz'));"
        "print(r.score(x, np.arange(len(x), dtype=np.int32), len(x)).novelty.tobytes().hex())"
    )
    bits = {
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            env={"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for threads in ("1", "2", "3")
    }
    assert len(bits) == 1


def test_scoring_imports_nothing_but_numpy():
    program = (
        "import sys; import detectors.reference, detectors.conformal, detectors.prototypes;"
        "print({m.split('.')[0] for m in sys.modules} & {'scipy', 'sklearn', 'torch'})"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "set()"


def test_the_score_is_what_the_formula_says():
    arrays = REFERENCE.to_arrays()
    mix = np.zeros(len(TEXTS.layers))
    for layer in range(3):
        rows = TEXTS.layers[:, layer].astype(np.float64)
        if layer < 2:
            rows = rows @ arrays["maps"][layer].astype(np.float64)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        by_seed = []
        for seed in range(3):
            prototypes = arrays["prototypes"][layer, seed] * arrays["scales"][layer, seed].astype(np.float64)[:, None]
            distances = (1 - rows @ prototypes.T) / arrays["radii"][layer, seed] ** 0.3
            by_seed.append(distances.min(axis=1))
        median, spread = arrays["constants"][layer]
        mix += [0.25, 0.5, 1][layer] * (np.mean(by_seed, axis=0) - median) / spread
    found = scored(np.arange(len(TEXTS.layers)))
    assert found.novelty == pytest.approx(mix, abs=1e-4)


def test_the_cell_is_the_nearest_prototype_of_the_first_seed():
    arrays = REFERENCE.to_arrays()
    cosines = TEXTS.layers[:, -1] @ (arrays["prototypes"][-1, 0] * arrays["scales"][-1, 0][:, None]).T
    assert np.array_equal(scored(np.arange(len(TEXTS.layers))).cell, cosines.argmax(axis=1))


def test_a_long_text_scores_the_mean_of_its_chunks_and_no_chunks_score_nothing():
    alone = scored(np.arange(5))
    found = REFERENCE.score(TEXTS.layers[:5], np.array([0, 0, 2, 4, 4], dtype=np.int32), 6)
    pairs = alone.novelty[[0, 3]] / 2 + alone.novelty[[1, 4]] / 2
    assert found.novelty[[0, 4]] == pytest.approx(pairs)
    assert found.novelty[2] == alone.novelty[2]
    assert found.cell.tolist() == [alone.cell[0], -1, alone.cell[2], -1, alone.cell[3], -1]
    assert np.isnan(found.novelty[[1, 3, 5]]).all()
    p_values = REFERENCE.p_values(found.novelty, np.array([9, 0, 9, 0, 9, 0]))
    assert np.isnan(p_values[[1, 3, 5]]).all()
    assert ((p_values[[0, 2, 4]] > 0) & (p_values[[0, 2, 4]] <= 1)).all()


def test_nothing_to_score_gives_nothing():
    found = REFERENCE.score(np.empty((0, 3, 48), dtype=np.float32), np.empty(0, dtype=np.int32), 0)
    assert len(found.novelty) == len(found.cell) == 0


def test_new_topics_get_small_p_values_and_known_ones_uniform_ones():
    known, new = made_up(2000, seed=5, dim=48), made_up(500, seed=6, dim=48, clusters=range(100, 140))
    p_known, p_new = (
        REFERENCE.p_values(REFERENCE.score(t.layers, t.owner, n).novelty, text_tokens(t.tokens, t.owner, n))
        for t, n in ((known, 2000), (new, 500))
    )
    assert (p_known <= 0.05).mean() == pytest.approx(0.05, abs=0.025)
    assert (p_new <= 0.05).mean() > 0.9


def test_arrays_give_the_same_reference_again():
    again = Reference.from_arrays(REFERENCE.to_arrays())
    rows = np.arange(len(TEXTS.layers))
    found = again.score(TEXTS.layers, rows.astype(np.int32), len(rows))
    assert np.array_equal(found.novelty, scored(rows).novelty)
    assert np.array_equal(again.p_values(found.novelty, TEXTS.tokens), REFERENCE.p_values(found.novelty, TEXTS.tokens))
    assert again.n_cells == REFERENCE.n_cells == 60
    assert again.cell_counts.sum() == 1500


@pytest.mark.parametrize("name", sorted(REFERENCE.to_arrays()))
def test_an_array_that_is_missing_is_named(name):
    arrays = REFERENCE.to_arrays()
    del arrays[name]
    with pytest.raises(ValueError, match=name):
        Reference.from_arrays(arrays)


def broken(name):
    """Ways in which one array may not belong to the others."""
    whole = REFERENCE.to_arrays()[name]
    yield whole[..., :-1]
    yield whole[:-1]
    yield whole.astype(np.complex128)
    if whole.dtype.kind == "f":
        yield np.full_like(whole, np.nan)
    if name in {"scales", "radii", "counts", "constants"}:
        yield np.full_like(whole, -1)
    if name in {"calibration", "length_starts"}:
        yield whole[::-1]


@pytest.mark.parametrize(
    ("name", "way"), [(name, i) for name in sorted(REFERENCE.to_arrays()) for i in range(len(list(broken(name))))]
)
def test_an_array_that_does_not_belong_is_refused(name, way):
    arrays = REFERENCE.to_arrays() | {name: list(broken(name))[way]}
    with pytest.raises(ValueError, match=r"."):
        Reference.from_arrays(arrays)


def test_rows_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(3, 32\).*\(3, 48\)"):
        REFERENCE.score(TEXTS.layers[:, :, :32], TEXTS.owner, len(TEXTS.layers))
