"""Fit what accepted texts are like as a crowd, on a sample of them: the cost does not grow with their number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.crowd import Arrays, to_arrays
from detectors.diversity import DiversityBaseline
from detectors.diversity_fit import fit_diversity
from detectors.mix_plan import MixPlan
from detectors.mix_stretches import tolerate_stretches
from detectors.mmd_fit import FEWEST, fit_mix

Rows = npt.NDArray[np.floating[Any]]

SAMPLE = 30_000
"""Texts that are looked at."""

MOST_HELD_OUT = 10_000

WINDOW = 512
"""Texts of a window of diversity; half as many where there are fewer than twice as many texts."""

RUN_LENGTH = 50_000.0
"""Expected texts between false warnings, unless said otherwise."""


LONGEST_STRETCH, STRETCHES = 1_000, 8
"""Texts of a stretch that shows ups and downs, at most; and how many stretches are wanted rather than long ones."""


def fit_crowd(
    vectors: Rows,
    held_out: Rows | None = None,
    run_length: float = RUN_LENGTH,
    seed: int = 0,
    in_order: Sequence[Rows] = (),
) -> Arrays:
    """Fit on vectors (n, d) of accepted texts, at most `SAMPLE`, in any order.

    `in_order` are stretches of them, (n, d) each, in the order in which they came: the ups and downs of their mix are
    then tolerated.

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
    if mix is not None and in_order:
        mix = tolerate_stretches(mix, _stretches(in_order, mix), seed)
    return to_arrays(mix, _diversity(rows, seed))


def _stretches(in_order: Sequence[Rows], mix: MixPlan) -> list[Rows]:
    """Cut into stretches of the same length, twice the longest window at least."""
    wanted = min(LONGEST_STRETCH, sum(map(len, in_order)) // STRETCHES)
    length = max(2 * int(mix.windows.max()), wanted)
    return [run[start : start + length] for run in in_order for start in range(0, len(run) - length + 1, length)]


def _mix(
    rows: npt.NDArray[np.float32], held_out: npt.NDArray[np.float32], run_length: float, seed: int
) -> MixPlan | None:
    return fit_mix(rows, held_out, run_length, seed) if min(len(rows), len(held_out)) >= FEWEST else None


def _diversity(rows: npt.NDArray[np.float32], seed: int) -> DiversityBaseline | None:
    sizes = [n for n in (WINDOW, WINDOW // 2) if n <= len(rows) // 2][:1]
    return next(iter(fit_diversity(rows, seed, sizes).values()), None)
