"""How far the training texts of a cell can be trusted to tell its share of fresh texts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.coverage import log_gamma

Floats = npt.NDArray[np.float64]

DISCOUNTS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
TRUSTS = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.06)


class CellTrust(NamedTuple):
    """How many training texts of a cell to discount, and what share of the rest to trust."""

    discount: float
    trust: float


USUAL = CellTrust(2.0, 0.18)
"""Without held-out texts: that of CLINC150 with 25 texts a cell."""


def fit_trust(counts: npt.NDArray[np.integer[Any]], held_out: npt.NDArray[np.integer[Any]]) -> CellTrust:
    """Find the discount and trust under which held-out visits (C,) to cells of so many training texts are likeliest.

    Each cell is beta-binomial. Without any visit, or without a second cell, it is the usual one.
    """
    if not held_out.sum() or np.count_nonzero(counts) < 2:
        return USUAL
    candidates = [CellTrust(discount, trust) for discount in DISCOUNTS for trust in TRUSTS]
    return max(candidates, key=lambda each: _log_likelihood(fair_counts(counts, each), held_out))


def fair_counts(counts: npt.NDArray[np.integer[Any]], trust: CellTrust = USUAL) -> Floats:
    """Discount the training texts (C,) of cells that were fitted on them: t·n²/(n + d), shape (C,).

    A small cell was drawn around its texts, often near-duplicates of each other, and gets fewer of the fresh ones than
    its share; and shares scatter more than counts say.

    >>> fair_counts(np.array([2, 98])).round(2).tolist()
    [0.18, 17.29]
    """
    n = counts.astype(np.float64)
    return trust.trust * np.square(n) / np.maximum(n + trust.discount, 1.0)


def _log_likelihood(fair: Floats, visits: npt.NDArray[np.integer[Any]]) -> float:
    a, b = fair[fair > 0], fair.sum() - fair[fair > 0]
    s, f = visits[fair > 0], visits.sum() - visits[fair > 0]
    logs = log_gamma(a + s) - log_gamma(a) + log_gamma(b + f) - log_gamma(b)
    return float((logs + log_gamma(a + b) - log_gamma(a + b + s + f)).sum())
