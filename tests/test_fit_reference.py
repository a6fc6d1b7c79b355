import json

import numpy as np
import pytest

from detectors.fit_reference import fit_reference
from tests.texts_for_detectors import MadeUp, made_up

TRAIN = made_up(800, seed=1)


def p_values(reference, texts, n):
    tokens = np.bincount(texts.owner, texts.tokens, minlength=n)
    return reference.p_values(reference.score(texts.layers, texts.owner, n).novelty, tokens)


def test_the_same_seed_gives_the_same_arrays_and_another_gives_others():
    one, two, other = (fit_reference(TRAIN, seed=seed).reference.to_arrays() for seed in (0, 0, 1))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert not np.array_equal(one["prototypes"], other["prototypes"])


def test_held_out_texts_calibrate_and_others_of_them_give_the_constants():
    reference, facts, _ = fit_reference(TRAIN, calibration=made_up(1000, seed=2))
    assert facts["method"] == "held-out"
    assert facts["calibration_texts"] == 800
    assert (p_values(reference, made_up(4000, seed=3), 4000) <= 0.05).mean() == pytest.approx(0.05, abs=0.03)


def test_cross_fitting_scores_every_text_out_of_fold():
    reference, facts, _ = fit_reference(TRAIN)
    assert facts["method"] == "cross-fitted"
    assert facts["calibration_texts"] == 800
    assert facts["folds"] == 5
    assert sum(facts["length_bins"]) == 800
    assert 0 < facts["cell_trust"]["trust"] <= 1
    assert (p_values(reference, made_up(4000, seed=3), 4000) <= 0.05).mean() == pytest.approx(0.05, abs=0.03)


def test_facts_are_plain_json():
    assert json.loads(json.dumps(fit_reference(TRAIN).facts)) == fit_reference(TRAIN).facts


@pytest.mark.parametrize("n_layers", [1, 2, 4])
def test_any_number_of_layers(n_layers):
    train, new = made_up(600, 1, n_layers=n_layers), made_up(200, 2, n_layers=n_layers, clusters=range(100, 140))
    reference = fit_reference(train).reference
    assert (p_values(reference, new, 200) <= 0.05).mean() > 0.8


def test_chunks_of_a_text_stay_together_and_texts_without_chunks_do_not_count():
    whole = made_up(300, seed=1, chunks=3)
    sparse = MadeUp(whole.layers, whole.tokens, whole.owner * 2)  # every second text owns nothing
    facts = fit_reference(sparse).facts
    assert (facts["texts"], facts["chunks"], facts["calibration_texts"]) == (300, 900, 300)


def test_groups_keep_templates_out_of_their_own_calibration():
    """Texts in families of ten that lie close together, though below the cosine at which they are joined unasked."""
    rng = np.random.default_rng(0)
    family = np.repeat(np.arange(80), 10)
    last = rng.normal(size=(80, 1, 32))[family] + 0.45 * rng.normal(size=(800, 1, 32))
    last /= np.linalg.norm(last, axis=2, keepdims=True)
    texts = MadeUp(last.astype(np.float32), np.full(800, 10, np.int32), np.arange(800, dtype=np.int32))
    fresh = made_up(500, 9, n_layers=1, clusters=range(100, 200))
    free, kept = fit_reference(texts).reference, fit_reference(texts, groups=family).reference
    assert kept.constants[0, 0] > 1.5 * free.constants[0, 0]
    assert p_values(kept, fresh, 500).mean() > 5 * p_values(free, fresh, 500).mean()


def test_groups_are_numbered_by_text_not_by_chunk():
    whole = made_up(300, seed=1, chunks=2)
    facts = fit_reference(whole, groups=np.arange(300) // 3).facts
    assert facts["groups"] <= 100


def test_layers_of_float16_on_disk_give_nearly_the_same(tmp_path):
    on_disk = np.lib.format.open_memmap(tmp_path / "l.npy", "w+", np.float16, TRAIN.layers.shape)
    on_disk[:] = TRAIN.layers
    reference = fit_reference(MadeUp(on_disk, TRAIN.tokens, TRAIN.owner)).reference
    fresh = made_up(500, seed=4)
    exact = fit_reference(TRAIN).reference.score(fresh.layers, fresh.owner, 500).novelty
    assert np.corrcoef(reference.score(fresh.layers, fresh.owner, 500).novelty, exact)[0, 1] > 0.98


def test_progress_ends_at_all_of_it():
    seen = []
    fit_reference(TRAIN, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(k, 18) for k in range(1, 19)]


def test_too_few_texts_are_counted():
    with pytest.raises(ValueError, match=r"^99 training texts.*100"):
        fit_reference(made_up(99, seed=1))
    with pytest.raises(ValueError, match=r"^149 calibration texts.*150"):
        fit_reference(TRAIN, calibration=made_up(149, seed=1))


def test_a_group_that_is_most_of_it_is_refused():
    with pytest.raises(ValueError, match=r"one group holds 75% of the 800 texts"):
        fit_reference(TRAIN, groups=np.arange(800) // 600)


def test_rows_that_are_all_alike_still_give_p_values():
    same = MadeUp(np.repeat(TRAIN.layers[:1], 200, axis=0), np.full(200, 9, np.int32), np.arange(200, dtype=np.int32))
    reference, facts, _ = fit_reference(same)
    assert facts["twin_rate"] == 1
    assert facts["near_duplicates_joined_at"] is None
    assert np.isfinite(p_values(reference, same, 200)).all()
