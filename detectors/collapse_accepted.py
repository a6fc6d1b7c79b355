"""What accepted traffic leads to expect of a window of answers, instead of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.collapse_fit import SIZES, alike, coarse_cells, different, sign_shares
from detectors.collapse_windows_fit import with_windows
from detectors.pair_measures import Pairs
from detectors.pair_reference import ACCEPTED_ARRAYS, PairReference


def accept_pairs(reference: PairReference, pairs: Pairs, sizes: Sequence[int] = SIZES) -> PairReference | None:
    """Make a reference that windows of accepted traffic look usual to; None where too few prompts differ.

    No model answers as its training set does, and hardly any traffic asks as it does: against training, how much
    answers vary for what was asked lies off for good. What answers echo, and which of their kinds are rare, is still
    training's; how often is to be expected, and how much answers vary, is that of the accepted ones.

    Parameters
    ----------
    reference : PairReference
        Fitted on training (`detectors.collapse_fit.fit_pairs`).
    pairs : Pairs
        Accepted exchanges, in random order, and what the reference says of them.
    """
    rng = np.random.default_rng(8)
    pairs = pairs.take(different(pairs.prompts))
    fitting = [n for n in sizes if n <= len(pairs.cell) // 2]
    if not fitting:
        return None
    cells, cell = coarse_cells(pairs.prompts, rng)
    expected, counts = sign_shares(cell, pairs.signs, len(cells.rows))
    likeness = np.stack([alike(side, cell, len(cells.rows)) for side in (pairs.responses, pairs.prompts)])
    found = replace(
        reference, prompt_cells=cells, expected=expected, counts=counts, dispersion=np.ones(len(expected[0])),
        alike=likeness, yielding=np.zeros(2), n_pairs=len(cell), usual=(),
    )  # fmt: skip
    return with_windows(found, pairs._replace(cell=cell), np.ones(len(cell), np.bool_), fitting, rng)


def accepted_arrays(accepted: PairReference) -> dict[str, npt.NDArray[Any]]:
    """Return what is to be put over the arrays of training's reference."""
    arrays = accepted.to_arrays()
    return {name: arrays[name] for name in ACCEPTED_ARRAYS}
