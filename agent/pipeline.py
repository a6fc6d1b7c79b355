"""The path of a message: read, embed, score, count. The same for Kafka and for replay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.tally import Labels, Sample, Snapshot, State, Tally

if TYPE_CHECKING:
    from agent.intake import Clocks, Intake, Item
    from agent.records import Record
    from agent.seams import Embedder
    from agent.side import Side, SideScores

SIDES = ("prompt", "response")


class ScoreRow(NamedTuple):
    """What became of one prompt: the row that `replay --scores` writes."""

    id: str
    time: float | None
    status: str
    p_value: float | None = None
    novelty: float | None = None
    cell: int | None = None


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What one call of `process` did: records read, exchanges kept for embedding, seconds by half of the path."""

    records: int
    kept: int
    read_seconds: float
    full_seconds: float


class Pipeline:
    """Turns records into counts. Never raises for a bad message.

    Parameters
    ----------
    intake : Intake
    embedder : Embedder
    sides : mapping of str to Side
        Which of "prompt" and "response" are scored; a side without a reference is absent.
    clocks : Clocks
    """

    def __init__(self, intake: Intake, embedder: Embedder, sides: Mapping[str, Side], clocks: Clocks) -> None:
        self.intake = intake
        self._embedder = embedder
        self._sides = sides
        self.clocks = clocks
        self._tally = Tally()
        self._last_scored = float("-inf")

    def process(self, records: Sequence[Record], sink: Callable[[list[ScoreRow]], None] | None = None) -> BatchReport:
        """Read, embed, score and count `records`; `sink` gets one row for each prompt, in their order."""
        start = self.clocks.timer()
        items = self.intake.read(records, self._tally)
        read = self.clocks.timer()
        self.count_seconds("decode", read - start)
        kept = [item for item in items if item.status == "kept"]
        scores = {name: self._score_side(name, kept) for name in SIDES}
        if kept:
            self._last_scored = self.clocks.now() if self.clocks.now else self.intake.watermark
        if n_out := sum(item.status == "sampled_out" for item in items):
            for name in SIDES:
                self._tally.add("offmap_texts", (name, "sampled_out"), n_out)
        if sink is not None:
            sink(_rows(items, scores["prompt"]))
        return BatchReport(len(records), len(kept), read - start, self.clocks.timer() - read)

    @property
    def canary_deviation(self) -> float | None:
        """How far this machine embeds from the one that fitted the profile; None where the profile does not say."""
        return self._embedder.canary_deviation

    def count_seconds(self, stage: str, seconds: float) -> None:
        """Book seconds of a stage; the caller books those that it spends itself (poll, checkpoint)."""
        if seconds > 0:
            self._tally.add("offmap_stage_seconds", (stage,), seconds)

    def evaluate(self) -> Snapshot:
        """Measure everything as of now; the result is never changed afterwards."""
        found: dict[str, dict[Labels, Sample]] = self._tally.samples()
        for side in self._sides.values():
            for name, samples in side.measure().items():
                found.setdefault(name, {}).update(samples)
        for name, value in (("watermark", self.intake.watermark), ("last_scored", self._last_scored)):
            if np.isfinite(value):
                found[f"offmap_{name}_timestamp_seconds"] = {(): value}
        return found

    def get_state(self) -> State:
        """All state except the positions, as arrays: bounded, no text."""
        state: State = {"clock": np.array([self.intake.watermark, self._last_scored])}
        parts = {"tally": self._tally.get_state()} | {f"side/{name}": s.get_state() for name, s in self._sides.items()}
        for prefix, part in parts.items():
            state |= {f"{prefix}/{key}": array for key, array in part.items()}
        return state

    def set_state(self, state: Mapping[str, npt.NDArray[Any]], *, detectors: bool = True) -> None:
        """Go on from `get_state`; with `detectors` false only counters go on (the profile is another one)."""
        self._tally.set_state(_below(state, "tally/"))
        self.intake.watermark, self._last_scored = (float(value) for value in state["clock"])
        if detectors:
            for name, side in self._sides.items():
                side.set_state(_below(state, f"side/{name}/"))

    def _score_side(self, name: str, kept: list[Item]) -> SideScores | None:
        texts = [getattr(item.exchange, name) for item in kept]
        side = self._sides.get(name)
        if side is None or not texts:
            self._count(name, {"off": len(texts)})
            return None
        start = self.clocks.timer()
        encoded = self._embedder.encode([text or "" for text in texts], side.max_chunks)
        embedded = self.clocks.timer()
        scores = side.score(encoded, len(texts))
        side.update(np.array([np.nan if item.time is None else item.time for item in kept]), scores, self._tally)
        self.count_seconds("embed", embedded - start)
        self.count_seconds("score", self.clocks.timer() - embedded)
        self._tally.add("offmap_tokens", (name,), float(encoded.tokens.sum()))
        self._tally.add("offmap_truncated_texts", (name,), float(encoded.truncated.sum()))
        n_scored, n_absent = int((scores.cell >= 0).sum()), sum(text is None for text in texts)
        self._count(name, {"scored": n_scored, "absent": n_absent, "empty": len(texts) - n_scored - n_absent})
        return scores

    def _count(self, side: str, by_status: Mapping[str, int]) -> None:
        for status, count in by_status.items():
            if count:
                self._tally.add("offmap_texts", (side, status), count)


def _below(state: Mapping[str, npt.NDArray[Any]], prefix: str) -> State:
    return {key.removeprefix(prefix): array for key, array in state.items() if key.startswith(prefix)}


def _rows(items: list[Item], scores: SideScores | None) -> list[ScoreRow]:
    """One row for each item, in the order of the input; the scores are those of the kept ones among them."""
    rows, i = [], 0
    for item in items:
        if item.status != "kept":
            rows.append(ScoreRow(item.id, item.time, item.status))
            continue
        rows.append(_scored_row(item, i, scores))
        i += 1
    return rows


def _scored_row(item: Item, i: int, scores: SideScores | None) -> ScoreRow:
    if scores is None:
        return ScoreRow(item.id, item.time, "off")
    if scores.cell[i] < 0:
        absent = item.exchange is None or item.exchange.prompt is None
        return ScoreRow(item.id, item.time, "absent" if absent else "empty")
    p_value, novelty, cell = float(scores.p_value[i]), float(scores.novelty[i]), int(scores.cell[i])
    return ScoreRow(item.id, item.time, "scored", p_value, novelty, cell)
