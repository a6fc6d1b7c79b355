"""How far the training texts of a cell can be trusted to tell its share of fresh texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.coverage import log_gamma

Floats = npt.NDArray[np.float64]

DISCOUNTS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
TRUSTS = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.06)

USUAL = (2.0, 0.18)
"""Discount and trust without held-out texts: those of CLINC150 with 25 texts a cell."""


def fair_counts(counts: npt.NDArray[np.integer[Any]], held_out: npt.NDArray[np.integer[Any]] | None = None) -> Floats:
    """Discount the training texts of cells that were fitted on them.

    A small cell was drawn around its texts, often near-duplicates of each other, and gets fewer of the fresh ones than
    its share; and shares scatter more than counts say. Fair counts are t·n²/(n + d): discount d and trust t maximise
    the likelihood of the held-out visits, each cell beta-binomial.

    Parameters
    ----------
    counts : ndarray of int, shape (C,)
        Training texts in each cell.
    held_out : ndarray of int, shape (C,), optional
        Held-out texts in each cell; without them, or without any, the usual discount and trust are taken.

    Returns
    -------
    ndarray of float64, shape (C,)

    Examples
    --------
    >>> fair_counts(np.array([2, 98])).round(2).tolist()
    [0.18, 17.29]
    """
    if held_out is None or not held_out.sum():
        return _discounted(counts, *USUAL)
    candidates = [(discount, trust) for discount in DISCOUNTS for trust in TRUSTS]
    return _discounted(counts, *max(candidates, key=lambda pair: _log_likelihood(_discounted(counts, *pair), held_out)))


def _discounted(counts: npt.NDArray[np.integer[Any]], discount: float, trust: float) -> Floats:
    n = counts.astype(np.float64)
    return trust * np.square(n) / np.maximum(n + discount, 1.0)


def _log_likelihood(fair: Floats, visits: npt.NDArray[np.integer[Any]]) -> float:
    a, b = fair[fair > 0], fair.sum() - fair[fair > 0]
    s, f = visits[fair > 0], visits.sum() - visits[fair > 0]
    logs = log_gamma(a + s) - log_gamma(a) + log_gamma(b + f) - log_gamma(b)
    return float((logs + log_gamma(a + b) - log_gamma(a + b + s + f)).sum())
