"""Prototypes of training pairs, and training responses by cell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.coverage_fit import fair_counts
from detectors.echo import EchoRows
from detectors.kmeans import ROWS_A_PROTOTYPE, spherical_kmeans
from detectors.near import Whole
from detectors.pair_reference import Flags
from detectors.rare import rare_cells

MOST_PROTOTYPES = 512


class Parts(NamedTuple):
    """Prototypes of prompts and of responses, which of the latter are rare, and all responses by cell."""

    prompts: Whole
    response_cells: Whole
    rare: Flags
    echo: EchoRows


def fit_parts(
    prompts: npt.NDArray[np.float32], responses: npt.NDArray[np.float32], seen: Flags, rng: np.random.Generator
) -> Parts:
    """Fit prototypes on the unit rows (m, d) of either side that are `seen` (m,), and sort all responses into cells."""
    n_cells = max(1, min(MOST_PROTOTYPES, int(seen.sum()) // ROWS_A_PROTOTYPE))
    fine = Whole.of(spherical_kmeans(prompts[seen], n_cells, rng))
    cells = Whole.of(spherical_kmeans(responses[seen], n_cells, rng))
    whole = Whole.of(responses)
    cell = whole.cosines(cells).argmax(axis=1)
    rare = rare_cells(fair_counts(np.bincount(cell[seen], minlength=n_cells)))
    starts = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=n_cells))]).astype(np.int32)
    nothing = np.zeros(0, np.float32)
    rows = EchoRows(whole.rows[np.argsort(cell, kind="stable")], starts, nothing, nothing, np.zeros(0, np.uint64))
    return Parts(fine, cells, rare, rows)
