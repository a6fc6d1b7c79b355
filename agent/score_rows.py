"""What became of each prompt: the rows that `replay --scores` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from agent.join_entry import PROMPT
from agent.words import SHOWN

if TYPE_CHECKING:
    from agent.visit import Visit
    from agent.watch import SideScores


class ScoreRow(NamedTuple):
    """What became of one prompt: the row that `replay --scores` writes.

    `words`, where they were asked for, are the rare ones of a prompt off the map; what begins with `style` is of the
    style channel, where there is one.
    """

    id: str
    time: float | None
    status: str
    p_value: float | None = None
    novelty: float | None = None
    cell: int | None = None
    words: tuple[str, ...] | None = None
    style_p_value: float | None = None
    style_novelty: float | None = None


def score_rows(visits: list[Visit], scores: SideScores | None) -> list[ScoreRow]:
    """One row for each item, in the order of the input; the scores are those of the prompts that were due."""
    rows, i = [], 0
    for visit in visits:
        due = visit.item.status == "kept" and bool(visit.sides & PROMPT)
        rows.append(_scored_row(visit, i, scores) if due else ScoreRow(*visit.item[:2], _status(visit)))
        i += due
    return rows


def _status(visit: Visit) -> str:
    """Say why there is no score; the half of an exchange that has no prompt is "absent"."""
    return "absent" if visit.item.status == "kept" else visit.item.status


def _scored_row(visit: Visit, i: int, scores: SideScores | None) -> ScoreRow:
    item = visit.item
    if scores is None:
        return ScoreRow(item.id, item.time, "off")
    if scores.cell[i] < 0:
        absent = item.exchange is None or item.exchange.prompt is None
        return ScoreRow(item.id, item.time, "absent" if absent else "empty")
    p_value, novelty, cell = float(scores.p_value[i]), float(scores.novelty[i]), int(scores.cell[i])
    words = None if scores.words is None else scores.words[i] and scores.words[i][:SHOWN]
    style = (None if each is None else float(each[i]) for each in (scores.style_p_value, scores.style_novelty))
    return ScoreRow(item.id, item.time, "scored", p_value, novelty, cell, words, *style)


OPTIONAL = ("words", "style_p_value", "style_novelty")
"""Left out of a row that has none."""
