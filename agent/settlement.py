"""Scores put to the exchanges that they belong to, and what is known of each said once it is whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from agent.answer_signs import SHORTEST, answer_signs, wording
from agent.join_entry import (
    BITS,
    MOST_VERDICTS,
    PROMPT,
    RESPONSE,
    Entry,
    Numbers,
    Verdict,
    digest,
    has_failed,
    session_of,
)
from agent.join_known import Known, Vectors
from agent.outcome_kinds import Kind
from agent.watch import below

if TYPE_CHECKING:
    from agent.join_entry import Verdict
    from agent.join_known import AnswerMemory, Vector
    from agent.outcome_book import OutcomeBook
    from agent.records import Exchange
    from agent.tally import State
    from agent.visit import Visit
    from agent.watch import SideScores

IRRELEVANT = 0.1
"""A response whose cosine to its prompt is below this has nothing to do with it."""


class Settlement:
    """Writes the scores of a batch to the exchanges that its items belong to, and reports those that are known now.

    Parameters
    ----------
    families : callable, optional
        From the name of a model to the hash of its family's name; 0 for an unknown one.
    memory : AnswerMemory, optional
        Without one no answer counts as recycled.
    book : OutcomeBook, optional
        Without one verdicts add nothing to what the texts tell, and no exchange counts.
    """

    def __init__(
        self,
        families: Callable[[str | None], int] = lambda _model: 0,
        memory: AnswerMemory | None = None,
        book: OutcomeBook | None = None,
    ) -> None:
        self._families = families
        self._memory = memory
        self._book = book

    def settle(self, visits: Sequence[Visit], scored: Mapping[str, SideScores]) -> list[Known]:
        """Take a batch in, in order; `scored` holds the scores of the texts that were due, by side."""
        rows = {side: zip(_numbers(each), each.vector, _regions(each), strict=True) for side, each in scored.items()}
        known: list[tuple[Entry, Known]] = []
        for visit in visits:
            entry = visit.entry
            if entry is None or visit.item.exchange is None:
                continue
            self._describe(entry, visit, visit.item.exchange)
            vectors: dict[str, Vector] = {}
            if entry.vector is not None:
                vectors["prompt" if entry.prompt else "response"] = entry.vector
            for side in (side for side, bit in BITS.items() if visit.sides & bit and side in rows):
                vectors |= _learn(entry, side, *next(rows[side]))
            waits = not (visit.completes or entry.expired)
            entry.vector = next(iter(vectors.values()), None) if waits else None
            if report := self._report(entry, visit, Vectors(**vectors)):
                known.append((entry, report))
        if self._memory is not None:
            known = _remembered(self._memory, known)
        return [report if self._book is None else self._book.note(entry, report) for entry, report in known]

    def get_state(self) -> State:
        """Return the state of memory and book."""
        parts = {"memory": self._memory, "book": self._book}
        held = {name: part.get_state() for name, part in parts.items() if part is not None}
        return {f"{name}/{key}": array for name, state in held.items() for key, array in state.items()}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`."""
        if self._memory is not None and (part := below(state, "memory/")):
            self._memory.set_state(part)
        if self._book is not None and (part := below(state, "book/")):
            self._book.set_state(part)

    def _describe(self, entry: Entry, visit: Visit, exchange: Exchange) -> None:
        """Write down what the item says apart from scores."""
        time = visit.item.time
        if time is not None and (visit.sides & PROMPT or math.isnan(entry.time)):
            entry.time = time
        if visit.sides & PROMPT:
            entry.asked = wording(exchange.prompt)
        if visit.sides & RESPONSE:
            entry.answered = exchange.response is not None or has_failed(exchange)
            entry.kinds |= answer_signs(exchange)
            entry.wording = wording(exchange.response, SHORTEST)
        if has_failed(exchange):
            entry.kinds |= Kind.ERROR
        if self._book is not None:
            entry.kinds |= self._book.rules.marks(exchange)
        entry.session = entry.session or max(0, session_of(exchange))
        if (model := exchange.model or exchange.model_asked) and (exchange.model or not entry.model):
            entry.model, entry.family = digest(model), self._families(model)

    def _report(self, entry: Entry, visit: Visit, vectors: Vectors) -> Known | None:
        """Say what is new of an exchange; nothing before it is whole, nor when its other half did not come in time."""
        held = entry.held
        entry.held = min(MOST_VERDICTS, held + len(visit.verdicts))
        if not (visit.completes or entry.complete):
            return None
        verdicts, earlier = visit.verdicts, tuple(entry.verdicts[:held])
        if not entry.complete:
            verdicts, earlier, entry.complete = (*earlier, *verdicts), (), True
        known = self._known(entry, visit, (verdicts, earlier), vectors)
        if not (known.completed or known.verdicts or known.fresh):
            return None
        entry.kinds = entry.told = known.kinds
        return known

    def _known(
        self, entry: Entry, visit: Visit, verdicts: tuple[tuple[Verdict, ...], tuple[Verdict, ...]], vectors: Vectors
    ) -> Known:
        completed = visit.completes
        cosine = vectors.cosine if completed else math.nan
        kinds = entry.kinds | (Kind.IRRELEVANT if cosine < IRRELEVANT else 0)
        return Known(
            time=entry.time,
            prompt=entry.prompt,
            response=entry.response,
            completed=completed,
            verdicts=verdicts[0],
            earlier=verdicts[1],
            kinds=kinds,
            fresh=kinds & ~entry.told,
            answered=entry.answered,
            asked=entry.asked,
            wording=entry.wording,
            session=entry.session,
            model=entry.model,
            family=entry.family,
            cosine=cosine,
            vectors=vectors if completed else None,
            region=entry.region,
        )


def _remembered(memory: AnswerMemory, known: Sequence[tuple[Entry, Known]]) -> list[tuple[Entry, Known]]:
    """Add what the memory says of answers: to the exchange, and to every report on it from then on."""
    found = iter(memory.recycled([report for _, report in known if report.completed]))
    reports = []
    for entry, report in known:
        new = next(found) if report.completed else 0
        entry.kinds |= new
        entry.told |= new
        remembered = entry.kinds & (Kind.RECYCLED | Kind.RECYCLED_SOFTLY)  # of its other kinds some may be newer
        reports.append((entry, report._replace(kinds=report.kinds | remembered, fresh=report.fresh | new)))
    return reports


def _numbers(scores: SideScores) -> Iterator[Numbers]:
    return map(Numbers, scores.p_value.tolist(), scores.novelty.tolist(), scores.cell.tolist())


def _regions(scores: SideScores) -> list[int]:
    return [0] * len(scores.cell) if scores.region is None else scores.region.tolist()


def _learn(entry: Entry, side: str, numbers: Numbers, vector: Vector, region: int) -> dict[str, Vector]:
    """Write down the scores of one side, and return its vector by its name; nothing where nothing was embedded."""
    if numbers.cell < 0:
        return {}
    if side == "prompt":
        entry.prompt, entry.region = numbers, region
    else:
        entry.response = numbers
    return {side: vector}
