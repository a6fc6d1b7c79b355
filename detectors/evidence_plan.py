"""What the pager bets on and when it pages: fitted once, stored as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class EvidencePlan:
    """Levels, the rates at which accepted traffic may reach them, bets, and the threshold.

    Attributes
    ----------
    levels : ndarray of float64, shape (L,)
        P-values that count as reached at or below; descending, in (0, 1).
    rates : ndarray of float64, shape (L,)
        Tolerated probability that a message reaches each level, in (0, 1).
    bets : ndarray of float64, shape (B,)
        The λ of each bet, in (0, 1): small ones find small changes, large ones are quick on large changes.
    log_threshold : float
        Page when ln E reaches this.
    run_length : float
        The expected number of messages between false alarms that the threshold was chosen for.

    Raises
    ------
    ValueError
        If an array is not in its range.
    """

    levels: npt.NDArray[np.float64]
    rates: npt.NDArray[np.float64]
    bets: npt.NDArray[np.float64]
    log_threshold: float
    run_length: float

    def __post_init__(self) -> None:
        """Refuse what would bet nonsense."""
        if self.levels.shape != self.rates.shape or not self.levels.size or not self.bets.size:
            raise ValueError("a plan needs at least one level, with one rate each, and one bet")
        for name in ("levels", "rates", "bets"):
            values = getattr(self, name)
            if not ((values > 0) & (values < 1)).all():
                raise ValueError(f"{name} must lie between 0 and 1, not {values.tolist()}")
        if (np.diff(self.levels) >= 0).any():
            raise ValueError("levels must descend")
        if not (np.isfinite(self.log_threshold) and np.isfinite(self.run_length)):
            raise ValueError("threshold and run length must be finite")

    def factors(self) -> npt.NDArray[np.float64]:
        """Return e of every bet by how many levels a message reached, shape (L + 2, L·B); the last row is no bet: ones.

        >>> plan = EvidencePlan(np.array([0.1]), np.array([0.2]), np.array([0.5]), 8.5, 5000.0)
        >>> plan.factors().tolist()
        [[0.5], [3.0], [1.0]]
        """
        n_levels = len(self.levels)
        reached = np.arange(n_levels) < np.arange(n_levels + 1)[:, None]
        gains = (reached / self.rates - 1)[:, :, None] * self.bets
        return np.vstack([1 + gains.reshape(n_levels + 1, -1), np.ones(n_levels * len(self.bets))])

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that `from_arrays` needs."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> EvidencePlan:
        """Build a plan from what `to_arrays` gave.

        Raises
        ------
        ValueError
            If an array is missing or not in its range.
        """
        missing = [field.name for field in fields(cls) if field.name not in arrays]
        if missing:
            raise ValueError(f"an evidence plan without {', '.join(missing)}")
        levels, rates, bets = (np.asarray(arrays[name], dtype=np.float64) for name in ("levels", "rates", "bets"))
        return cls(levels, rates, bets, float(arrays["log_threshold"]), float(arrays["run_length"]))
