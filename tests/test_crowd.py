import numpy as np
import pytest

from detectors.blocks import unit_rows
from detectors.crowd import diversity_of, mix_of, to_arrays, without_crowd
from detectors.crowd_fit import fit_crowd

DIM = 16


def texts(n, seed, topics=10):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(77).standard_normal((10, DIM))[:topics]
    return unit_rows((centres[rng.integers(topics, size=n)] + 0.3 * rng.standard_normal((n, DIM))).astype(np.float32))


def test_what_was_fitted_comes_back_from_the_arrays():
    arrays = fit_crowd(texts(1_100, 0).astype(np.float16), run_length=500)
    mix, diversity = mix_of(arrays), diversity_of(arrays)
    assert mix.run_length == 500
    assert mix.windows.tolist() == [50]  # half of the texts simulate production: too few for longer ones
    assert diversity.n == 512
    again = to_arrays(mix, diversity)
    assert all(np.array_equal(again[name], arrays[name]) for name in arrays)
    assert without_crowd({**arrays, "weights": np.ones(1)}).keys() == {"weights"}


def test_held_out_texts_stand_for_production():
    arrays = fit_crowd(texts(600, 0), texts(900, 1), run_length=500)
    assert mix_of(arrays).windows.tolist() == [50, 200]
    assert diversity_of(arrays).n == 256


def test_too_few_texts_give_nothing():
    assert fit_crowd(texts(399, 0)) == {}
    assert mix_of({}) is None
    assert diversity_of({}) is None


def test_a_part_is_refused():
    arrays = fit_crowd(texts(600, 0), run_length=500)
    for name, read in (("mix_centre", mix_of), ("diversity_sd", diversity_of)):
        with pytest.raises(ValueError, match=r"without centre|do not belong together"):
            read({key: array for key, array in arrays.items() if key != name})
