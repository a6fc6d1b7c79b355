"""What an exchange counts as: which of many alike stand for all, and what verdicts add to what its text told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agent.metric_row import BANDS
from agent.outcome_kinds import Kind
from detectors.sessions import RecentSessions

if TYPE_CHECKING:
    from agent.join_entry import Entry
    from agent.join_known import Known
    from agent.outcome_rules import OutcomeRules
    from agent.tally import State

WRITTEN = Kind.FEEDBACK | Kind.RATED | Kind.JUDGE | Kind.JUDGED | Kind.ANY | Kind.COUNTED
WRITTEN |= Kind.GOLD_GOOD | Kind.GOLD_BAD
"""Bits that only the book writes; of all others, an entry may know some that are newer than a report."""

_TRUTHS = Kind.GOLD_GOOD | Kind.GOLD_BAD


class OutcomeBook:
    """Writes to exchanges what reports on them add up to.

    Failures of one session, or of one prompt asked again and again, depend on each other; the bounds of a rate suppose
    that they do not. So of a session (else, where no id tells one: of equal prompts to one model) the first exchange in
    a band counts, and each 64th after it. The last 4,096 of them are remembered: who comes back later counts again.

    Parameters
    ----------
    rules : OutcomeRules
    """

    def __init__(self, rules: OutcomeRules) -> None:
        self.rules = rules
        self._units = RecentSessions()

    def note(self, entry: Entry, report: Known) -> Known:
        """Write down what a report adds, in the order of the stream, and return it with that."""
        old = entry.kinds & WRITTEN
        kinds = report.kinds | old
        for verdict in report.verdicts:
            bits = self.rules.bits(verdict)
            kinds |= bits if not (bits & _TRUTHS and kinds & _TRUTHS) else 0  # the first truth stands
        if kinds & self.rules.any_of:
            kinds |= Kind.ANY
        if report.completed and self._counts(report, kinds):
            kinds |= Kind.COUNTED
        entry.kinds |= kinds
        entry.told |= kinds
        return report._replace(kinds=kinds, fresh=report.fresh | (kinds & WRITTEN & ~old))

    def get_state(self) -> State:
        """Return hashes of the sessions, or of the prompts, that were seen lately."""
        return {"units": self._units.get_state()}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`."""
        if "units" in state:
            self._units.set_state(state["units"])

    def _counts(self, report: Known, kinds: int) -> bool:
        if report.prompt is None or not report.answered or kinds & Kind.PLANTED:
            return False
        unit = (report.session or report.asked ^ report.model, band(report.prompt.p_value))
        return bool(self._units.begins(np.array([hash(unit) >> 1 & (1 << 62) - 1]))[0])


def band(p_value: float) -> int:
    """Return which of the `BANDS` a p-value lies in.

    >>> band(0.01), band(0.011), band(1.0)
    (0, 1, 3)
    """
    return next(i for i, end in enumerate(BANDS) if p_value <= end)
