"""How many of the texts of the last stretch of event time lie at or below each level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

BUCKETS = 60


class ShareWindow:
    """Counts over a rolling window of event time, in a ring of fixed size.

    Time moves with the newest event seen, whatever partition it came from: one that falls silent holds nothing back.
    The window is as fine as its sixtieth part.

    Parameters
    ----------
    length : float
        Seconds, above 0.
    levels : sequence of float
        In (0, 1].

    Examples
    --------
    >>> window = ShareWindow(60.0, [0.05])
    >>> window.update(np.array([0.0, 30.0, 59.0]), np.array([0.01, 0.5, 0.05]))
    0
    >>> window.counts()
    (3, array([2]))
    >>> window.update(np.array([100.0, 10.0]), np.array([0.5, 0.5]))  # the second is too old: late
    1
    >>> window.counts()
    (2, array([1]))
    """

    def __init__(self, length: float, levels: Sequence[float]) -> None:
        if length <= 0 or not all(0 < level <= 1 for level in levels):
            raise ValueError("length must be above 0 and levels in (0, 1]")
        self._width = length / BUCKETS
        self._levels = np.array(levels, dtype=np.float64)
        # the number of the bucket that each place of the ring holds; −1: none
        self._numbers = np.full(BUCKETS, -1, dtype=np.int64)
        self._counts = np.zeros((BUCKETS, len(self._levels) + 1), dtype=np.int64)

    def update(self, times: npt.NDArray[np.float64], p_values: npt.NDArray[np.float64]) -> int:
        """Count texts at event times (n,), seconds since the epoch; NaN times are left out.

        Returns
        -------
        late : int
            Texts that were older than the window when they came; they are not counted.
        """
        known = np.isfinite(times)
        if not known.any():
            return 0
        numbers = np.floor_divide(times[known], self._width).astype(np.int64)
        newest = np.maximum.accumulate(np.append(self._numbers.max(), numbers))[1:]
        late = numbers <= newest - BUCKETS  # when it came; what the rest of the batch leaves behind is not late
        self._advance(int(newest[-1]))
        fresh = numbers > newest[-1] - BUCKETS
        below = p_values[known][fresh, None] <= self._levels
        rows = np.concatenate([np.ones((len(below), 1), dtype=np.int64), below.astype(np.int64)], axis=1)
        np.add.at(self._counts, numbers[fresh] % BUCKETS, rows)
        return int(late.sum())

    def counts(self) -> tuple[int, npt.NDArray[np.int64]]:
        """Return the texts in the window, and of these the ones at or below each level, shape (levels,)."""
        n, *hits = self._counts.sum(axis=0)
        return int(n), np.array(hits, dtype=np.int64)

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return the ring as arrays, with what they belong to."""
        shape = np.array([self._width, *self._levels])
        return {"numbers": self._numbers.copy(), "counts": self._counts.copy(), "shape": shape}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Go on from `get_state`; False, and nothing changed, where that had another length or other levels."""
        if not np.array_equal(state["shape"], np.array([self._width, *self._levels])):
            return False
        self._numbers, self._counts = state["numbers"].copy(), state["counts"].copy()
        return True

    def _advance(self, newest: int) -> None:
        """Empty the places of buckets that have fallen out of the window, and number those that came in."""
        present = int(self._numbers.max())
        if newest <= present:
            return
        numbers = np.arange(max(newest - BUCKETS, present) + 1, newest + 1)
        if present < 0:
            numbers = np.arange(newest - BUCKETS + 1, newest + 1)
        self._counts[numbers % BUCKETS] = 0
        self._numbers[numbers % BUCKETS] = numbers
