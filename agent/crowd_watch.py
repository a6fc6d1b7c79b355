"""What watches prompts as a crowd: their mix, their diversity, and the training cells that they visit or leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agent.watch import acknowledgement
from detectors.coverage import CellCoverage
from detectors.crowd import diversity_of, mix_of
from detectors.diversity import DiversityBaseline, DiversityWindow
from detectors.mmd import MixChange

if TYPE_CHECKING:
    from agent.tally import Labels, State, Tally
    from agent.watch import Measured, SideScores, Watcher
    from config import PagerSettings
    from detectors.measurement import Measurement
    from detectors.mix_plan import MixPlan

ON_MAP = 0.05
"""Texts with a p-value above this lie on the map: which cell the others are nearest to says nothing about it."""


def make_crowd_watchers(
    side: str,
    settings: PagerSettings,
    arrays: Mapping[str, npt.NDArray[Any]],
    n_cells: int,
    fitted_on: str = "training",
) -> dict[str, Watcher]:
    """Make the watchers that the profile's `arrays` have something to compare with for; none where they have nothing.

    They compare with the recorded baseline; without one, with what the profile was `fitted_on`.

    Raises
    ------
    ValueError
        If arrays do not belong together.
    """
    reference = "baseline" if "accepted_levels" in arrays else fitted_on
    found: dict[str, Watcher] = {}
    if mix := mix_of(arrays):
        found["mix"] = MixWatch((side, reference), mix, settings.acknowledged)
    if diversity := diversity_of(arrays):
        found["diversity"] = DiversityWatch(reference, diversity)
    if (counts := arrays.get("coverage_counts")) is not None:
        if counts.shape != (n_cells,):
            raise ValueError(f"counts of shape {counts.shape} for {n_cells} cells")
        found["coverage"] = CoverageWatch(side, CellCoverage(counts, settings.run_length))
    return found


class MixWatch:
    """Whether the mix of texts has changed; a warning stays until it is acknowledged.

    Parameters
    ----------
    labels : (str, str)
        The side, and what it compares with: "training", "production" (where that was fitted on) or "baseline".
    plan : MixPlan
    acknowledged : str
        Changed by the user, it takes a warning back.
    """

    def __init__(self, labels: Labels, plan: MixPlan, acknowledged: str) -> None:
        self._labels = labels
        self._change = MixChange(plan)
        self._word = acknowledgement(acknowledged)
        self._seen = np.array([0.0, np.nan])  # texts, and the event time of the one that made it warn

    def update(self, times: npt.NDArray[np.float64], scores: SideScores, _tally: Tally) -> None:
        """Take in the vectors of the texts that begin a block of their session: bursts are no change."""
        warned, blocks = self._change.alarm, scores.blocks()
        self._change.update(scores.vector[blocks].astype(np.float32))
        if (at := self._change.alarm_message) and not warned:
            self._seen[1] = times[blocks[at - 1 - int(self._seen[0])]]
        self._seen[0] += len(blocks)

    def measure(self) -> Measured:
        """Return the change over each window that is full, and whether it warns."""
        found = _named(self._change.measure(), _MIX, self._labels)
        found["offmap_mix_run_length"] = {self._labels: self._change.plan.run_length}
        if np.isfinite(self._seen[1]):
            found["offmap_mix_changed_timestamp_seconds"] = {self._labels: float(self._seen[1])}
        return found

    def get_state(self) -> State:
        """Return the means, what was seen, and a hash of the word of acknowledgement."""
        return {"seen": self._seen.copy(), "word": self._word, **self._change.get_state()}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`; with another word of acknowledgement, or another plan, it begins anew."""
        if np.array_equal(state["word"], self._word) and self._change.set_state(state):
            self._seen = state["seen"].copy()


class DiversityWatch:
    """How many different prompts a window effectively holds, against what accepted ones do."""

    def __init__(self, reference: str, baseline: DiversityBaseline) -> None:
        self._reference = reference
        self._window = DiversityWindow(baseline)

    def update(self, _times: npt.NDArray[np.float64], scores: SideScores, _tally: Tally) -> None:
        """Take in the vectors of the texts that begin a block of their session: those of one are alike."""
        self._window.update(scores.vector[scores.blocks()].astype(np.float32))

    def measure(self) -> Measured:
        """Return what the last full window says."""
        return _named(self._window.measure(), _DIVERSITY, (self._reference,))

    def get_state(self) -> State:
        """Return the window that is filling."""
        return self._window.get_state()

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on, if the window has the same size."""
        self._window.set_state(state)


class CoverageWatch:
    """Which training cells are visited as often as the volume of traffic lets expect, and which no longer are."""

    def __init__(self, side: str, coverage: CellCoverage) -> None:
        self._side = side
        self._coverage = coverage

    def update(self, _times: npt.NDArray[np.float64], scores: SideScores, _tally: Tally) -> None:
        """Take in the cells of the texts on the map; of a session's block only the first counts as one."""
        on_map = scores.at(scores.p_value > ON_MAP)
        self._coverage.update(on_map.cell, on_map.begins)

    def measure(self) -> Measured:
        """Return coverage by horizon, and what was lost."""
        return _named(self._coverage.measure(), _COVERAGE, (self._side,))

    def get_state(self) -> State:
        """Return the last visit of each cell."""
        return self._coverage.get_state()

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on, if the reference has as many cells."""
        self._coverage.set_state(state)


_MIX = {"mix_change": "offmap_mix_change", "mix_change_alarm": "offmap_mix_changed"}
_DIVERSITY = {
    "diversity": "offmap_prompt_diversity",
    "diversity_ratio": "offmap_prompt_diversity_ratio",
    "diversity_z": "offmap_prompt_diversity_z",
}
_COVERAGE = {
    "cell_coverage_ratio": "offmap_coverage_ratio",
    "cell_density": "offmap_cell_density",
    "unvisited_mass": "offmap_unvisited_mass",
    "lost_mass": "offmap_lost_mass",
    "lost_cells": "offmap_lost_cells",
    "lost_evidence": "offmap_lost_evidence",
}


def _named(measured: Iterable[Measurement], names: Mapping[str, str], labels: Labels) -> Measured:
    """Give measurements their metrics' names, and their fields as the last label; those without a name are left out."""
    found: Measured = {}
    for one in measured:
        if name := names.get(one.name):
            found.setdefault(name, {})[(*labels, one.field) if one.field else labels] = one.value
    return found
