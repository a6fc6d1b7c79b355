"""What one histogram of p-values says about the tail and about how much of production the map covers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.interval import anytime_interval

Floats = npt.NDArray[np.float64]


class TailLift(NamedTuple):
    """How many times more texts lie at or below a level than of training texts; 1 where nothing drifts.

    Attributes
    ----------
    level : float
    value : float
        Share of texts with p ≤ level, over the level; ≥ 0.
    lower, upper : float
        Its bounds, valid however often it is looked at.
    n : int
        Texts.
    """

    level: float
    value: float
    lower: float
    upper: float
    n: int


def tail_lift(counts: npt.ArrayLike, edges: Sequence[float], level: float, alpha: float = 0.05) -> TailLift | None:
    """Measure the lift at one of the edges.

    Parameters
    ----------
    counts : array_like of int, shape (len(edges),)
        Texts with p in (previous edge, edge]; the first bucket begins at 0, the last ends at 1.
    edges : sequence of float
        Ascending, the last one 1.

    Returns
    -------
    TailLift or None
        None without texts.

    Raises
    ------
    ValueError
        If the level is not an edge, or the counts are not those of the edges.

    Examples
    --------
    >>> lift = tail_lift([30, 970], [0.01, 1.0], 0.01)
    >>> lift.value, round(lift.lower, 2), round(lift.upper, 2)
    (3.0, 1.43, 5.4)
    """
    shares, n = _shares(counts, edges)
    if level not in edges:
        raise ValueError(f"level {level:g} is not among the edges {', '.join(f'{edge:g}' for edge in edges)}")
    if not n:
        return None
    hits = round(float(shares[list(edges).index(level)]) * n)
    lower, upper = anytime_interval(hits, n - hits, alpha)
    return TailLift(level, hits / n / level, float(lower) / level, float(upper) / level, n)


def alpha_precision(counts: npt.ArrayLike, edges: Sequence[float]) -> tuple[Floats, Floats]:
    """Share of production inside the part of the map that holds a share α of training (Alaa et al. 2022).

    Parameters
    ----------
    counts, edges
        As in `tail_lift`.

    Returns
    -------
    alphas, precisions : ndarray of float64, shape (len(edges) + 1,)
        From 1 down to 0, and P_α = share of texts with p > 1 − α, equal to α where nothing drifts; NaN without texts.

    Examples
    --------
    >>> [column.tolist() for column in alpha_precision([20, 80], [0.05, 1.0])]
    [[1.0, 0.95, 0.0], [1.0, 0.8, 0.0]]
    """
    shares, n = _shares(counts, edges)
    alphas = 1 - np.concatenate([[0.0], edges])
    precisions = 1 - np.concatenate([[0.0], shares]) if n else np.full(len(alphas), np.nan)
    return alphas, precisions


def integrated_precision(counts: npt.ArrayLike, edges: Sequence[float]) -> float | None:
    """Integrate alpha-precision: 1 − 2·∫|P_α − α|dα, in [0, 1]; 1 where production is spread as training is.

    None without texts. Both texts off the map (P_α < α) and texts too typical (P_α > α) lower it.

    >>> integrated_precision([50, 50], [0.5, 1.0]), integrated_precision([100, 0], [0.5, 1.0])
    (1.0, 0.5)
    """
    alphas, precisions = alpha_precision(counts, edges)
    if np.isnan(precisions).any():
        return None
    gap, width = np.abs(precisions - alphas), -np.diff(alphas)
    return float(1 - (gap[1:] + gap[:-1]) @ width)


def _shares(counts: npt.ArrayLike, edges: Sequence[float]) -> tuple[Floats, int]:
    """Share of texts at or below each edge, and how many texts there are."""
    counts = np.asarray(counts, dtype=np.int64)
    if counts.shape != (len(edges),) or edges[-1] != 1 or (np.diff(edges) <= 0).any() or (counts < 0).any():
        raise ValueError("needs one count, 0 or more, for each of ascending edges that end at 1")
    n = int(counts.sum())
    return np.cumsum(counts) / max(n, 1), n
