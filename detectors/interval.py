"""An interval for a share that holds however often it is looked at."""

from __future__ import annotations

from math import lgamma, log

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_log_gamma = np.frompyfunc(lgamma, 1, 1)
_HALVINGS = 60


def anytime_interval(successes: npt.ArrayLike, failures: npt.ArrayLike, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """Bound a share from two counters, valid at all times at once.

    The confidence sequence of the beta-binomial mixture with Jeffreys' prior: all p over which the mixture's
    likelihood ratio has not reached 1/α, {p : ln B(½+S, ½+F) − ln B(½, ½) − S ln p − F ln(1−p) ≤ ln(1/α)} (Robbins
    1970). Over a whole stream it misses the truth with probability α at most, where an interval for one look (Wald's,
    say), looked at again and again, ends up missing it almost surely.

    Parameters
    ----------
    successes, failures : array_like of numbers ≥ 0
        S and F, of one shape.
    alpha : float
        In (0, 1).

    Returns
    -------
    lower, upper : ndarray of float64
        In [0, 1]; 0 and 1 where nothing was counted.

    Raises
    ------
    ValueError
        For a negative count or an alpha out of range.

    Examples
    --------
    >>> lower, upper = anytime_interval(5, 95)
    >>> round(float(lower), 3), round(float(upper), 3)
    (0.007, 0.156)
    """
    s, f = np.broadcast_arrays(np.asarray(successes, dtype=np.float64), np.asarray(failures, dtype=np.float64))
    if (s < 0).any() or (f < 0).any():
        raise ValueError("counts must not be negative")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie in (0, 1), not {alpha}")
    bound = _log_beta(s + 0.5, f + 0.5) - _log_beta(np.array(0.5), np.array(0.5)) - log(1 / alpha)
    share = np.divide(s, s + f, out=np.full_like(s, 0.5), where=s + f > 0)
    return _crossing(s, f, bound, share, 0.0), _crossing(s, f, bound, share, 1.0)


def _crossing(s: Floats, f: Floats, bound: Floats, inside: Floats, end: float) -> Floats:
    """Bisect between the observed share, which always lies in the interval, and an end of [0, 1]."""
    inside, outside = inside.copy(), np.full_like(inside, end)
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        within = bound <= _power_log(s, middle) + _power_log(f, 1 - middle)
        inside, outside = np.where(within, middle, inside), np.where(within, outside, middle)
    return outside


def _power_log(count: Floats, p: Floats) -> Floats:
    """Return count·ln p, 0 where nothing was counted."""
    with np.errstate(divide="ignore"):
        return np.where(count > 0, count * np.log(np.where(count > 0, p, 1.0)), 0.0)


def _log_beta(a: Floats, b: Floats) -> Floats:
    return np.asarray(_log_gamma(a) + _log_gamma(b) - _log_gamma(a + b), dtype=np.float64)
