"""Scores put to the exchanges that they belong to: what is known of an exchange once it is whole or judged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.join_entry import BITS, PROMPT, Entry, Numbers, Verdict, has_failed

if TYPE_CHECKING:
    from agent.join import Visit
    from agent.watch import SideScores


class Known(NamedTuple):
    """An exchange that came whole, whose other half has come, or that was judged.

    Attributes
    ----------
    time : float
        Event time of its prompt in seconds since the epoch; NaN for unknown.
    prompt, response : Numbers or None
        None where that text was not scored: empty, absent, or the side is off.
    cosine : float
        Of prompt and response, in [−1, 1]; NaN where it is not known, and in every report after the first.
    failed : bool
        The server answered with an error.
    verdicts : tuple of Verdict
        Those that are new.
    completed : bool
        Said once of each exchange; False where only verdicts are new.
    """

    time: float
    prompt: Numbers | None
    response: Numbers | None
    cosine: float
    failed: bool
    verdicts: tuple[Verdict, ...]
    completed: bool


def settle(visits: Sequence[Visit], scored: Mapping[str, SideScores]) -> list[Known]:
    """Write the scores of a batch to the exchanges that its items belong to, and report those that are known now."""
    rows = {side: zip(_numbers(each), each.vector, strict=True) for side, each in scored.items()}
    known = []
    for visit in visits:
        entry = visit.entry
        if entry is None or visit.item.exchange is None:
            continue
        _describe(entry, visit)
        cosine = math.nan
        for side, bit in BITS.items():
            if visit.sides & bit and side in rows:
                cosine = _learn(entry, side, *next(rows[side]))
        if visit.completes or entry.expired:
            entry.vector = None
        if visit.completes or visit.verdicts:
            facts = (entry.time, entry.prompt, entry.response, cosine, entry.failed, visit.verdicts, visit.completes)
            known.append(Known(*facts))
    return known


def _describe(entry: Entry, visit: Visit) -> None:
    exchange, time = visit.item.exchange, visit.item.time
    entry.failed |= exchange is not None and has_failed(exchange)
    if time is not None and (visit.sides & PROMPT or math.isnan(entry.time)):
        entry.time = time


def _numbers(scores: SideScores) -> Iterator[Numbers]:
    return map(Numbers, scores.p_value.tolist(), scores.novelty.tolist(), scores.cell.tolist())


def _learn(entry: Entry, side: str, numbers: Numbers, vector: npt.NDArray[np.float16]) -> float:
    """Write down the scores of one side, and return the cosine to the half that has waited, if one has."""
    if numbers.cell < 0:
        return math.nan
    if side == "prompt":
        entry.prompt = numbers
    else:
        entry.response = numbers
    other, entry.vector = entry.vector, vector
    return math.nan if other is None else float(np.dot(other.astype(np.float32), vector.astype(np.float32)))
