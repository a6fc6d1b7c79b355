"""What training pairs lead to expect of a window of answers; whatever is told of a pair, a fit without it tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.blocks import spans
from detectors.collapse import SAME_PROMPT
from detectors.collapse_parts_fit import Crossed, cross_fit, fit_parts
from detectors.echo import DECILES, EchoRows
from detectors.kmeans import spherical_kmeans
from detectors.near import Whole, unlike
from detectors.pair_measures import Pairs, excess, narrowing
from detectors.pair_reference import SIGNS, VERBATIM, Flags, Floats, PairReference, Usual
from detectors.recycled import Recycled

SIZES = (256, 512, 1024)
WINDOWS = 60
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
        From 0; pairs of one group are never in two folds.
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

    `hashes` are those of all training responses, for answers that repeat one to the word.
    """
    rng = np.random.default_rng([seed, 5])
    pairs = pairs.take(_different(Whole.of(pairs.prompts)))
    fitting = [n for n in sizes if n <= len(pairs.hashes) // 2]
    if not fitting:
        return None
    prompts, responses = Whole.of(pairs.prompts), Whole.of(pairs.responses)
    units = prompts.unit(), responses.unit()
    n_cells = max(1, min(CELLS, len(units[0]) // FEWEST_A_CELL))
    prompt_cells = Whole.of(spherical_kmeans(units[0], n_cells, rng))
    cell = prompts.cosines(prompt_cells).argmax(axis=1)
    crossed = cross_fit(units, pairs.groups, rng)
    edges, limits = _limits(crossed, pairs.hashes > 0)
    signs = _signs(pairs, crossed, edges, limits)
    seen = Pairs(prompts, responses, cell, signs)
    fine, response_cells, rare, echo = fit_parts(*units, rng)
    echo = EchoRows(echo.rows, echo.starts, edges, limits, np.unique(hashes[hashes > 0]))
    expected, counts = _expected(cell, signs, n_cells)
    even = np.ones(len(SIGNS))
    found = PairReference(
        prompt_cells, fine, response_cells, rare, echo, expected, counts, even,
        _alike(units[1], cell, n_cells), len(cell), (),
    )  # fmt: skip
    return _with_windows(found, seen, fitting, rng)


def _different(prompts: Whole) -> npt.NDArray[np.intp]:
    kept = prompts.take(slice(0))
    found = []
    for where in spans(len(prompts.scales), 256):
        fresh = unlike(prompts.take(where), kept, SAME_PROMPT)
        kept = kept.joined(prompts.take(where).take(fresh))
        found.append(where.start + np.flatnonzero(fresh))
    return np.concatenate(found)


def _limits(crossed: Crossed, told: Flags) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the deciles of the prompts' distance, and in each the distance that 5 % of responses keep."""
    edges = np.quantile(crossed.distance, np.arange(1, DECILES) / DECILES).astype(np.float32)
    decile = np.searchsorted(edges, crossed.distance)
    limits = np.zeros(DECILES, dtype=np.float32)
    for k in range(DECILES):
        kept = 1 - crossed.nearest[told & (decile == k)]
        if len(kept):
            limits[k] = np.quantile(kept, ECHO_SHARE)
    return edges, limits


def _signs(
    pairs: TrainingPairs, crossed: Crossed, edges: npt.NDArray[np.float32], limits: npt.NDArray[np.float32]
) -> Flags:
    told = pairs.hashes > 0
    echo = told & (1 - crossed.nearest < limits[np.searchsorted(edges, crossed.distance)])
    verbatim = told & ((crossed.nearest >= VERBATIM) | pairs.again)
    prompts, responses = Whole.of(pairs.prompts), Whole.of(pairs.responses)
    again = Recycled(pairs.prompts.shape[1]).update(prompts, responses, pairs.hashes)
    return np.stack([crossed.tail, echo, verbatim, again.exact | again.soft], axis=1)


def _expected(cell: npt.NDArray[np.intp], signs: Flags, n_cells: int) -> tuple[Floats, Floats]:
    """Return the share of each sign in each cell, shrunk towards the overall one, and what it stands on."""
    overall = (signs.sum(axis=0) + 0.5) / (len(cell) + 1)
    hits = np.stack([np.bincount(cell, weights=sign, minlength=n_cells) for sign in signs.T], axis=1)
    counts = np.bincount(cell, minlength=n_cells).astype(np.float64) + PSEUDO_PAIRS
    return (hits + PSEUDO_PAIRS * overall) / counts[:, None], counts


def _alike(responses: npt.NDArray[np.float32], cell: npt.NDArray[np.intp], n_cells: int) -> Floats:
    """Mean squared cosine of responses to prompts of two cells (K, K), shrunk towards that of any two responses."""
    dim = responses.shape[1]
    moments = np.zeros((n_cells, dim * dim), dtype=np.float32)
    for k in range(n_cells):
        mine = responses[cell == k]
        moments[k] = (mine.T @ mine).ravel()
    counts = np.bincount(cell, minlength=n_cells).astype(np.float64)
    sums = (moments @ moments.T).astype(np.float64) - np.diag(counts)
    n_pairs = np.outer(counts, counts) - np.diag(counts)
    overall = sums.sum() / n_pairs.sum()
    shrunk: Floats = (sums + PSEUDO_PAIRS * overall) / (n_pairs + PSEUDO_PAIRS)
    return shrunk


def _with_windows(found: PairReference, seen: Pairs, sizes: Sequence[int], rng: np.random.Generator) -> PairReference:
    """Draw windows: what D and A are, and how much more the signs scatter than chance alone explains."""
    m, usual, scores = len(seen.cell), [], np.zeros((WINDOWS, len(SIGNS)))
    for n in sizes:
        reached = np.empty((WINDOWS, 2))
        apart = np.sqrt(1 - n / m)  # two windows share pairs when n comes near m
        for w in range(WINDOWS):
            window = seen.take(rng.choice(m, size=n, replace=False))
            reached[w] = narrowing(window, found.alike)
            signs = excess(window, found)
            scores[w] = (signs.share - signs.expected) / signs.error
        usual.append(Usual(n, reached.mean(axis=0), np.maximum(reached.std(axis=0, ddof=1) / apart, 1e-4)))
    dispersion = np.maximum(np.square(scores).mean(axis=0) / (1 - sizes[-1] / m), 1.0)
    parts = {name: getattr(found, name) for name in PairReference.__slots__}
    return PairReference(**{**parts, "dispersion": dispersion, "usual": tuple(usual)})
