"""What a training pair is by itself: told of each by prototypes that were fitted without it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.echo import EchoRows
from detectors.folds import split
from detectors.kmeans import ROWS_A_PROTOTYPE, assign, spherical_kmeans
from detectors.near import Whole
from detectors.pair_reference import Flags
from detectors.rare import rare_cells

MOST_PROTOTYPES = 512
FOLDS = 5


class Crossed(NamedTuple):
    """What fits without them say of m pairs: distance of the prompt, nearest cosine of the response, rare or not."""

    distance: npt.NDArray[np.float32]
    nearest: npt.NDArray[np.float32]
    tail: Flags


class Parts(NamedTuple):
    """Prototypes of prompts and of responses, which of the latter are rare, and the responses by cell."""

    prompts: Whole
    response_cells: Whole
    rare: Flags
    echo: EchoRows


def fit_parts(prompts: npt.NDArray[np.float32], responses: npt.NDArray[np.float32], rng: np.random.Generator) -> Parts:
    """Fit prototypes of either side on unit rows (m, d), and sort the responses into their cells."""
    n_cells = max(1, min(MOST_PROTOTYPES, len(prompts) // ROWS_A_PROTOTYPE))
    fine = Whole.of(spherical_kmeans(prompts, n_cells, rng))
    response_cells = Whole.of(spherical_kmeans(responses, n_cells, rng))
    cell = assign(responses, response_cells.unit()).nearest
    counts = np.bincount(cell, minlength=n_cells)
    rare = rare_cells(counts)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    rows = Whole.of(responses).rows[np.argsort(cell, kind="stable")]
    nothing = np.zeros(0, np.float32)
    return Parts(fine, response_cells, rare, EchoRows(rows, starts, nothing, nothing, np.zeros(0, np.uint64)))


def cross_fit(
    units: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]],
    groups: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> Crossed:
    """Look at the pairs of each fold, unit rows (m, d) of prompts and of responses, with what the others fit."""
    fold = split(np.unique(groups, return_inverse=True)[1].astype(np.int32), FOLDS, rng)
    m = len(fold)
    found = Crossed(np.zeros(m, np.float32), np.zeros(m, np.float32), np.zeros(m, np.bool_))
    for k in range(FOLDS):
        mine = fold == k
        if not mine.any() or mine.all():
            continue
        parts = fit_parts(units[0][~mine], units[1][~mine], rng)
        prompts, responses = (Whole.of(rows[mine]) for rows in units)
        cell = responses.cosines(parts.response_cells).argmax(axis=1)
        found.distance[mine] = 1 - prompts.cosines(parts.prompts).max(axis=1)
        found.nearest[mine] = parts.echo.nearest(responses, cell)
        found.tail[mine] = parts.rare[cell]
    return found
