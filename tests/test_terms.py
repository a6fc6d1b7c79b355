"""The terms of a score beside the distances of the layers: the local one, and the labels'."""

import subprocess
import sys

import numpy as np
import pytest

from detectors.blocks import BLOCK
from detectors.fit_reference import fit_reference
from detectors.heads import LabelHead
from detectors.heads_fit import FEWEST_OF_LABEL, MOST_LABELS, fit_head, usable_labels
from detectors.local import MOST_ROWS, NEIGHBOURS, LocalTerm, own_spreads
from detectors.prototypes import to_int8
from detectors.reference import Reference
from detectors.terms_fit import Terms
from tests.texts_for_detectors import MadeUp, made_up, made_up_labels

TRAIN = made_up(1000, seed=1)
LABELS = made_up_labels(1000, seed=1)
KNOWN, NEW = made_up(1500, seed=5), made_up(300, seed=6, clusters=range(100, 140))
TEXTS = made_up(2 * BLOCK + 5, seed=2)
FITTED = fit_reference(TRAIN, terms=Terms(local=True, labels=LABELS), seed=3)
REFERENCE = FITTED.reference
NAMES = ["label_weights", "local_rows", "local_spreads"]


def scored(rows, reference=REFERENCE):
    return reference.score(TEXTS.layers[rows], np.arange(len(rows), dtype=np.int32), len(rows)).novelty


def p_values(reference, texts):
    n = len(texts.owner)
    return reference.p_values(reference.score(texts.layers, texts.owner, n).novelty, texts.tokens)


def exact_local(queries, rows):
    """The local term by the formula, every pair compared."""
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    own = rows @ rows.T
    np.fill_diagonal(own, -2)
    spreads = 1 - np.sort(own, axis=1)[:, -NEIGHBOURS:].mean(axis=1)
    cosines = queries @ rows.T
    nearest = np.argsort(cosines, axis=1)[:, -NEIGHBOURS:]
    return (1 - np.take_along_axis(cosines, nearest, axis=1).mean(axis=1)) / np.sqrt(spreads[nearest].mean(axis=1))


@pytest.mark.parametrize("n", [11, 80, 1000, 3000])
def test_the_local_term_is_what_its_formula_says(n):
    unit = made_up(n, seed=1, n_layers=1).layers[:, -1]
    whole, _ = to_int8(unit)
    block = made_up(BLOCK, seed=8, n_layers=1).layers
    found = LocalTerm(whole, own_spreads(whole, unit)).distances(block)
    assert found == pytest.approx(exact_local(block[:, -1].astype(float), whole.astype(float)), rel=2e-3)


def test_rows_that_are_all_alike_have_a_finite_local_term():
    unit = np.repeat(TRAIN.layers[:1, -1], 50, axis=0)
    whole, _ = to_int8(unit)
    found = LocalTerm(whole, own_spreads(whole, unit)).distances(TEXTS.layers[:BLOCK])
    assert np.isfinite(found).all()


def test_a_head_tells_the_labels_apart_and_doubts_what_it_has_not_seen():
    head = fit_head(TRAIN.layers, np.arange(1000), LABELS, seed=0)
    blocks = [head.distances(texts.layers[:BLOCK]) for texts in (KNOWN, NEW)]
    assert np.median(blocks[0]) < 0.5 * np.median(blocks[1])
    assert (np.concatenate(blocks) >= 0).all()
    assert (np.concatenate(blocks) <= np.log(15)).all()


def test_the_entropy_is_what_its_formula_says():
    head = LabelHead(np.random.default_rng(0).normal(size=(7, 96)).astype(np.float16))
    directions = head.weights.astype(float) / np.linalg.norm(head.weights.astype(float), axis=1, keepdims=True)
    rows = TEXTS.layers[:BLOCK].reshape(BLOCK, -1).astype(float)
    logits = 24 * (rows / np.linalg.norm(rows, axis=1, keepdims=True)) @ directions.T
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert head.distances(TEXTS.layers[:BLOCK]) == pytest.approx(-(share * np.log(share)).sum(axis=1), abs=1e-4)


def test_unlabelled_rows_teach_nothing_and_do_no_harm():
    some = np.where(np.arange(1000) % 3 == 0, LABELS, -1)
    kept = np.flatnonzero(some >= 0)
    head = fit_head(TRAIN.layers, np.arange(1000), some, seed=0)
    alone = fit_head(TRAIN.layers[kept], np.arange(len(kept)), some[kept], seed=0)
    assert np.array_equal(head.weights, alone.weights)
    facts = fit_reference(TRAIN, terms=Terms(labels=some)).facts
    assert (facts["labels"], facts["labelled_texts"]) == (15, len(kept))


