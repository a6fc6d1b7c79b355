"""Whether the judges can be believed: what they say of answers that are bad for certain, and of their own kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agent.outcome_kinds import Kind
from agent.watch import acknowledgement
from detectors.agreement import effective_votes, mean_kappa
from detectors.interval import anytime_interval

if TYPE_CHECKING:
    from agent.join_entry import Verdict
    from agent.join_known import Known
    from agent.outcome_rules import OutcomeRules
    from agent.tally import State, Tally
    from agent.watch import Measured

CANARIES = (Kind.LOOP, Kind.EMPTY, Kind.RECYCLED, Kind.IRRELEVANT, Kind.PLANTED)
"""Every value of the label `canary`, but for `any`. All but planted ones have to be in `outcomes.any_of` too: whoever
leaves one out of what fails (by default irrelevant answers, which a joke or a number rightly is) tells no judge to."""
MOST_JUDGES = 8
"""Judges that are compared with each other: the first that come."""
ALARM = 0.5
"""A judge that passes more than this of the canaries is no judge."""

_REFUSALS = Kind.REFUSED | Kind.REFUSED_SOFTLY
_STANDS = Kind.COUNTED | Kind.PLANTED
_TRUTHS = Kind.GOLD_GOOD | Kind.GOLD_BAD | Kind.PLANTED
Opinions = dict[int, bool]


class JudgeWatch:
    """Counts the verdicts of judging models on canaries, by family, and against each other.

    A refusal may be right, so it is no canary, however often it comes; nor is an answer that stands for no session. The
    pass rate takes the first verdict on each canary: others on the same answer depend on it. Scores of one fault alone
    (`OutcomeRules.asks_for_one_fault`) count by family only: a loop is rightly not toxic.

    Parameters
    ----------
    rules : OutcomeRules
    alpha : float
        Of the pass rate's interval.
    acknowledged : str
        The user's word, and what counts as a failure: with another one all but the counters begins anew.
    """

    def __init__(self, rules: OutcomeRules, alpha: float, acknowledged: str) -> None:
        self._rules = rules
        self._canary_kinds = [kind for kind in CANARIES if kind & (rules.any_of | Kind.PLANTED)]
        self._alpha = alpha
        self._acknowledged = acknowledgement(acknowledged)
        self._canaries = np.zeros(2, dtype=np.int64)  # passed, failed
        self._judges: list[int] = []
        self._verdicts = np.zeros((MOST_JUDGES, MOST_JUDGES, 2, 2), dtype=np.int64)
        self._errors = np.zeros_like(self._verdicts)

    def update(self, known: Sequence[Known], tally: Tally) -> None:
        """Count the verdicts that are new."""
        for one in known:
            self._count_families(one, tally)
            if one.verdicts:
                self._count_canary(one, tally)
            if one.verdicts or one.fresh & _TRUTHS:
                self._compare(one)

    def measure(self) -> Measured:
        """Return the pass rate and its bounds from the first canary on, and what there is enough of."""
        found: Measured = {}
        if self._canaries.any():
            passed, failed = self._canaries.tolist()
            lower, upper = map(float, anytime_interval(passed, failed, self._alpha))
            rate = {"": passed / (passed + failed), "_lower": lower, "_upper": upper}
            found |= {f"offmap_canary_pass_rate{suffix}": {(): value} for suffix, value in rate.items()}
            found["offmap_canary_alarm"] = {(): float(lower > ALARM)}
        if (votes := effective_votes(self._errors)) is not None:
            found["offmap_judges"] = {(): float(votes.judges)}
            found["offmap_effective_judges"] = {(): votes.votes}
        if (kappa := mean_kappa(self._verdicts)) is not None:
            found["offmap_judge_kappa"] = {(): kappa}
        return found

    def get_state(self) -> State:
        """Return the counts, and hashes of the judges' names."""
        return {
            "acknowledged": self._acknowledged,
            "canaries": self._canaries.copy(),
            "judges": np.array(self._judges, dtype=np.uint64),
            "verdicts": self._verdicts.copy(),
            "errors": self._errors.copy(),
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`, unless the user has acknowledged what it led to."""
        same = state["verdicts"].shape == self._verdicts.shape
        if same and np.array_equal(state["acknowledged"], self._acknowledged):
            self._canaries, self._judges = state["canaries"].astype(np.int64), state["judges"].tolist()
            self._verdicts, self._errors = state["verdicts"].astype(np.int64), state["errors"].astype(np.int64)

    def _judged(self, verdicts: Sequence[Verdict]) -> Iterator[tuple[Verdict, bool]]:
        """Yield the verdicts of models that have an opinion, and whether they fail the answer."""
        for verdict in verdicts:
            fails = self._rules.opinion(verdict)
            if fails is not None and self._rules.judge(verdict):
                yield verdict, fails

    def _whole(self, verdicts: Sequence[Verdict]) -> list[tuple[Verdict, bool]]:
        """Return those of them that are on the answer as a whole."""
        return [each for each in self._judged(verdicts) if not self._rules.asks_for_one_fault(each[0])]

    def _count_families(self, one: Known, tally: Tally) -> None:
        for verdict, _ in self._judged(one.verdicts):
            family = "unknown"
            if verdict.family and one.family:
                family = "same" if verdict.family == one.family else "other"
            tally.add("offmap_verdicts", (family,))

    def _count_canary(self, one: Known, tally: Tally) -> None:
        canaries = [kind.name.lower() for kind in self._canary_kinds if one.kinds & kind]
        maybe_right = one.kinds & _REFUSALS and not one.kinds & Kind.PLANTED
        if not canaries or maybe_right or not one.kinds & _STANDS:
            return
        verdicts = self._whole(one.verdicts)
        if verdicts and not self._whole(one.earlier):
            self._canaries[int(verdicts[0][1])] += 1
        for _, fails in verdicts:
            for canary in (*canaries, "any"):
                tally.add("offmap_canary_verdicts", (canary, "failed" if fails else "passed"))

    def _compare(self, one: Known) -> None:
        """Put the judges' opinions of one exchange beside each other: those pairs of which a part is new."""
        before = self._opinions(one.earlier, {})
        now = self._opinions(one.verdicts, before)
        for j, k in combinations(sorted(now), 2):
            if j not in before or k not in before:
                self._verdicts[j, k, int(now[j]), int(now[k])] += 1
            if one.kinds & _TRUTHS and (j not in before or k not in before or one.fresh & _TRUTHS):
                good = not one.kinds & (Kind.GOLD_BAD | Kind.PLANTED)
                self._errors[j, k, int(now[j] == good), int(now[k] == good)] += 1

    def _opinions(self, verdicts: Sequence[Verdict], known: Opinions) -> Opinions:
        """Add the first opinion of each judge, by the judge's number."""
        found = dict(known)
        for verdict, fails in self._whole(verdicts):
            name = self._rules.judge(verdict)
            if name not in self._judges and len(self._judges) < MOST_JUDGES:
                self._judges.append(name)
            if name in self._judges:
                found.setdefault(self._judges.index(name), fails)
        return found
