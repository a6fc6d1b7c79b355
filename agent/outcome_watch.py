"""Failures by how well training covers the prompt, and how much more often the uncovered ones fail."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agent.metric_row import BANDS
from agent.outcome_book import band
from agent.outcome_kinds import OF_BOTH_TEXTS, OF_THE_TEXT, OUTCOMES, Kind
from agent.watch import acknowledgement
from detectors.failure_ratio import failure_ratio

if TYPE_CHECKING:
    from agent.join_known import Known
    from agent.tally import State, Tally
    from agent.watch import Measured
    from config import OutcomeSettings

NAMES = tuple(kind.name.lower() for kind in OUTCOMES)
_PLACES = {kind: i for i, kind in enumerate(OUTCOMES)}
_LATER = {Kind.RATED: Kind.FEEDBACK, Kind.JUDGED: Kind.JUDGE}


class OutcomeWatch:
    """Counts exchanges, and those that failed, by band and kind.

    Parameters
    ----------
    settings : OutcomeSettings
    acknowledged : str
        The user's word, and what counts as a failure: with another one the ratios begin anew; the counters go on. Of
        exchanges from before, what comes late (feedback, a verdict) is then left out of the ratios: they would have
        failures of exchanges that they do not have.
    """

    def __init__(self, settings: OutcomeSettings, acknowledged: str) -> None:
        self._alpha = settings.alpha
        self._n_uncovered = BANDS.index(settings.uncovered_level) + 1
        self._acknowledged = acknowledgement(acknowledged)
        self._counts = np.zeros((2, len(BANDS), len(OUTCOMES)), dtype=np.int64)  # failures, exchanges
        self._since, self._latest = -math.inf, -math.inf  # event time: the ratios' first exchange is newer

    def update(self, known: Sequence[Known], tally: Tally) -> None:
        """Count what is new, of those exchanges that stand for their session."""
        found: Counter[tuple[int, int, Kind]] = Counter()
        compared: Counter[tuple[int, int, Kind]] = Counter()
        for one in known:
            if not one.kinds & Kind.COUNTED or one.prompt is None:
                continue
            place = band(one.prompt.p_value)
            new = [(0, place, kind) for kind in OUTCOMES if one.fresh & kind]
            new += [(1, place, kind) for kind in _told(one)]
            found.update(new)
            if not one.time <= self._since:  # one of unknown time too: then all are
                compared.update(new)
            self._latest = max(self._latest, one.time)  # NaN, the second, is never larger
        for (which, place, kind), count in found.items():
            name = "offmap_outcome_exchanges" if which else "offmap_outcomes"
            tally.add(name, (f"{BANDS[place]:g}", kind.name.lower()), count)
        for (which, place, kind), count in compared.items():
            self._counts[which, place, _PLACES[kind]] += count

    def measure(self) -> Measured:
        """Return ratio, bounds and evidence of each kind that there is enough of."""
        found: Measured = {}
        failed, n = (self._split(counts) for counts in self._counts)
        for i, name in enumerate(NAMES):
            result = failure_ratio((failed[0, i], n[0, i]), (failed[1, i], n[1, i]), self._alpha)
            if result is None:
                continue
            values = {"ratio": result.ratio, "ratio_lower": result.lower, "ratio_upper": result.upper}
            values |= {"evidence": result.evidence, "brittle": float(result.lower > 1)}
            for what, value in values.items():
                if value is not None:
                    found.setdefault(METRICS[what], {})[name,] = value
        if found:
            found["offmap_failure_threshold"] = {(): float(np.log(1 / self._alpha))}
        return found

    def get_state(self) -> State:
        """Return the counts, and from when on."""
        times = np.array([self._since, self._latest])
        return {"counts": self._counts.copy(), "acknowledged": self._acknowledged, "times": times}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`, unless the user has acknowledged what it led to."""
        self._since, self._latest = state.get("times", np.array([-np.inf, -np.inf])).tolist()
        same = state["counts"].shape == self._counts.shape
        if same and np.array_equal(state["acknowledged"], self._acknowledged):
            self._counts = state["counts"].astype(np.int64)
        else:
            self._since = self._latest

    def _split(self, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Add bands up to uncovered and covered, shape (2, kinds)."""
        parts = (counts[: self._n_uncovered], counts[self._n_uncovered :])
        return np.array([part.sum(axis=0) for part in parts], dtype=np.float64)


METRICS = {
    "ratio": "offmap_failure_ratio",
    "ratio_lower": "offmap_failure_ratio_lower",
    "ratio_upper": "offmap_failure_ratio_upper",
    "evidence": "offmap_failure_evidence",
    "brittle": "offmap_brittle",
}


def _told(one: Known) -> list[Kind]:
    """Return the kinds of which this report says for the first time whether the exchange is of them."""
    found = [kind for seen, kind in _LATER.items() if one.fresh & seen]
    if one.completed:
        found += [*OF_THE_TEXT, Kind.ANY]
        if one.vectors is not None and one.vectors.prompt is not None and one.vectors.response is not None:
            found += OF_BOTH_TEXTS
    return found
