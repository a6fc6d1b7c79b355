"""The pager of one side: sequential evidence against what was accepted, as metrics and state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agent.watch import acknowledgement
from detectors.evidence import TailEvidence
from detectors.evidence_accepted import from_arrays, held_out, tolerate
from detectors.evidence_fit import calibrated, guaranteed

if TYPE_CHECKING:
    from agent.tally import State, Tally
    from agent.watch import Measured, SideScores
    from config import PagerSettings
    from detectors.evidence_plan import EvidencePlan

SECONDS_A_DAY = 86_400.0


def make_pager(
    side: str, settings: PagerSettings, arrays: Mapping[str, npt.NDArray[Any]], calibration_sizes: npt.NDArray[np.int32]
) -> Pager | PagerOff:
    """Make the pager of a side.

    It compares with the accepted baseline in the profile's `arrays`; without one, with the held-out texts
    (`calibration_sizes`) and the tolerated share of the settings; with neither it is off, and says so.
    """
    found = pager_plan(settings, arrays, calibration_sizes)
    return PagerOff(side) if found is None else Pager(side, *found, settings.acknowledged)


def pager_plan(
    settings: PagerSettings, arrays: Mapping[str, npt.NDArray[Any]], calibration_sizes: npt.NDArray[np.int32]
) -> tuple[EvidencePlan, str] | None:
    """Return what a pager bets on, and what it compares with ("baseline" or "tolerated"); None where nothing is."""
    accepted, reference = from_arrays(arrays), "baseline"
    if settings.tolerated_share is not None:
        accepted = tolerate(accepted or held_out(calibration_sizes), settings.tolerated_share)
        reference = reference if from_arrays(arrays) else "tolerated"
    if accepted is None:
        return None
    return (guaranteed if settings.mode == "guaranteed" else calibrated)(accepted, settings.run_length), reference


class PagerOff:
    """Stands where nothing was accepted to compare with."""

    def __init__(self, side: str) -> None:
        self._side = side

    def update(self, _times: npt.NDArray[np.float64], _scores: SideScores, _tally: Tally) -> None:
        """Do nothing."""

    def measure(self) -> Measured:
        """Say that it is off."""
        return {"offmap_pager_off": {(self._side,): 1.0}}

    def get_state(self) -> State:
        """Return nothing."""
        return {}

    def set_state(self, _state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Do nothing."""


class Pager:
    """Bets on the p-values of one side; a page stays until it is acknowledged.

    Parameters
    ----------
    side : str
    plan : EvidencePlan
    reference : str
        What it compares with: "baseline" (accepted production traffic), "slice_baseline" (that of its slice alone) or
        "tolerated" (held-out reference texts, and a tolerated share off the map).
    acknowledged : str
        Changed by the user, it takes a page back.
    """

    def __init__(self, side: str, plan: EvidencePlan, reference: str, acknowledged: str = "") -> None:
        self._labels = (side, reference)
        self._evidence = TailEvidence(plan)
        self._word = acknowledgement(acknowledged)
        # messages, and the first and the newest event time: the observed rate turns messages into days
        self._seen = np.array([0.0, np.inf, -np.inf])

    def update(self, times: npt.NDArray[np.float64], scores: SideScores, _tally: Tally) -> None:
        """Bet on scored texts, in order; of a session's block on the first only."""
        self._evidence.update(scores.p_value, times, scores.begins)
        self._seen[0] += len(times)
        if np.isfinite(times).any():
            self._seen[1] = min(self._seen[1], np.nanmin(times))
            self._seen[2] = max(self._seen[2], np.nanmax(times))

    def measure(self) -> Measured:
        """Return the pager's metrics; before the first text only what it was set to."""
        found: Measured = {
            "offmap_pager_off": {(self._labels[0],): 0.0},
            "offmap_pager_run_length": {self._labels: self._evidence.plan.run_length},
            "offmap_pager_alarm": {self._labels: float(self._evidence.alarm)},
            "offmap_pager_threshold": {self._labels: self._evidence.plan.log_threshold},
        }
        for measured in self._evidence.measure():
            if name := _NAMES.get(measured.name):
                found[name] = {self._labels: measured.value}
        n, first, newest = self._seen
        if n > 1 and newest > first:
            days = self._evidence.plan.run_length / (n / (newest - first)) / SECONDS_A_DAY
            found["offmap_pager_run_length_days"] = {self._labels: float(days)}
        return found

    def get_state(self) -> State:
        """Return the evidence, what was seen, and a hash of the word of acknowledgement."""
        return {"seen": self._seen.copy(), "word": self._word, **self._evidence.get_state()}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`; with another word of acknowledgement, or other bets, the evidence begins anew."""
        self._seen = state["seen"].copy()
        if not np.array_equal(state["word"], self._word):
            return
        try:
            self._evidence.set_state(state)
        except ValueError:
            self._evidence.acknowledge()


_NAMES = {
    "evidence": "offmap_pager_evidence",
    "evidence_alarm_timestamp": "offmap_pager_alarm_timestamp_seconds",
    "evidence_change_timestamp": "offmap_pager_change_timestamp_seconds",
}
