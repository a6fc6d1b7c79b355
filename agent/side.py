"""One side of the exchange, prompt or response: its reference, and what production has shown against it so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.interval import anytime_interval
from detectors.share_window import ShareWindow

if TYPE_CHECKING:
    from agent.records import Encoded
    from agent.tally import Labels, Sample, State, Tally
    from detectors.reference import Reference


class WindowSpec(NamedTuple):
    """The event-time windows of the uncovered share: label → length in seconds, the levels, and the interval's α."""

    lengths: Mapping[str, float]
    levels: Sequence[float]
    alpha: float = 0.05


class SideScores(NamedTuple):
    """Scores of n texts; NaN (cell −1) where a text had nothing to embed. Shapes (n,)."""

    novelty: npt.NDArray[np.float64]
    p_value: npt.NDArray[np.float64]
    cell: npt.NDArray[np.int32]


class Side:
    """Scores texts of one side, counts them, and measures the windows.

    Parameters
    ----------
    name : str
        "prompt" or "response": the value of the label `side`.
    reference : Reference
    max_chunks : int
        Chunks embedded of a long text.
    windows : WindowSpec
    """

    def __init__(self, name: str, reference: Reference, max_chunks: int, windows: WindowSpec) -> None:
        self.name = name
        self.max_chunks = max_chunks
        self._reference = reference
        self._spec = windows
        self._windows = {label: ShareWindow(length, windows.levels) for label, length in windows.lengths.items()}
        self._hits = np.zeros(reference.n_cells, dtype=np.int64)

    def score(self, encoded: Encoded, n: int) -> SideScores:
        """Score n embedded texts; a pure function of the texts."""
        scores = self._reference.score(encoded.layers, encoded.owner, n)
        tokens = np.bincount(encoded.owner, weights=encoded.tokens, minlength=n)
        return SideScores(scores.novelty, self._reference.p_values(scores.novelty, tokens), scores.cell)

    def update(self, times: npt.NDArray[np.float64], scores: SideScores, tally: Tally) -> None:
        """Count what was scored. `times` are event times in seconds, shape (n,)."""
        known = scores.cell >= 0
        tally.observe("offmap_p_value", (self.name,), scores.p_value[known])
        tally.observe("offmap_novelty", (self.name,), scores.novelty[known])
        np.add.at(self._hits, scores.cell[known], 1)
        for label, window in self._windows.items():
            late = window.update(times[known], scores.p_value[known])
            if late:
                tally.add("offmap_late_texts", (self.name, label), late)

    def measure(self) -> dict[str, dict[Labels, Sample]]:
        """Measure the windows and the cells. A window without texts gives no measurement."""
        found: dict[str, dict[Labels, Sample]] = {
            "offmap_uncovered_share_null": {(f"{level:g}",): float(level) for level in self._spec.levels},
            "offmap_cells": {(self.name,): float(len(self._hits))},
            "offmap_cells_hit": {(self.name,): float(np.count_nonzero(self._hits))},
        }
        for label, window in self._windows.items():
            n, hits = window.counts()
            if n:
                found.setdefault("offmap_window_texts", {})[self.name, label] = float(n)
                self._measure_window(label, n, hits, found)
        return found

    def _measure_window(
        self, label: str, n: int, hits: npt.NDArray[np.int64], found: dict[str, dict[Labels, Sample]]
    ) -> None:
        lower, upper = anytime_interval(hits, n - hits, self._spec.alpha)
        for i, level in enumerate(self._spec.levels):
            labels = (self.name, label, f"{level:g}")
            for suffix, value in (("", hits[i] / n), ("_lower", lower[i]), ("_upper", upper[i])):
                found.setdefault(f"offmap_uncovered_share{suffix}", {})[labels] = float(value)

    def get_state(self) -> State:
        """Windows and cells as arrays."""
        state: State = {"hits": self._hits}
        for label, window in self._windows.items():
            state |= {f"window/{label}/{key}": array for key, array in window.get_state().items()}
        return state

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`; a window that has another length or other levels now begins anew."""
        if len(state.get("hits", ())) == len(self._hits):
            self._hits = state["hits"].astype(np.int64)
        for label, window in self._windows.items():
            prefix = f"window/{label}/"
            part = {key.removeprefix(prefix): array for key, array in state.items() if key.startswith(prefix)}
            if part:
                window.set_state(part)