def test_rare_labels_count_as_none_and_too_few_or_too_many_are_counted():
    labels, n_labels = usable_labels(np.array([5] * 9 + [3] * 9 + [8] * (FEWEST_OF_LABEL - 1) + [-1] * 20))
    assert (n_labels, sorted(set(labels.tolist()))) == (2, [-1, 0, 1])
    with pytest.raises(ValueError, match=r"^1 labels with at least 5 texts each, of 2;"):
        usable_labels(np.array([1] * 9 + [2]))
    with pytest.raises(ValueError, match=f"^{MOST_LABELS + 1} labels"):
        usable_labels(np.repeat(np.arange(MOST_LABELS + 1), FEWEST_OF_LABEL))


def test_labels_that_say_nothing_about_the_texts_are_refused():
    noise = np.random.default_rng(0).integers(15, size=1000)
    with pytest.raises(ValueError, match=r"the 15 labels cannot be told from the texts"):
        fit_reference(TRAIN, terms=Terms(labels=noise))


def test_labels_that_are_the_groups_are_refused_where_a_fold_would_lack_them():
    halves = np.arange(1000) // 500
    with pytest.raises(ValueError, match="all labels but one"):
        fit_reference(TRAIN, groups=halves, terms=Terms(labels=halves))


def test_too_many_rows_for_the_local_term_are_counted():
    n = MOST_ROWS + 1
    many = MadeUp(np.eye(4, dtype=np.float32)[np.arange(n) % 4][:, None], np.full(n, 9, np.int32), np.arange(n))
    with pytest.raises(ValueError, match=f"^{n} training rows; the local term takes {MOST_ROWS} at most"):
        fit_reference(many, terms=Terms(local=True))


@pytest.mark.parametrize("calibration", [None, made_up(600, seed=9)], ids=["cross-fitted", "held-out"])
@pytest.mark.parametrize("terms", [Terms(local=True), Terms(labels=LABELS), Terms(local=True, labels=LABELS)])
def test_the_p_values_stay_honest_and_what_is_new_stays_strange(terms, calibration):
    reference = fit_reference(TRAIN, terms=terms, calibration=calibration).reference
    assert (p_values(reference, KNOWN) <= 0.05).mean() == pytest.approx(0.05, abs=0.03)
    assert (p_values(reference, NEW) <= 0.05).mean() > 0.9


def test_labels_are_numbered_by_text_not_by_chunk():
    whole = made_up(300, seed=1, chunks=2)
    sparse = MadeUp(whole.layers, whole.tokens, whole.owner * 2)  # every second text owns nothing
    labels = np.full(600, -1)
    labels[::2] = np.arange(300) % 4
    with pytest.raises(ValueError, match="the 4 labels"):  # all four were found
        fit_reference(sparse, terms=Terms(labels=labels))


def test_the_same_seed_gives_the_same_arrays_and_the_same_scores_when_read_again():
    again = fit_reference(TRAIN, terms=Terms(local=True, labels=LABELS), seed=3).reference.to_arrays()
    arrays = REFERENCE.to_arrays()
    assert all(np.array_equal(again[name], arrays[name]) for name in arrays)
    assert set(NAMES) <= set(arrays)
    rows = np.arange(len(TEXTS.layers))
    assert np.array_equal(scored(rows, Reference.from_arrays(arrays)), scored(rows))


def test_without_terms_there_are_no_arrays_of_them():
    assert not set(NAMES) & set(fit_reference(TRAIN).reference.to_arrays())


def test_a_text_alone_has_the_bits_it_has_in_a_batch():
    together = scored(np.arange(len(TEXTS.layers)))
    shuffled = np.random.default_rng(0).permutation(len(TEXTS.layers))
    assert np.array_equal(scored(shuffled), together[shuffled])
    for i in range(len(TEXTS.layers)):
        assert scored(np.array([i]))[0] == together[i]


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
        "import sys; import detectors.terms;"
        "print({m.split('.')[0] for m in sys.modules} & {'scipy', 'sklearn', 'torch'})"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "set()"


def broken(name):
    """Ways in which one array may not belong to the others."""
    whole = REFERENCE.to_arrays()[name]
    yield whole.astype(np.complex128)
    yield whole[..., :-1]
    yield whole[:1]
    if whole.dtype.kind == "f":
        yield np.full_like(whole, np.nan)
    if name == "local_spreads":
        yield -whole


@pytest.mark.parametrize(("name", "way"), [(name, i) for name in NAMES for i in range(len(list(broken(name))))])
def test_an_array_that_does_not_belong_is_refused(name, way):
    arrays = REFERENCE.to_arrays() | {name: list(broken(name))[way]}
    with pytest.raises(ValueError, match=r"."):
        Reference.from_arrays(arrays)


@pytest.mark.parametrize("name", NAMES)
def test_an_array_that_is_missing_is_refused(name):
    arrays = REFERENCE.to_arrays()
    del arrays[name]
    with pytest.raises(ValueError, match=r"local_rows and local_spreads|constants must be"):
        Reference.from_arrays(arrays)
