"""What is measured over rolling windows of event time: the uncovered shares, and the spread of p-values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.metric_row import P_VALUE_EDGES
from agent.watch import Floats, Measured, SideScores, below
from detectors.interval import anytime_interval
from detectors.share_window import ShareWindow
from detectors.tail import integrated_precision

if TYPE_CHECKING:
    from agent.tally import State, Tally


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
        return _rings(self._windows)

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on; a window that has another length or other levels now begins anew."""
        _go_on(self._windows, state)

    def _measure_window(self, label: str, n: int, hits: npt.NDArray[np.int64], found: Measured) -> None:
        lower, upper = anytime_interval(hits, n - hits, self._spec.alpha)
        for i, level in enumerate(self._spec.levels):
            labels = (self._side, label, f"{level:g}")
            for suffix, value in (("", hits[i] / n), ("_lower", lower[i]), ("_upper", upper[i])):
                found.setdefault(f"offmap_uncovered_share{suffix}", {})[labels] = float(value)


class AlphaPrecision:
    """How alike the spread of p-values is to the reference's, over each window.

    Parameters
    ----------
    side : str
    lengths : mapping of str to float
        Label → seconds of event time.
    """

    def __init__(self, side: str, lengths: Mapping[str, float]) -> None:
        self._side = side
        self._windows = {label: ShareWindow(length, P_VALUE_EDGES) for label, length in lengths.items()}

    def update(self, times: Floats, scores: SideScores, _tally: Tally) -> None:
        """Count by p-value."""
        for window in self._windows.values():
            window.update(times, scores.p_value)

    def measure(self) -> Measured:
        """Return it for each window that holds a text."""
        counts = {label: np.diff(window.counts()[1], prepend=0) for label, window in self._windows.items()}
        found = {label: integrated_precision(each, P_VALUE_EDGES) for label, each in counts.items()}
        return {
            "offmap_alpha_precision": {(self._side, label): each for label, each in found.items() if each is not None}
        }

    def get_state(self) -> State:
        """Return the windows' rings."""
        return _rings(self._windows)

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on; a window that has another length now begins anew."""
        _go_on(self._windows, state)


def _rings(windows: Mapping[str, ShareWindow]) -> State:
    return {f"{label}/{key}": array for label, window in windows.items() for key, array in window.get_state().items()}


def _go_on(windows: Mapping[str, ShareWindow], state: Mapping[str, npt.NDArray[Any]]) -> None:
    for label, window in windows.items():
        if part := below(state, f"{label}/"):
            window.set_state(part)
