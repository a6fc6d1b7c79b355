"""Regions off the map: where the uncovered texts lie, how many of all texts each takes, and whether it grows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.interval import anytime_interval
from detectors.measurement import Measurement
from detectors.recent_counts import RecentCounts
from detectors.region_cells import OpenCells
from detectors.region_slots import Slots, below

Floats = npt.NDArray[np.float64]

FEWEST = 5
"""Uncovered texts that a cell needs to be named."""

LAST = 192
"""Uncovered texts that the new-region rate looks back over."""

FEWEST_FOR_RATE = 20


class Regions:
    """Sorts uncovered texts into regions: r1, r2, … up to a fixed number, and the rest.

    A cell of `FEWEST` texts is named, with the lowest free slot; one that lies within another region joins that. Where
    all slots are taken, it takes the slot of the region with the fewest texts in the recent stretch of event time, if
    it had more than twice as many itself; else it stays without a name, and asks again with every fifth text. A region
    never moves to another slot.

    Measurements, each with the slot ("r1") as its field: ``region_size``, the texts that have joined it;
    ``region_share`` of all texts since it was named, with ``region_share_lower`` and ``_upper`` (`anytime_interval`);
    ``region_trend``, its recent share over that one (absent until the region is older than the recent stretch);
    ``region_first_seen`` and ``region_last_seen``, event times. And ``new_region_rate``: f₁/n over the last `LAST`
    uncovered texts (Good 1953), the chance that the next uncovered text opens a cell of its own: near 0 for a few new
    topics, near 1 for noise. Absent below `FEWEST_FOR_RATE`.

    Cells that stand on few texts are embeddings of these, and part of the state.

    Parameters
    ----------
    radius : float
        Cosine distance of a region's edge from its middle, in (0, 1).
    dim : int
        Length of a vector.
    most : int
        Regions with a name.
    recent : float
        Seconds of event time.

    Examples
    --------
    >>> regions = Regions(radius=0.4, dim=3, most=2)
    >>> rows = np.eye(3, dtype=np.float32)[[0, 1] * 6 + [2] * 8]
    >>> regions.update(rows, np.arange(20.0), np.arange(20) < 14).tolist()
    [-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 1, -1, -1]
    """

    def __init__(self, radius: float, dim: int, most: int, recent: float = 86_400.0) -> None:
        # more cells than names and texts to look back on: none of those texts' cells is ever given away
        n_cells = LAST + most + 1
        self._cells = OpenCells(radius, dim, n_cells)
        self._recent = RecentCounts(recent, n_cells)
        self._slots = Slots(most, n_cells)
        self._seen = np.array([[np.inf], [-np.inf]]).repeat(
            n_cells, axis=1
        )  # event times of each cell's first and last text
        self._n = 0

    @property
    def named(self) -> npt.NDArray[np.int64]:
        """How many times each slot was given, shape (most,): a slot given anew is another region."""
        return self._slots.named.copy()

    def update(
        self, rows: npt.NDArray[np.floating[Any]], times: Floats, uncovered: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        """Take in texts in order; how they are cut into batches does not matter.

        Parameters
        ----------
        rows : ndarray, shape (n, d)
            Unit rows.
        times : ndarray of float64, shape (n,)
            Event times in seconds; NaN for unknown.
        uncovered : ndarray of bool, shape (n,)

        Returns
        -------
        ndarray of int64, shape (number of uncovered,)
            The slot of each uncovered text's region, from 0; −1: it lies in no region that had a name before it.
        """
        newest, times = self._recent.filled(times)
        places = np.flatnonzero(uncovered)
        found = np.empty(len(places), dtype=np.int64)
        for i, (row, place) in enumerate(zip(rows[places].astype(np.float32), places.tolist(), strict=True)):
            self._recent.advance(float(newest[place]))
            found[i] = self._take(row, float(times[place]), self._n + place + 1)
        if len(times):
            self._recent.advance(float(newest[-1]))
            self._recent.add_to_all(times)
        self._n += len(times)
        return found

    def measure(self) -> list[Measurement]:
        """Return what is known so far."""
        found, n = [], min(self._cells.n, LAST)
        if n >= FEWEST_FOR_RATE:
            found.append(Measurement("new_region_rate", self._cells.single(LAST) / n, n))
        since, hits = self._n - self._slots.since, self._slots.hits
        lower, upper = anytime_interval(hits, since - hits)
        for slot in self._slots.taken():
            cell, n = int(self._slots.cell[slot]), int(since[slot])
            values = {"size": self._cells.members[cell], "first_seen": self._seen[0, cell]}
            values["last_seen"] = self._seen[1, cell]
            if n:
                values |= {"share": hits[slot] / n, "share_lower": lower[slot], "share_upper": upper[slot]}
                values["trend"] = self._trend(cell, hits[slot] / n)
            known = {name: float(value) for name, value in values.items() if np.isfinite(value)}
            found += [Measurement(f"region_{name}", value, n, f"r{slot + 1}") for name, value in known.items()]
        return found

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that `update` changes as arrays, and what they belong to."""
        parts = {"cells": self._cells.get_state(), "recent": self._recent.get_state()}
        state = {f"{part}_{name}": array for part, arrays in parts.items() for name, array in arrays.items()}
        own = {"n": np.array(self._n), "seen": self._seen.copy(), "slots": self._slots.get_state()}
        return state | own | {"shape": self._shape()}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Go on from `get_state`; False, and nothing changed, where that had another radius, stretch or size."""
        if not np.array_equal(state["shape"], self._shape()):
            return False
        self._cells.set_state(below(state, "cells_"))
        self._recent.set_state(below(state, "recent_"))
        self._slots.set_state(state["slots"])
        self._n, self._seen = int(state["n"]), state["seen"].copy()
        return True

    def _shape(self) -> Floats:
        return np.array([self._cells.radius, self._recent.length, self._cells.dim, len(self._slots.cell)])

    def _trend(self, cell: int, share: float) -> float:
        """Return the recent share over `share`; NaN for a young region, and where there is nothing to divide by."""
        total = self._recent.total()
        old = self._seen[0, cell] <= self._recent.newest - self._recent.length
        return self._recent.of(cell) / total / share if old and share and total else np.nan

    def _take(self, row: npt.NDArray[np.float32], time: float, n: int) -> int:
        """Sort in an uncovered text, the n-th of all; return its slot, −1 for none."""
        cell = self._cells.join(row)
        if self._cells.members[cell] == 1:
            self._recent.move(cell, None)
            self._seen[:, cell] = np.inf, -np.inf
        self._recent.add(cell, time)
        self._see(cell, time, time)
        slot = int(self._slots.of[cell])
        if slot < 0 and self._cells.members[cell] % FEWEST == 0:
            slot = self._join_region(cell)
            if slot < 0:
                self._name(cell, n)
        if slot >= 0:
            self._slots.hits[slot] += 1
        return slot

    def _see(self, cell: int, first: float, last: float) -> None:
        if -np.inf < first < self._seen[0, cell]:
            self._seen[0, cell] = first
        self._seen[1, cell] = max(self._seen[1, cell], last)

    def _join_region(self, cell: int) -> int:
        """Give a cell that lies within a region to it, and return that one's slot; −1 where there is none."""
        taken = self._slots.cell[self._slots.taken()]
        if not len(taken):
            return -1
        region, cosine = self._cells.nearest(cell, taken)
        if cosine < 1 - self._cells.radius:
            return -1
        self._cells.give(cell, region)
        self._recent.move(cell, region)
        self._see(region, *self._seen[:, cell])
        return int(self._slots.of[region])

    def _name(self, cell: int, n: int) -> None:
        slot = self._slots.choose(self._recent.of(cell), self._recent.of_each(self._slots.cell))
        if slot < 0:
            return
        loser = self._slots.give(slot, cell, n)
        self._cells.kept[cell] = True
        if loser >= 0:
            self._cells.kept[loser] = False
