"""What training pairs lead to expect of a window of answers; whatever is told of a pair, a fit without it tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.blocks import spans
from detectors.collapse import SAME_PROMPT
from detectors.collapse_parts_fit import Parts, fit_parts
from detectors.collapse_windows_fit import with_windows
from detectors.echo import DECILES, EchoRows
from detectors.folds import split
from detectors.kmeans import spherical_kmeans
from detectors.near import Whole, unlike
from detectors.pair_measures import Pairs, thinned
from detectors.pair_reference import SIGNS, VERBATIM, Flags, Floats, PairReference
from detectors.recycled import Recycled

SIZES = (256, 512, 1024)
CELLS = 64
"""Coarse cells of prompts."""

FEWEST_A_CELL = 16
PSEUDO_PAIRS = 20.0
"""Pairs at the overall value that each cell's is shrunk by."""

ECHO_SHARE = 0.05
MOST_PAIRS = 10_000
"""Pairs looked at, and training responses kept to find echoes among: 384 bytes each."""

FEWEST_PAIRS = 2 * SIZES[0]
"""Pairs with different prompts that are needed."""


class TrainingPairs(NamedTuple):
    """m pairs of a prompt and a response, in random order.

    Attributes
    ----------
    prompts, responses : ndarray, shape (m, d)
    hashes : ndarray of uint64, shape (m,)
        Of the words of each response; 0 for a short one.
    again : ndarray of bool, shape (m,)
        Whether another row has the same response.
    groups : ndarray of int, shape (m,)
        Pairs of one group are never parted.
    """

    prompts: npt.NDArray[np.floating[Any]]
    responses: npt.NDArray[np.floating[Any]]
    hashes: npt.NDArray[np.uint64]
    again: Flags
    groups: npt.NDArray[np.int64]

    def take(self, chosen: npt.NDArray[Any]) -> TrainingPairs:
        """Return some of them."""
        return TrainingPairs(*(part[chosen] for part in self))


def fit_pairs(
    pairs: TrainingPairs, hashes: npt.NDArray[np.uint64], seed: int = 0, sizes: Sequence[int] = SIZES
) -> PairReference | None:
    """Fit on pairs, those with nearly the same prompt as another one left out; None where too few are left.

    Prototypes are fitted on one half of them (whole groups); the other half tells how often fresh answers are rare, or
    echo training. `hashes` are those of all training responses, for answers that repeat one to the word.
    """
    rng = np.random.default_rng([seed, 5])
    pairs = pairs.take(different(Whole.of(pairs.prompts)))
    fitting = [n for n in sizes if n <= len(pairs.hashes) // 2]
    if not fitting:
        return None
    prompts, responses = Whole.of(pairs.prompts), Whole.of(pairs.responses)
    units = prompts.unit(), responses.unit()
    prompt_cells, cell = coarse_cells(prompts, rng)
    n_cells = len(prompt_cells.rows)
    fresh = split(np.unique(pairs.groups, return_inverse=True)[1].astype(np.int32), 2, rng) == 1
    parts = fit_parts(*units, ~fresh, rng)
    echo, signs = _signs(pairs, parts, fresh, hashes)
    expected, counts = sign_shares(cell[fresh], signs[fresh], n_cells)
    likeness = np.stack([alike(side, cell, n_cells) for side in (responses, prompts)])
    found = PairReference(
        prompt_cells, parts.prompts, parts.response_cells, parts.rare, echo, expected, counts,
        np.ones(len(SIGNS)), likeness, np.zeros(2), len(cell), (),
    )  # fmt: skip
    return with_windows(found, Pairs(prompts, responses, cell, signs), fresh, fitting, rng)


def coarse_cells(prompts: Whole, rng: np.random.Generator) -> tuple[Whole, npt.NDArray[np.intp]]:
    """Return prototypes of prompts, at most `CELLS`, and which of them each of the prompts is of."""
    n_cells = max(1, min(CELLS, len(prompts.scales) // FEWEST_A_CELL))
    cells = Whole.of(spherical_kmeans(prompts.unit(), n_cells, rng))
    return cells, prompts.cosines(cells).argmax(axis=1)


def different(prompts: Whole) -> npt.NDArray[np.intp]:
    """Return the places of prompts, in order, that are no near-duplicates of earlier ones."""
    kept = prompts.take(slice(0))
    found = []
    for where in spans(len(prompts.scales), 256):
        fresh = unlike(prompts.take(where), kept, SAME_PROMPT)
        kept = kept.joined(prompts.take(where).take(fresh))
        found.append(where.start + np.flatnonzero(fresh))
    return np.concatenate(found)


def _signs(pairs: TrainingPairs, parts: Parts, fresh: Flags, hashes: npt.NDArray[np.uint64]) -> tuple[EchoRows, Flags]:
    """Say of each pair what it is, all other responses being known; `fresh` are those that prototypes have not seen."""
    prompts, responses = Whole.of(pairs.prompts), Whole.of(pairs.responses)
    told = pairs.hashes > 0
    distance = 1 - prompts.cosines(parts.prompts).max(axis=1)
    cell = responses.cosines(parts.response_cells).argmax(axis=1)
    nearest = parts.echo.nearest(responses, cell, others=True)
    edges = np.quantile(distance[fresh], np.arange(1, DECILES) / DECILES).astype(np.float32)
    decile = np.searchsorted(edges, distance)
    limits = np.zeros(DECILES, dtype=np.float32)
    for k in range(DECILES):
        kept = 1 - nearest[fresh & told & (decile == k)]
        limits[k] = np.quantile(kept, ECHO_SHARE) if len(kept) else 0
    again = Recycled(pairs.prompts.shape[1]).update(prompts, responses, pairs.hashes)
    echo = told & (1 - nearest < limits[decile])
    verbatim = told & ((nearest >= VERBATIM) | pairs.again)
    rows = EchoRows(parts.echo.rows, parts.echo.starts, edges, limits, np.unique(hashes[hashes > 0]))
    return rows, np.stack([parts.rare[cell], echo, verbatim, again.exact | again.soft], axis=1)


def sign_shares(cell: npt.NDArray[np.intp], signs: Flags, n_cells: int) -> tuple[Floats, Floats]:
    """Return the share of each sign in each cell, shrunk towards the overall one, and what it stands on."""
    overall = (signs.sum(axis=0) + 0.5) / (len(cell) + 1)
    hits = np.stack([np.bincount(cell, weights=sign, minlength=n_cells) for sign in signs.T], axis=1)
    counts = np.bincount(cell, minlength=n_cells).astype(np.float64) + PSEUDO_PAIRS
    return (hits + PSEUDO_PAIRS * overall) / counts[:, None], counts


def alike(side: Whole, cell: npt.NDArray[np.intp], n_cells: int) -> Floats:
    """Mean squared cosine of the texts of two cells (K, K), shrunk towards that of any two texts."""
    rows = thinned(side)
    dim = rows.shape[1]
    moments = np.zeros((n_cells, dim * dim), dtype=np.float32)
    for k in range(n_cells):
        mine = rows[cell == k]
        moments[k] = (mine.T @ mine).ravel()
    counts = np.bincount(cell, minlength=n_cells).astype(np.float64)
    sums = (moments @ moments.T).astype(np.float64) - np.diag(counts)
    n_pairs = np.outer(counts, counts) - np.diag(counts)
    overall = sums.sum() / n_pairs.sum()
    shrunk: Floats = (sums + PSEUDO_PAIRS * overall) / (n_pairs + PSEUDO_PAIRS)
    return shrunk
