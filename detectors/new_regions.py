"""How much of what production asks lies in regions not seen yet: the Good–Turing estimate over uncovered texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.measurement import Measurement

WINDOW = 512
FEWEST = 20


class NewRegions:
    """Sorts uncovered texts into open-ended cells: a text joins the nearest leader, or becomes one.

    Measurements, over the last `WINDOW` uncovered texts and from `FEWEST` on: ``new_region_rate``, the share of cells'
    texts that stand alone, f₁/n (Good 1953): the chance that the next uncovered text opens a region of its own, in
    [0, 1]; and ``regions``, the number of cells. A steady stream of noise keeps the rate near 1, a few new topics bring
    it down while the uncovered share stays up.

    Leaders are embeddings of single texts, and so is part of the state.

    Parameters
    ----------
    radius : float
        Cosine distance, in (0, 2), within which a text joins a leader.
    dim : int
        Length of an embedding.

    Examples
    --------
    >>> regions = NewRegions(radius=0.3, dim=2)
    >>> regions.update(np.tile(np.eye(2, dtype=np.float32), (10, 1)))
    >>> [(m.name, m.value) for m in regions.measure()]
    [('new_region_rate', 0.0), ('regions', 2.0)]
    """

    def __init__(self, radius: float, dim: int) -> None:
        if not 0 < radius < 2:
            raise ValueError(f"a radius of {radius:g}; a cosine distance between 0 and 2 is needed")
        self._radius = radius
        self._leaders = np.zeros((WINDOW, dim), dtype=np.float32)
        self._members = np.zeros(WINDOW, dtype=np.int64)  # texts of the window that joined each leader; 0: a free place
        self._joined = np.full(WINDOW, -1, dtype=np.int64)  # the leader that each text of the ring joined
        self._n = 0

    def update(self, rows: npt.NDArray[np.float32]) -> None:
        """Take in the embeddings (n, d) of uncovered texts in order, unit rows."""
        for row in rows:
            self._leave(self._n % WINDOW)
            near = self._leaders @ row
            near[self._members == 0] = -2
            leader = int(np.argmax(near))
            if near[leader] < 1 - self._radius:
                leader = int(np.argmin(self._members))  # free: one place at least, as the oldest text has just left
                self._leaders[leader] = row
            self._members[leader] += 1
            self._joined[self._n % WINDOW] = leader
            self._n += 1

    def measure(self) -> list[Measurement]:
        """Return what is known so far; nothing with fewer than `FEWEST` texts."""
        n = min(self._n, WINDOW)
        if n < FEWEST:
            return []
        alone, regions = float((self._members == 1).sum()), float((self._members > 0).sum())
        return [Measurement("new_region_rate", alone / n, n), Measurement("regions", regions, n)]

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that `update` changes as arrays, and what they belong to."""
        return {
            "radius": np.array(self._radius),
            "n": np.array(self._n),
            "leaders": self._leaders.copy(),
            "members": self._members.copy(),
            "joined": self._joined.copy(),
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Go on from `get_state`; False, and nothing changed, where that had another radius or other embeddings."""
        if float(state["radius"]) != self._radius or state["leaders"].shape != self._leaders.shape:
            return False
        self._n, self._leaders = int(state["n"]), state["leaders"].copy()
        self._members, self._joined = state["members"].copy(), state["joined"].copy()
        return True

    def _leave(self, place: int) -> None:
        if self._joined[place] >= 0:
            self._members[self._joined[place]] -= 1
