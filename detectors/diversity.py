"""How many different texts a window effectively holds: the Vendi score (Friedman and Dieng 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.measurement import Measurement

Floats = npt.NDArray[np.float64]

ORDERS = (0.5, 1.0, 2.0)

GRAIN = 2.0**14
"""Components are rounded to this part of 1: then sums of products are whole numbers, exact in any order."""


def vendi_scores(second_moment: Floats, n: int) -> Floats:
    """Vendi scores of n unit rows from their uncentred second moment (d, d), the mean of x·xᵀ.

    The eigenvalues λ of the moment are those of the n × n similarities over n, and sum to 1. Order q is the
    exponential of the Rényi entropy of order q of the λ; small orders weigh rare texts more. Order 2 is debiased: the
    inverse of the mean squared similarity between different texts.

    Returns
    -------
    ndarray of float64, shape (3,)
        Of orders ½, 1 and 2: at least 1. Order 2 is infinite for texts all orthogonal. Orders ½ and 1 grow with n even
        where nothing changes: compare them at equal n only.

    Examples
    --------
    >>> vendi_scores(np.eye(4) / 4, 1000).round(2).tolist()  # four texts, 250 times each
    [4.0, 4.0, 4.01]
    """
    values = np.clip(np.linalg.eigvalsh(second_moment), 0, None)
    values /= values.sum()
    some = values[values > 0]
    between = (n * float(some @ some) - 1) / (n - 1)
    return np.array(
        [
            np.sqrt(some).sum() ** 2,
            np.exp(-(some @ np.log(some))),
            1 / between if between > 0 else np.inf,
        ]
    )


@dataclass(frozen=True, slots=True)
class DiversityBaseline:
    """What accepted texts reach at equal n: mean and standard deviation of the logarithm of each score.

    Attributes
    ----------
    n : int
        Texts in a window.
    mean, sd : ndarray of float64, shape (3,)
        Of ln Vendi of orders ½, 1, 2 over windows of n accepted texts.
    """

    n: int
    mean: Floats
    sd: Floats


class DiversityWindow:
    """Measures each full window of n texts; the last full one is shown until the next.

    Measurements, each with the order as its field: ``diversity`` (Vendi score, ≥ 1), and against the baseline
    ``diversity_ratio`` (over its typical value; 1 where nothing changed) and ``diversity_z`` (the logarithm's
    difference in its standard deviations: far below 0 is a collapse). Nothing before the first full window.

    Parameters
    ----------
    baseline : DiversityBaseline

    Examples
    --------
    >>> window = DiversityWindow(DiversityBaseline(4, np.log([4.0, 4.0, 9.0]), np.full(3, 0.1)))
    >>> window.update(np.eye(3, dtype=np.float32)[[0, 0, 1, 2]])
    >>> [(m.field, round(m.value, 2)) for m in window.measure() if m.name == "diversity_ratio"]
    [('0.5', 0.73), ('1', 0.71), ('2', 0.67)]
    """

    def __init__(self, baseline: DiversityBaseline) -> None:
        self.baseline = baseline
        self._n = 0
        self._products: Floats | None = None  # Σ x·xᵀ of the window that is filling, in units of 1/GRAIN²
        self._scores = np.full(len(ORDERS), np.nan)

    def update(self, rows: npt.NDArray[np.float32]) -> None:
        """Take in the embeddings (n, d) of texts, unit rows; how they are cut into batches does not matter."""
        while len(rows):
            taken = np.rint(rows[: self.baseline.n - self._n] * GRAIN).astype(np.float64)
            products = taken.T @ taken  # exact: below 2⁵³
            self._products = products if self._products is None else self._products + products
            self._n += len(taken)
            rows = rows[len(taken) :]
            if self._n == self.baseline.n:
                self._scores = vendi_scores(self._products / np.trace(self._products), self._n)
                self._n, self._products = 0, None

    def measure(self) -> list[Measurement]:
        """Return what the last full window says."""
        found = []
        for order, score, mean, sd in zip(ORDERS, self._scores, self.baseline.mean, self.baseline.sd, strict=True):
            if not np.isfinite(score):
                continue
            above = float(np.log(score) - mean)
            values = {"diversity": float(score), "diversity_ratio": float(np.exp(above))}
            if sd > 0:
                values["diversity_z"] = above / float(sd)
            found += [Measurement(name, value, self.baseline.n, f"{order:g}") for name, value in values.items()]
        return found

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that `update` changes as arrays, and what they belong to: sums over texts, never one of them."""
        products = np.zeros((0, 0)) if self._products is None else self._products
        return {
            "window": np.array(self.baseline.n),
            "n": np.array(self._n),
            "products": products[np.triu_indices(len(products))],
            "scores": self._scores.copy(),
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Go on from `get_state`; False, and nothing changed, where that had another n."""
        if int(state["window"]) != self.baseline.n:
            return False
        self._n, self._scores = int(state["n"]), state["scores"].copy()
        self._products = _symmetric(state["products"]) if self._n else None
        return True


def _symmetric(triangle: Floats) -> Floats:
    dim = int(np.sqrt(2 * len(triangle)))  # d(d + 1)/2 numbers
    full = np.zeros((dim, dim))
    full[np.triu_indices(dim)] = triangle
    return full + full.T - np.diag(np.diag(full))
