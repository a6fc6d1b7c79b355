"""The rare cells of a reference, and whether what lies there ends as well as elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.interval import anytime_interval

MASS = 0.2
"""Share of training that the rare cells hold at most."""


def rare_cells(counts: npt.NDArray[np.number[Any]], mass: float = MASS) -> npt.NDArray[np.bool_]:
    """Say which cells are rare: those of the smallest counts (C,), up to a share of all.

    >>> rare_cells(np.array([70, 8, 12, 10])).tolist()
    [False, True, False, True]
    """
    order = np.argsort(counts, kind="stable")
    rare = np.zeros(len(counts), dtype=np.bool_)
    rare[order[np.cumsum(counts[order]) <= mass * counts.sum()]] = True
    return rare


def survival(good: npt.NDArray[np.int64], n: npt.NDArray[np.int64], alpha: float) -> tuple[float, float, float]:
    """Return ln(P(good|rare)/P(good|common)) and its bounds, of `good` (2,) among `n` (2,) exchanges: rare, common.

    The bounds miss the truth with probability `alpha` at most, however often they are looked at: each share has an
    interval at half of it (`detectors.interval`).

    >>> [round(each, 2) for each in survival(np.array([80, 900]), np.array([100, 1000]), 0.05)]
    [-0.12, -0.38, 0.06]
    """
    lower, upper = (np.maximum(bound, 1e-12) for bound in anytime_interval(good, n - good, alpha / 2))
    share = np.maximum(good / n, 1e-12)
    value, low, high = (np.log(a / b) for a, b in ((share[0], share[1]), (lower[0], upper[1]), (upper[0], lower[1])))
    return float(value), float(low), float(high)


def survival_change(
    now: tuple[float, float, float], accepted: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Return how far survival moved since traffic that was accepted, and bounds: of two `survival`, each at half alpha.

    >>> [round(each, 2) for each in survival_change((-0.12, -0.38, 0.06), (-0.02, -0.1, 0.05))]
    [-0.1, -0.43, 0.16]
    """
    return now[0] - accepted[0], now[1] - accepted[2], now[2] - accepted[1]
