"""How many of the texts of a recent stretch of event time fell into each of many cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BUCKETS = 24
"""The stretch is as fine as this part of it: hours, of a day."""


class RecentCounts:
    """A ring of counts by event time: of each cell, and of all texts.

    Time moves with the newest event. What is older than the stretch is not counted; what has no time counts as new.

    Parameters
    ----------
    length : float
        Seconds, above 0.
    n_cells : int

    Examples
    --------
    >>> counts = RecentCounts(24.0, 2)
    >>> for time in (0.0, 3.5, 23.0):
    ...     counts.add(1, time)
    >>> counts.of(1), counts.of(0)
    (3, 0)
    >>> counts.add(0, 27.0)
    >>> counts.of(1), counts.of(0)
    (1, 1)
    """

    def __init__(self, length: float, n_cells: int) -> None:
        if not length > 0:
            raise ValueError(f"a stretch of {length:g} seconds; it must be above 0")
        self.length = length
        self.newest = -np.inf
        self._bucket = -1  # number of the newest bucket; that of texts without time as long as no time is known
        self._counts = np.zeros((BUCKETS, n_cells + 1), dtype=np.int64)  # the last column: all texts

    def filled(self, times: Floats) -> tuple[Floats, Floats]:
        """Return the newest time up to each text (n,), and the times with that in place of unknown ones."""
        newest = np.fmax.accumulate(np.concatenate([[self.newest], times]))[1:]
        return newest, np.where(np.isnan(times), newest, times)

    def advance(self, newest: float) -> None:
        """Let time move on."""
        if newest <= self.newest:
            return
        self.newest = newest
        bucket = self._number(newest)
        for passed in range(max(self._bucket + 1, bucket - BUCKETS + 1), bucket + 1):
            self._counts[passed % BUCKETS] = 0
        self._bucket = max(bucket, self._bucket)

    def add(self, cell: int, time: float) -> None:
        """Count one text of a cell."""
        self.advance(time)
        number = self._number(time)
        if number > self._bucket - BUCKETS:
            self._counts[number % BUCKETS, cell] += 1

    def add_to_all(self, times: Floats) -> None:
        """Count texts (n,), whatever cell they fell into."""
        numbers = np.array([self._number(time) for time in np.unique(times)], dtype=np.int64)
        _, repeats = np.unique(times, return_counts=True)
        fresh = numbers > self._bucket - BUCKETS
        np.add.at(self._counts[:, -1], numbers[fresh] % BUCKETS, repeats[fresh])

    def of(self, cell: int) -> int:
        """Texts of a cell in the stretch."""
        return int(self._counts[:, cell].sum())

    def of_each(self, cells: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Texts of each of these cells in the stretch."""
        return np.asarray(self._counts[:, cells].sum(axis=0))

    def total(self) -> int:
        """All texts in the stretch."""
        return self.of(-1)

    def move(self, cell: int, to: int | None) -> None:
        """Give the counts of a cell to another, or forget them."""
        if to is not None:
            self._counts[:, to] += self._counts[:, cell]
        self._counts[:, cell] = 0

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that changes as arrays."""
        return {
            "newest": np.array(self.newest),
            "bucket": np.array(self._bucket),
            "counts": self._counts.astype(np.int32),
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state` of counts of the same length and size."""
        self.newest, self._bucket = float(state["newest"]), int(state["bucket"])
        self._counts = state["counts"].astype(np.int64)

    def _number(self, time: float) -> int:
        return int(time // (self.length / BUCKETS)) if time > -np.inf else self._bucket
