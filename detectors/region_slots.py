"""Which cell bears which name: a fixed number of slots, and the rule by which one is given anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Whole = npt.NDArray[np.int64]

OUTWEIGHS = 2
"""By how many times a new region's recent texts must outnumber those of the region whose slot it takes."""


class Slots:
    """The named regions.

    Parameters
    ----------
    most : int
        Slots.
    n_cells : int

    Attributes
    ----------
    cell : ndarray of int64, shape (most,)
        The cell that bears the name; −1: a free slot.
    named : ndarray of int64, shape (most,)
        How many times the slot was given.
    since, hits : ndarray of int64, shape (most,)
        Texts, covered ones too, that had come when it was; texts in the region after that.
    of : ndarray of int64, shape (n_cells,)
        The slot of each cell; −1: none.
    """

    def __init__(self, most: int, n_cells: int) -> None:
        self.cell, self.named, self.since, self.hits = (np.full(most, fill, dtype=np.int64) for fill in (-1, 0, 0, 0))
        self.of = np.full(n_cells, -1, dtype=np.int64)

    def taken(self) -> Whole:
        """Return the slots that are not free."""
        return np.flatnonzero(self.cell >= 0)

    def choose(self, recent: int, visits: Whole) -> int:
        """Choose the slot for a cell of so many `recent` texts: the lowest free one, or the least visited one.

        `visits` are the recent texts of each taken slot; −1: none is to be had.
        """
        free = np.flatnonzero(self.cell < 0)
        if len(free):
            return int(free[0])
        least = int(visits.argmin())
        return least if recent > OUTWEIGHS * visits[least] else -1

    def give(self, slot: int, cell: int, n: int) -> int:
        """Give a slot to a cell, when n texts have come; return the cell that loses it, or −1."""
        loser = int(self.cell[slot])
        if loser >= 0:
            self.of[loser] = -1
        self.of[cell] = slot
        self.cell[slot], self.since[slot], self.hits[slot] = cell, n, 0
        self.named[slot] += 1
        return loser

    def get_state(self) -> Whole:
        """Return all as one array, shape (4, most)."""
        return np.stack([self.cell, self.named, self.since, self.hits])

    def set_state(self, state: npt.NDArray[Any]) -> None:
        """Go on from `get_state`."""
        self.cell, self.named, self.since, self.hits = (row.copy() for row in state)
        self.of[:] = -1
        taken = self.taken()
        self.of[self.cell[taken]] = taken


def below(state: Mapping[str, npt.NDArray[Any]], prefix: str) -> dict[str, npt.NDArray[Any]]:
    """Return the part of a state under a prefix, without it.

    >>> below({"a_x": np.zeros(1), "b_x": np.ones(1)}, "a_")
    {'x': array([0.])}
    """
    return {key.removeprefix(prefix): array for key, array in state.items() if key.startswith(prefix)}
