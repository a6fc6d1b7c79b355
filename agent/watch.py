"""What watches one side of the traffic: the uncovered shares of rolling windows, and the cells visited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from detectors.interval import anytime_interval
from detectors.share_window import ShareWindow

if TYPE_CHECKING:
    from agent.tally import Labels, Sample, State, Tally

Floats = npt.NDArray[np.float64]
Measured = dict[str, dict["Labels", "Sample"]]


class SideScores(NamedTuple):
    """Scores of n texts; NaN (cell −1) where a text had nothing to embed. Shapes (n,).

    `vector`, shape (n, d), is each text's own: see `detectors.vectors.text_vectors`.
    """

    novelty: Floats
    p_value: Floats
    cell: npt.NDArray[np.int32]
    vector: npt.NDArray[np.float16]

    def at(self, chosen: npt.NDArray[Any]) -> SideScores:
        """Return those of the texts at these indices, or where this mask is true."""
        return SideScores(*(column[chosen] for column in self))


class Watcher(Protocol):
    """Takes what was scored, in order, and measures; its state is bounded. A new one is a class and a row."""

    def update(self, times: Floats, scores: SideScores, tally: Tally) -> None:
        """Take n texts that were scored; `times` are event times in seconds, NaN where unknown."""

    def measure(self) -> Measured:
        """Return metric name → labels → value; what is not known is absent."""

    def get_state(self) -> State:
        """Return all that `update` changes, as arrays."""

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`, or begin anew where that was of another shape."""


class WindowSpec(NamedTuple):
    """The event-time windows of the uncovered share: label → length in seconds, the levels, and the interval's α."""

    lengths: Mapping[str, float]
    levels: Sequence[float]
    alpha: float = 0.05


class UncoveredShares:
    """The share of texts at or below each level, over each window, with its bounds.

    Parameters
    ----------
    side : str
    spec : WindowSpec
    """

    def __init__(self, side: str, spec: WindowSpec) -> None:
        self._side = side
        self._spec = spec
        self._windows = {label: ShareWindow(length, spec.levels) for label, length in spec.lengths.items()}

    def update(self, times: Floats, scores: SideScores, tally: Tally) -> None:
        """Count; what is too old for a window is counted as late."""
        for label, window in self._windows.items():
            late = window.update(times, scores.p_value)
            if late:
                tally.add("offmap_late_texts", (self._side, label), late)

    def measure(self) -> Measured:
        """Return shares and bounds; a window without texts gives none."""
        levels = self._spec.levels
        found: Measured = {"offmap_uncovered_share_null": {(f"{level:g}",): float(level) for level in levels}}
        for label, window in self._windows.items():
            n, hits = window.counts()
            if n:
                found.setdefault("offmap_window_texts", {})[self._side, label] = float(n)
                self._measure_window(label, n, hits, found)
        return found

    def get_state(self) -> State:
        """Return the windows' rings."""
        return {
            f"{label}/{key}": array
            for label, window in self._windows.items()
            for key, array in window.get_state().items()
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on; a window that has another length or other levels now begins anew."""
        for label, window in self._windows.items():
            if part := below(state, f"{label}/"):
                window.set_state(part)

    def _measure_window(self, label: str, n: int, hits: npt.NDArray[np.int64], found: Measured) -> None:
        lower, upper = anytime_interval(hits, n - hits, self._spec.alpha)
        for i, level in enumerate(self._spec.levels):
            labels = (self._side, label, f"{level:g}")
            for suffix, value in (("", hits[i] / n), ("_lower", lower[i]), ("_upper", upper[i])):
                found.setdefault(f"offmap_uncovered_share{suffix}", {})[labels] = float(value)


class CellsVisited:
    """How many texts fell into each cell of the reference.

    Parameters
    ----------
    side : str
    n_cells : int
    """

    def __init__(self, side: str, n_cells: int) -> None:
        self._side = side
        self._hits = np.zeros(n_cells, dtype=np.int64)

    def update(self, _times: Floats, scores: SideScores, _tally: Tally) -> None:
        """Count."""
        np.add.at(self._hits, scores.cell, 1)

    def measure(self) -> Measured:
        """Return the number of cells, and of those visited."""
        return {
            "offmap_cells": {(self._side,): float(len(self._hits))},
            "offmap_cells_hit": {(self._side,): float(np.count_nonzero(self._hits))},
        }

    def get_state(self) -> State:
        """Return the counts."""
        return {"hits": self._hits.copy()}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on, if the reference has as many cells."""
        if state["hits"].shape == self._hits.shape:
            self._hits = state["hits"].astype(np.int64)


def below(state: Mapping[str, npt.NDArray[Any]], prefix: str) -> State:
    """Return the part of a state under a prefix, without it."""
    return {key.removeprefix(prefix): array for key, array in state.items() if key.startswith(prefix)}
