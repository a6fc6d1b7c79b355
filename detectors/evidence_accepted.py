"""What accepted texts are like in the tail: how often they reach each level of the p-value, and how surely."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.beta import beta_quantile, t_quantile

LEVELS = (0.3, 0.1, 0.03, 0.01, 0.003)

FEWEST = 3
"""Accepted texts that must lie beyond a level: with fewer, its rate is hardly known."""


class Accepted(NamedTuple):
    """How often accepted texts reach each level: what is known about the rate of fresh ones.

    Attributes
    ----------
    levels : ndarray of float64, shape (L,)
        Descending.
    counts : ndarray of int64, shape (b, L)
        Texts beyond each level in each bin.
    sizes : ndarray of int64, shape (b,)
        Texts in each bin.
    spread : ndarray of float64, shape (L,)
        Upper bound of the rate over blocks of time, where it moves more than chance; 0 where that is not known.
    off_map : float
        Tolerated share of further traffic that reaches every level.
    """

    levels: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    spread: npt.NDArray[np.float64]
    off_map: float = 0.0


NAME = "accepted_"
"""What the names of the arrays begin with."""


def to_arrays(accepted: Accepted) -> dict[str, npt.NDArray[Any]]:
    """Return what `from_arrays` needs, under names that start with `NAME`."""
    return {NAME + name: np.asarray(value) for name, value in accepted._asdict().items()}


def from_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> Accepted | None:
    """Take back what `to_arrays` gave; None where there is nothing of it.

    Raises
    ------
    ValueError
        If only a part is there, or the shapes do not fit.
    """
    found = {name: arrays.get(NAME + name) for name in Accepted._fields}
    if all(value is None for value in found.values()):
        return None
    levels, counts, sizes, spread, off_map = (value for value in found.values())
    if levels is None or counts is None or sizes is None or spread is None or off_map is None:
        raise ValueError(f"an accepted baseline without {', '.join(n for n, v in found.items() if v is None)}")
    if counts.shape != (len(sizes), len(levels)) or spread.shape != levels.shape or off_map.shape != ():
        raise ValueError("the arrays of the accepted baseline do not belong together")
    return Accepted(levels, counts, sizes, spread, float(off_map))


def held_out(sizes: npt.ArrayLike) -> Accepted:
    """Accept what held-out texts are like: `sizes` (b,) of the calibration bins that give the p-values.

    Levels are .3, .1, .03, .01 and the larger of .003 and what every bin reaches, as far as three rows lie beyond. Of
    several bins, traffic is taken to fill them as the held-out texts do.

    Raises
    ------
    ValueError
        If no level is usable: says how many rows are needed.

    Examples
    --------
    >>> held_out([3000]).levels.tolist()
    [0.3, 0.1, 0.03, 0.01, 0.003]
    >>> held_out([150, 150]).counts.tolist()
    [[45, 15, 4], [45, 15, 4]]
    """
    sizes = np.atleast_1d(np.asarray(sizes, dtype=np.int64))
    deepest = max(LEVELS[-1], 1 / (sizes.min() + 1))
    levels = np.array([*LEVELS[:-1], deepest] if deepest < 0.7 * LEVELS[-2] else LEVELS[:-1])
    counts = np.floor(levels * (sizes[:, None] + 1) + 1e-9).astype(np.int64)  # 0.3·10 is a hair below 3
    usable = counts.sum(axis=0) >= FEWEST
    if not usable.any():
        raise ValueError(f"{sizes.sum()} calibration texts; the pager needs at least {math.ceil(FEWEST / LEVELS[0])}")
    return Accepted(levels[usable], counts[:, usable], sizes, np.zeros(usable.sum()))


def accepted_traffic(p_values: npt.NDArray[np.float64], blocks: npt.NDArray[np.int64], delta: float = 0.05) -> Accepted:
    """Accept what known-good production is like, its ups and downs included.

    The rate at a level is taken over blocks of time: where it moves from block to block by more than chance (method of
    moments), the tolerated rate is the upper 1 − δ/L prediction bound for the mean of another block (Student's t).
    Blocks of some hours are good ones: then neither the daily nor the weekly cycle pages. Shorter ones tolerate every
    peak and see less; with whole days, a peak within the day adds to the evidence.

    Parameters
    ----------
    p_values : ndarray of float64, shape (n,)
        Of the accepted messages; NaN is left out.
    blocks : ndarray of int64, shape (n,)
        Block of time of each message.

    Raises
    ------
    ValueError
        With fewer than three blocks or too few messages.
    """
    known = ~np.isnan(p_values)
    p_values, (_, block) = p_values[known], np.unique(blocks[known], return_inverse=True)
    sizes = np.bincount(block)
    if len(sizes) < 3:
        raise ValueError(f"accepted traffic in {len(sizes)} block(s) of time; at least 3 are needed")
    reached = p_values[:, None] <= np.array(LEVELS)
    counts = reached.sum(axis=0)
    usable = counts >= FEWEST
    if not usable.any():
        raise ValueError(f"{len(p_values)} accepted messages, {counts[0]} of them at p ≤ {LEVELS[0]}; 3 are needed")
    levels, reached, counts = np.array(LEVELS)[usable], reached[:, usable], counts[usable]
    hits = np.stack([np.bincount(block, weights=column) for column in reached.T])
    spread = _block_bound(hits, sizes, delta / len(levels))
    return Accepted(levels, counts[None, :], np.array([len(p_values)]), spread)


def bettable(accepted: Accepted, delta: float = 0.05) -> bool:
    """Say whether it is known of any level that not all texts reach it: without one there is nothing to bet on."""
    return bool((upper_rates(accepted, delta / len(accepted.levels)) < 1).any())


def tolerate(accepted: Accepted, share: float) -> Accepted:
    """Tolerate besides that a share of all traffic, in [0, 1), lies off the map altogether."""
    if not 0 <= share < 1:
        raise ValueError(f"a tolerated share of {share}; it must lie in [0, 1)")
    return accepted._replace(off_map=share)


def upper_rates(accepted: Accepted, chance: float) -> npt.NDArray[np.float64]:
    """Bound each level's rate, shape (L,): the true one lies above with probability `chance` over the accepted texts.

    Of one bin it is the quantile of Beta(m, n + 1 − m), exactly; of several that of the Beta law with the mixture's
    mean and variance.

    >>> upper_rates(held_out([3000]), 0.01).round(4).tolist()
    [0.3195, 0.1131, 0.0377, 0.0147, 0.0058]
    """
    sizes, counts = accepted.sizes[:, None], accepted.counts
    weights = sizes / sizes.sum()
    mean = (weights * counts / (sizes + 1)).sum(axis=0)
    variance = (weights**2 * counts * (sizes + 1 - counts) / ((sizes + 1) ** 2 * (sizes + 2))).sum(axis=0)
    strength = mean * (1 - mean) / variance - 1
    bound = beta_quantile(1 - chance, mean * strength, (1 - mean) * strength)
    return accepted.off_map + (1 - accepted.off_map) * np.maximum(bound, accepted.spread)


def _block_bound(hits: npt.NDArray[Any], sizes: npt.NDArray[Any], chance: float) -> npt.NDArray[np.float64]:
    """Upper prediction bound of a block's rate, given hits (L, b) in blocks of so many messages (b,)."""
    rates = hits / sizes
    mean = hits.sum(axis=1) / sizes.sum()
    by_chance = (mean * (1 - mean))[:, None] / sizes
    between = np.maximum(((rates - mean[:, None]) ** 2).sum(axis=1) / (len(sizes) - 1) - by_chance.mean(axis=1), 0)
    quantile = t_quantile(1 - chance, len(sizes) - 1)
    bound: npt.NDArray[np.float64] = mean + quantile * np.sqrt(between * (1 + 1 / len(sizes)))
    return bound
