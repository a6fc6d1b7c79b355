"""Fit what accepted texts are like as a crowd, on a sample of them: the cost does not grow with their number."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.crowd import Arrays, to_arrays
from detectors.diversity import DiversityBaseline
from detectors.diversity_fit import fit_diversity
from detectors.mix_plan import MixPlan
from detectors.mmd_fit import FEWEST, fit_mix

Rows = npt.NDArray[np.floating[Any]]

SAMPLE = 30_000
"""Texts that are looked at."""

MOST_HELD_OUT = 10_000

WINDOW = 512
"""Texts of a window of diversity; half as many where there are fewer than twice as many texts."""

RUN_LENGTH = 50_000.0
"""Expected texts between false warnings, unless said otherwise."""


def fit_crowd(vectors: Rows, held_out: Rows | None = None, run_length: float = RUN_LENGTH, seed: int = 0) -> Arrays:
    """Fit on vectors (n, d) of accepted texts, at most `SAMPLE`, in any order.

    Without held-out ones (m, d), half of the texts, `MOST_HELD_OUT` at most, simulate what production would be like.
    What there are too few texts for is left out: a mix needs `FEWEST` of either kind, diversity 512 in all.

    Returns
    -------
    dict of str to ndarray
        See `detectors.crowd`.
    """
    order = np.random.default_rng(seed).permutation(len(vectors))
    rows = vectors[order].astype(np.float32)
    if held_out is None:
        cut = min(len(rows) // 2, MOST_HELD_OUT)
        mix = _mix(rows[cut:], rows[:cut], run_length, seed)
    else:
        mix = _mix(rows, held_out[:MOST_HELD_OUT].astype(np.float32), run_length, seed)
    return to_arrays(mix, _diversity(rows, seed))


def _mix(
    rows: npt.NDArray[np.float32], held_out: npt.NDArray[np.float32], run_length: float, seed: int
) -> MixPlan | None:
    return fit_mix(rows, held_out, run_length, seed) if min(len(rows), len(held_out)) >= FEWEST else None


def _diversity(rows: npt.NDArray[np.float32], seed: int) -> DiversityBaseline | None:
    sizes = [n for n in (WINDOW, WINDOW // 2) if n <= len(rows) // 2][:1]
    return next(iter(fit_diversity(rows, seed, sizes).values()), None)
