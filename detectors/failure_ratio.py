"""How much more often one group fails than another: bounds and evidence that hold however often they are looked at."""

from __future__ import annotations

from math import isfinite, lgamma, log
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.interval import anytime_interval

FEWEST_FAILURES = 15
"""Failures in the first group below which nothing is said."""
_HALVINGS = 60

Floats = npt.NDArray[np.float64]


class FailureRatio(NamedTuple):
    """The rate in the first group over that in the second.

    Attributes
    ----------
    ratio : float or None
        As observed; None where the second group has not failed yet.
    lower : float
    upper : float or None
        None where it cannot be bounded.
    evidence : float
        Natural logarithm of 1/α for the smallest α whose lower bound is above 1; 0 where the rate is not larger.
    """

    ratio: float | None
    lower: float
    upper: float | None
    evidence: float


def failure_ratio(first: tuple[float, float], second: tuple[float, float], alpha: float) -> FailureRatio | None:
    """Compare the rates of two groups, each given as failures and all.

    Each rate has its anytime-valid interval at α/2; the ratio lies in [L₁/U₂, U₁/L₂] for the whole of two streams with
    probability 1 − α. Wald's interval of the ratio, looked at again and again, misses many times α.

    Parameters
    ----------
    first, second : pair of float
        Failures, and all, failures included.
    alpha : float
        In (0, 1).

    Returns
    -------
    FailureRatio or None
        None below `FEWEST_FAILURES` in the first group, and where the second is empty.

    Examples
    --------
    >>> found = failure_ratio((60, 200), (100, 1_000), 0.05)
    >>> round(found.ratio, 2), round(found.lower, 2), round(found.upper, 2), found.evidence > 3
    (3.0, 1.37, 6.28, True)
    >>> failure_ratio((14, 20), (100, 1_000), 0.05) is None
    True
    """
    (failed, n), (other_failed, other_n) = first, second
    if failed < FEWEST_FAILURES or other_n <= 0:
        return None
    lower, upper = map(float, ratio_bounds(first, second, alpha))
    return FailureRatio(
        ratio=(failed / n) / (other_failed / other_n) if other_failed else None,
        lower=lower,
        upper=upper if isfinite(upper) else None,
        evidence=_evidence(first, second),
    )


def ratio_bounds(
    first: tuple[npt.ArrayLike, npt.ArrayLike], second: tuple[npt.ArrayLike, npt.ArrayLike], alpha: float
) -> tuple[Floats, Floats]:
    """Return L₁/U₂ and U₁/L₂ of rates, each given as failures and all; arrays of one shape. ∞ where L₂ is 0."""
    failed, n = (np.stack(np.broadcast_arrays(*parts)) for parts in zip(first, second, strict=True))
    lower, upper = anytime_interval(failed, n - failed, alpha / 2)
    return lower[0] / upper[1], np.divide(upper[0], lower[1], out=np.full_like(upper[0], np.inf), where=lower[1] > 0)


def _evidence(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Find the rate that both intervals reach last, from above and from below, as they widen together."""
    low, high = second[0] / second[1], first[0] / first[1]
    if high <= low:
        return 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _against(first, middle) > _against(second, middle):
            low = middle
        else:
            high = middle
    return max(0.0, min(_against(first, low), _against(second, high)) - log(2))


def _against(counts: tuple[float, float], rate: float) -> float:
    """Logarithm of the mixture's likelihood ratio against a rate: see `detectors.interval`."""
    failed, n = counts
    passed = n - failed
    mixture = lgamma(failed + 0.5) + lgamma(passed + 0.5) - lgamma(n + 1) - 2 * lgamma(0.5)
    return mixture - (failed * log(rate) if failed else 0.0) - (passed * log(1 - rate) if passed else 0.0)
