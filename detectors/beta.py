"""Quantiles of the Beta law (and through it of Student's t) with numpy alone: the running agent loads no scipy."""

from __future__ import annotations

from math import lgamma

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_log_gamma = np.frompyfunc(lgamma, 1, 1)
_HALVINGS = 60
_TERMS = 500
_TINY = 1e-300


def beta_quantile(q: npt.ArrayLike, a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Return x with P(Beta(a, b) ≤ x) = q, elementwise, to about 1e-12.

    Parameters
    ----------
    q : array_like in (0, 1)
    a, b : array_like, above 0

    Examples
    --------
    >>> beta_quantile([0.5, 0.95], 1.0, 1.0).round(9).tolist()
    [0.5, 0.95]
    """
    q, a, b = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in (q, a, b)))
    low, high = np.zeros_like(q), np.ones_like(q)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = beta_distribution(middle, a, b) < q
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2, dtype=np.float64)


def beta_distribution(x: Floats, a: Floats, b: Floats) -> Floats:
    """Return P(Beta(a, b) ≤ x), elementwise: the regularised incomplete beta function (DLMF 8.17.22)."""
    swap = x > (a + 1) / (a + b + 2)  # the fraction converges fast on the other side only
    p, q, y = np.where(swap, b, a), np.where(swap, a, b), np.where(swap, 1 - x, x)
    with np.errstate(divide="ignore"):
        log_front = p * np.log(y) + q * np.log1p(-y) - _log_beta(p, q)
    tail = np.exp(log_front) / (p * _fraction(y, p, q))
    return np.asarray(np.where(swap, 1 - tail, tail), dtype=np.float64)


def t_quantile(q: float, degrees: float) -> float:
    """Return x with P(T ≤ x) = q for Student's t; q in (½, 1).

    >>> round(t_quantile(0.975, 4), 4)
    2.7764
    """
    x = float(beta_quantile(2 * (1 - q), degrees / 2, 0.5))
    return float(np.sqrt(degrees * (1 / x - 1)))


def _fraction(x: Floats, a: Floats, b: Floats) -> Floats:
    """Evaluate the continued fraction 1 + d₁/(1 + d₂/(1 + …)) of DLMF 8.17.22 by Lentz's method."""
    value, c, d = np.ones_like(x), np.ones_like(x), np.zeros_like(x)
    for m in range(1, _TERMS):
        k = m // 2
        if m % 2:
            term = -(a + k) * (a + b + k) / ((a + 2 * k) * (a + 2 * k + 1)) * x
        else:
            term = k * (b - k) / ((a + 2 * k - 1) * (a + 2 * k)) * x
        d = 1 / _away_from_zero(1 + term * d)
        c = _away_from_zero(1 + term / c)
        change = c * d
        value = value * change
        if np.all(np.abs(change - 1) < 1e-15):
            break
    return value


def _away_from_zero(value: Floats) -> Floats:
    return np.where(np.abs(value) < _TINY, _TINY, value)


def _log_beta(a: Floats, b: Floats) -> Floats:
    return np.asarray(_log_gamma(a) + _log_gamma(b) - _log_gamma(a + b), dtype=np.float64)
