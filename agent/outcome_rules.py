"""What verdicts and tags say of an exchange, by the settings: bits of `Kind`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from agent.join_entry import digest
from agent.outcome_kinds import Kind
from config.sections_outcomes import COMPARISON

if TYPE_CHECKING:
    from agent.join_entry import Verdict
    from agent.records import Exchange
    from config import OutcomeSettings

_NO = {"", "0", "false", "no", "off"}
_NUMBERS = {digest("true"): 1.0, digest("yes"): 1.0, digest("false"): 0.0, digest("no"): 0.0}
"""What labels are as the value of a score that has a rule: of toxicity "no" is no failure."""


def _digests(texts: Iterable[str]) -> frozenset[int]:
    return frozenset(digest(text.casefold()) for text in texts)


class OutcomeRules:
    """Reads verdicts as the settings say.

    Parameters
    ----------
    settings : OutcomeSettings

    Attributes
    ----------
    any_of : int
        Bits of the kinds that make up `Kind.ANY`.
    """

    def __init__(self, settings: OutcomeSettings) -> None:
        rules = [_comparison(text) for text in settings.failing_scores]
        self._scores = {name: fails for name, _, fails in rules}
        self._faults = {name for name, sign, _ in rules if sign == ">="}
        self._failing, self._passing = _digests(settings.failing_labels), _digests(settings.passing_labels)
        self._judging, self._gold = _digests(settings.judge_scores), _digests(settings.gold_scores)
        self._canary_tag = settings.canary_tag
        self.any_of = sum(Kind[name.upper()] for name in settings.any_of)

    def opinion(self, verdict: Verdict) -> bool | None:
        """Say whether a verdict fails the answer; None where it says neither. A score's rule comes before its label."""
        fails = self._scores.get(verdict.name)
        value = _NUMBERS.get(verdict.label, math.nan) if math.isnan(verdict.value) else verdict.value
        if fails is not None and not math.isnan(value):
            return fails(value)
        if verdict.label in self._failing:
            return True
        return False if verdict.label in self._passing else None

    def judge(self, verdict: Verdict) -> int:
        """Return the hash of who judged, if it was a model: its own name, else that of the score; 0 for people."""
        if verdict.name in self._gold:
            return 0
        return verdict.judge or (verdict.name if verdict.name in self._judging else 0)

    def asks_for_one_fault(self, verdict: Verdict) -> bool:
        """Say whether a score tells of one fault, such as toxicity, more being worse: few bad answers have it."""
        return verdict.name in self._faults

    def bits(self, verdict: Verdict) -> int:
        """Return the bits that a verdict adds to what is known of its exchange."""
        fails = self.opinion(verdict)
        if fails is None:
            return 0
        if verdict.name in self._gold:
            return Kind.GOLD_BAD if fails else Kind.GOLD_GOOD
        if self.judge(verdict):
            return Kind.JUDGED | (Kind.JUDGE if fails else 0)
        return Kind.RATED | (Kind.FEEDBACK if fails else 0)

    def marks(self, exchange: Exchange) -> int:
        """Return the bits that a message's tags add."""
        if self._canary_tag is None or not exchange.tags:
            return 0
        value = dict(exchange.tags).get(self._canary_tag, "")
        return 0 if value.strip().casefold() in _NO else Kind.PLANTED


def _comparison(text: str) -> tuple[int, str, Callable[[float], bool]]:
    match = COMPARISON.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no rule")  # the settings have been checked
    name, sign, limit = match[1], match[2], float(match[3])
    fails = (lambda value: value <= limit) if sign == "<=" else (lambda value: value >= limit)
    return digest(name.casefold()), sign, fails
