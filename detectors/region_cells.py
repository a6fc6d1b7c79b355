"""Open-ended cells: a text joins the cell that it lies in, or opens one. A fixed number of them is remembered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

GRAIN = 2.0**11
"""Components of directions are multiples of this part of 1: each is a float16, so that the state is half as big."""

SETTLED = 32
"""Texts that a cell's direction is the mean of; then it stays where it is, and so does what its name means."""

_NEVER = np.float32(4)  # no cosine is so large


class OpenCells:
    """Leader clustering of unit vectors with moving leaders, in bounded memory.

    A text joins the cell whose edge it lies farthest within, or opens one in the place that was joined longest ago.
    A cell's direction is the mean of its first `SETTLED` texts; the edge of a young one is wider, as its mean is still
    far from the middle: for members at the cosine b = 1 − radius to the middle, the mean of n of them has the
    cosine b²/√(b² + (1 − b²)/n) to the next.

    Parameters
    ----------
    radius : float
        Cosine distance of a cell's edge from its middle, in (0, 1).
    dim : int
        Length of a vector.
    n_cells : int
        Cells that are remembered.

    Attributes
    ----------
    members : ndarray of int64, shape (n_cells,)
        Texts that have joined each cell; 0: a free place.
    joined : ndarray of int64, shape (n_cells,)
        Number of the text that joined last, from 1; 0: a free place.
    kept : ndarray of bool, shape (n_cells,)
        Cells whose place is not given away; set by the caller.
    n : int
        Texts so far.
    """

    def __init__(self, radius: float, dim: int, n_cells: int) -> None:
        if not 0 < radius < 1:
            raise ValueError(f"a radius of {radius:g}; a cosine distance between 0 and 1 is needed")
        self.radius, self.dim = radius, dim
        b, n = 1 - radius, np.arange(1, SETTLED + 1)
        edges = b * b / np.sqrt(b * b + (1 - b * b) / n)
        self._edges = np.concatenate([[_NEVER], edges]).astype(np.float32)  # by members: the least cosine that joins
        self._edge = np.full(n_cells, _NEVER)
        self._directions = np.zeros((n_cells, dim), dtype=np.float32)
        self._lengths = np.zeros(n_cells, dtype=np.float32)  # of the sum of the texts that the direction is the mean of
        self.members = np.zeros(n_cells, dtype=np.int64)
        self.joined = np.zeros(n_cells, dtype=np.int64)
        self.kept = np.zeros(n_cells, dtype=np.bool_)
        self.n = 0

    def join(self, row: npt.NDArray[np.float32]) -> int:
        """Put a text (d,), a unit row, into its cell, and return that."""
        self.n += 1
        depths = self._directions @ row
        depths -= self._edge
        cell = int(depths.argmax())
        if depths[cell] < 0:
            cell = int(np.where(self.kept, self.n, self.joined).argmin())
            self.clear(cell)
        self.joined[cell] = self.n
        self.members[cell] += 1
        if self.members[cell] <= SETTLED:
            self._move(cell, row)
        return cell

    def nearest(self, cell: int, others: npt.NDArray[np.intp]) -> tuple[int, float]:
        """Return which of `others` lies nearest to a cell, and its cosine."""
        cosines = self._directions[others] @ self._directions[cell]
        best = int(cosines.argmax())
        return int(others[best]), float(cosines[best])

    def clear(self, cell: int) -> None:
        """Forget a cell."""
        self.members[cell] = self.joined[cell] = self._lengths[cell] = 0
        self._directions[cell] = 0
        self._edge[cell] = _NEVER

    def give(self, cell: int, to: int) -> None:
        """Let a cell go up in another, which stays where it is."""
        self.members[to] += self.members[cell]
        self.joined[to] = max(self.joined[to], self.joined[cell])
        self._edge[to] = self._edges[min(self.members[to], SETTLED)]
        self.clear(cell)

    def single(self, last: int) -> int:
        """Return how many of the last `last` texts stand alone in their cell.

        Exact where more cells are remembered than are kept and those texts can fill.
        """
        return int(((self.members == 1) & (self.joined > self.n - last)).sum())

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that changes as arrays."""
        return {
            "n": np.array(self.n),
            "directions": self._directions.astype(np.float16),
            "lengths": self._lengths.copy(),
            "members": self.members.copy(),
            "joined": self.joined.copy(),
            "kept": self.kept.copy(),
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Go on from `get_state`; False, and nothing changed, where that had other cells."""
        if state["directions"].shape != self._directions.shape:
            return False
        self.n, self._directions = int(state["n"]), state["directions"].astype(np.float32)
        self._lengths, self.members = state["lengths"].copy(), state["members"].copy()
        self.joined, self.kept = state["joined"].copy(), state["kept"].copy()
        self._edge = self._edges[np.minimum(self.members, SETTLED)]
        return True

    def _move(self, cell: int, row: npt.NDArray[np.float32]) -> None:
        """Take a text into a cell's mean."""
        total = self._directions[cell] * self._lengths[cell] + row
        length = math.sqrt(total @ total)
        self._directions[cell] = np.rint(total * (GRAIN / length)) / GRAIN
        self._lengths[cell] = length
        self._edge[cell] = self._edges[self.members[cell]]
