"""Conformal p-values among texts of about the same length."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

FEWEST = 100
"""Calibration rows that a length bin needs; with fewer than 19, p ≤ .05 could never come out."""

AMPLE = 1000
"""Rows beyond which a bin may be split: its p-values go up in steps of .001 then."""


class Conformal:
    """Calibration scores in bins of length (Mondrian conformal prediction).

    p = (1 + #{calibration scores of the bin ≥ s}) / (n of the bin + 1): uniform or larger for a text exchangeable with
    the calibration texts of its bin (Vovk, Gammerman and Shafer 2005, §4.5). Small = off the map.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        Calibration scores, bin after bin, ascending within each; bigger = stranger.
    edges : ndarray of int32, shape (b − 1,)
        Ascending: a text with t word pieces falls in bin #{edges ≤ t}.
    starts : ndarray of int32, shape (b + 1,)
        Where each bin begins in `scores`, and n at the end.

    Raises
    ------
    ValueError
        If the arrays do not belong together.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> conformal = Conformal.fit(rng.normal(size=500), rng.integers(3, 30, size=500))
    >>> conformal.p_values(np.array([-9.0, 9.0, np.nan]), np.array([10, 10, 0])).round(3).tolist()
    [1.0, 0.007, nan]
    """

    def __init__(
        self, scores: npt.NDArray[np.float64], edges: npt.NDArray[np.int32], starts: npt.NDArray[np.int32]
    ) -> None:
        _check(scores, edges, starts)
        self.scores, self.edges, self.starts = scores, edges, starts

    @classmethod
    def fit(cls, scores: npt.ArrayLike, tokens: npt.ArrayLike) -> Conformal:
        """Sort calibration scores (n,) into bins by their texts' number of word pieces (n,).

        Raises
        ------
        ValueError
            With fewer than `FEWEST` scores.
        """
        scores, tokens = np.asarray(scores, dtype=np.float64), np.asarray(tokens, dtype=np.int64)
        if len(scores) < FEWEST:
            raise ValueError(f"{len(scores)} calibration texts; at least {FEWEST} are needed")
        edges = _edges(tokens)
        bins = np.searchsorted(edges, tokens, side="right")
        order = np.lexsort((scores, bins))
        starts = np.searchsorted(bins[order], np.arange(len(edges) + 2))
        return cls(scores[order], edges, starts.astype(np.int32))

    def p_values(self, scores: npt.NDArray[np.float64], tokens: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """P-value of each score (n,) of a text with so many word pieces (n,); in (0, 1], NaN for NaN."""
        bins = np.searchsorted(self.edges, np.asarray(tokens), side="right")
        p_values = np.full(len(scores), np.nan)
        for k in np.unique(bins):
            mine = (bins == k) & ~np.isnan(scores)
            held = self.scores[self.starts[k] : self.starts[k + 1]]
            p_values[mine] = (1 + len(held) - np.searchsorted(held, scores[mine], side="left")) / (len(held) + 1)
        return p_values

    @property
    def sizes(self) -> npt.NDArray[np.int32]:
        """Calibration rows in each bin, shape (b,)."""
        return np.diff(self.starts)


def _edges(tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Cut the lengths where every bin has enough rows: `FEWEST` at least, and more where there are more.

    p ≤ .01 comes out for ⌊.01·(n + 1)⌋/(n + 1) of the texts of a bin with n rows: .007 at 280, .01 at 600.
    """
    fewest = min(max(FEWEST, len(tokens) // 4), AMPLE)
    lengths, counts = np.unique(tokens, return_counts=True)
    edges, held, left = [], 0, len(tokens)
    for length, count in zip(lengths, counts, strict=True):
        if held >= fewest and left >= fewest:
            edges.append(length)
            held = 0
        held, left = held + count, left - count
    return np.array(edges, dtype=np.int32)


def _check(scores: npt.NDArray[np.float64], edges: npt.NDArray[np.int32], starts: npt.NDArray[np.int32]) -> None:
    if scores.dtype != np.float64 or scores.ndim != 1 or not np.isfinite(scores).all():
        raise ValueError("calibration scores must be finite float64 in one dimension")
    if edges.dtype != np.int32 or starts.dtype != np.int32:
        raise ValueError("edges and starts of length bins must be int32")
    if edges.ndim != 1 or starts.shape != (len(edges) + 2,) or (np.diff(edges) <= 0).any():
        raise ValueError("length bins must ascend, with one start more than bins")
    if starts[0] != 0 or starts[-1] != len(scores) or (np.diff(starts) <= 0).any():
        raise ValueError("length bins must cover the calibration scores, none empty")
    if any((np.diff(scores[a:b]) < 0).any() for a, b in pairwise(starts)):
        raise ValueError("calibration scores must ascend within each length bin")
