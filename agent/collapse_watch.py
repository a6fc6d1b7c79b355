"""What watches answers, given what was asked: whether they narrow, come again, echo training, lose their rare kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agent.answer_memory import pair_vectors
from agent.outcome_kinds import Kind
from agent.watch import acknowledgement, below
from detectors.collapse import METRICS, CollapseWindow
from detectors.pair_measures import Pairs
from detectors.pair_reference import ACCEPTED, PREFIX, SIGNS, PairReference

if TYPE_CHECKING:
    from agent.join_known import Known
    from agent.tally import State, Tally
    from agent.watch import Measured
    from config import CollapseSettings


def pair_reference(arrays: Mapping[str, npt.NDArray[Any]]) -> PairReference | None:
    """Take the training pairs out of the arrays of the responses' side; None where there is nothing of them.

    Where there is a baseline, how answers vary and how often signs are said is that of accepted traffic.

    Raises
    ------
    ValueError
        If they do not belong together.
    """
    mine = below(arrays, PREFIX)
    return PairReference.from_arrays(mine | below(arrays, ACCEPTED)) if mine else None


def observed(reference: PairReference, known: Sequence[Known]) -> tuple[list[Known], Pairs] | None:
    """Look at the exchanges of which both texts were embedded, but for those that were planted; None without any."""
    known = [one for one in known if not one.kinds & Kind.PLANTED]
    pairs = pair_vectors(known)
    if pairs is None:
        return None
    found = [known[i] for i in pairs.place]
    seen = reference.look(pairs.prompts, pairs.responses, pairs.hashes)
    again = np.array([one.kinds & (Kind.RECYCLED | Kind.RECYCLED_SOFTLY) > 0 for one in found])
    signs = np.stack([seen.tail, seen.echo, seen.verbatim, again], axis=1)
    return found, Pairs(pairs.prompts, pairs.responses, seen.cell, signs)


class CollapseWatch:
    """Compares windows of answers with training's, or with accepted ones; an alarm stays until it is acknowledged.

    Parameters
    ----------
    reference : PairReference
    settings : CollapseSettings
    acknowledged : str
        Changed by the user, it takes alarms back, and windows begin anew.
    accepted : bool
        Whether the reference is of accepted traffic.
    """

    def __init__(
        self, reference: PairReference, settings: CollapseSettings, acknowledged: str, *, accepted: bool = False
    ) -> None:
        self.reference, self._accepted = reference, accepted
        self._window = CollapseWindow(reference, settings.threshold)
        self._word = acknowledgement(acknowledged)
        self._seen = 0
        self._times = np.full(len(METRICS), np.nan)

    def update(self, known: Sequence[Known], tally: Tally) -> None:
        """Take in the exchanges of which both texts were embedded, but for those that were planted."""
        seen = observed(self.reference, known)
        if seen is None:
            return
        found, pairs = seen
        self._count(pairs.signs, tally)
        self._window.update(pairs)
        for i in np.flatnonzero(self._window.alarms > self._seen):  # those of this batch
            self._times[i] = found[self._window.alarms[i] - 1 - self._seen].time
        self._seen += len(found)

    def measure(self) -> Measured:
        """Return what the last full windows say, the alarms, and at what they alarm."""
        found: Measured = {"offmap_collapse_threshold": {(): self._window.threshold}}
        found["offmap_collapse_baseline"] = {(): float(self._accepted)}
        for one in self._window.measure():
            metric, _, suffix = one.name.partition("_")
            name, labels = _METRICS[suffix], (metric, one.field) if one.field else (metric,)
            found.setdefault(name.format("diversity" if metric not in SIGNS else "share"), {})[labels] = one.value
        for metric, time in zip(METRICS, self._times, strict=True):
            if np.isfinite(time):
                found.setdefault("offmap_collapse_alarm_timestamp_seconds", {})[metric,] = float(time)
        return found

    def get_state(self) -> State:
        """Return the window that is filling (vectors as whole numbers), what full ones said, and the alarms."""
        return {"word": self._word, "times": self._times.copy(), "n": np.array(self._seen), **self._window.get_state()}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`, if the windows are the same; with another word of acknowledgement begin anew."""
        same = state["times"].shape == self._times.shape and np.array_equal(state["word"], self._word)
        if same and self._window.set_state(state):
            self._seen, self._times = int(state["n"]), state["times"].copy()

    @staticmethod
    def _count(signs: npt.NDArray[np.bool_], tally: Tally) -> None:
        tally.add("offmap_compared_answers", (), float(len(signs)))
        for name, count in zip(SIGNS, signs.sum(axis=0).tolist(), strict=True):
            if count:
                tally.add("offmap_answer_signs", (name,), float(count))


_METRICS = {
    "": "offmap_answer_{}",
    "expected": "offmap_answer_{}_expected",
    "z": "offmap_collapse_z",
    "alarm": "offmap_collapse_alarm",
}
