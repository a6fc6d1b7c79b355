"""The path of a message: read, embed, score, count. The same for Kafka and for replay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agent.exchange_watch import NOTHING, Watching
from agent.join_entry import BITS, PROMPT, session_of, trace_of
from agent.join_known import Known
from agent.join_state import from_arrays, to_arrays
from agent.score_rows import ScoreRow, score_rows
from agent.tally import Labels, Sample, Snapshot, State, Tally
from agent.watch import below

if TYPE_CHECKING:
    from agent.exchange_watch import ExchangeWatcher
    from agent.intake import Clocks, Intake
    from agent.join import JoinBuffer
    from agent.records import Record
    from agent.seams import Embedder
    from agent.side import Side
    from agent.slices import Slices
    from agent.visit import Visit
    from agent.watch import SideScores

SIDES = tuple(BITS)


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What one call of `process` did: records read, items kept for embedding, seconds by half of the path.

    `known` are the exchanges that came whole, were joined, or were judged.
    """

    records: int
    kept: int
    read_seconds: float
    full_seconds: float
    known: Sequence[Known] = ()


class Pipeline:
    """Turns records into counts. Never raises for a bad message.

    Parameters
    ----------
    intake : Intake
    embedder : Embedder
    sides : mapping of str to Side
        Which of "prompt" and "response" are scored; a side without a reference is absent.
    join : JoinBuffer
    clocks : Clocks
    watching : Watching, optional
    """

    def __init__(
        self,
        intake: Intake,
        embedder: Embedder,
        sides: Mapping[str, Side],
        join: JoinBuffer,
        clocks: Clocks,
        watching: Watching = NOTHING,
    ) -> None:
        self.intake = intake
        self._join = join
        self._embedder = embedder
        self._sides = sides
        self.slices, self.exchanges, self._settlement = watching
        self.clocks = clocks
        self._tally = Tally()
        self._last_scored = float("-inf")

    def process(self, records: Sequence[Record], sink: Callable[[list[ScoreRow]], None] | None = None) -> BatchReport:
        """Read, embed, score and count `records`; `sink` gets one row for each prompt, in their order."""
        start = self.clocks.timer()
        visits = [self._join.visit(item) for item in self.intake.read(records, self._tally)]
        self._count_joins(visits)
        read = self.clocks.timer()
        self.count_seconds("decode", read - start)
        n_kept = sum(visit.item.status == "kept" for visit in visits)
        scored = {name: found for name in SIDES if (found := self._score_side(name, visits)) is not None}
        known = self._settlement.settle(visits, scored)
        for watcher in self.exchanges.values():
            watcher.update(known, self._tally)
        if n_kept:
            self._last_scored = self.clocks.now() if self.clocks.now else self.intake.watermark
        if sink is not None:
            sink(score_rows(visits, scored.get("prompt")))
        return BatchReport(len(records), n_kept, read - start, self.clocks.timer() - read, known)

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
        measured: list[Side | Slices | ExchangeWatcher] = [*self._sides.values(), *self.exchanges.values()]
        if self.slices is not None:
            measured.append(self.slices)
        for part in measured:
            for name, samples in part.measure().items():
                found.setdefault(name, {}).update(samples)
        for name, value in (("watermark", self.intake.watermark), ("last_scored", self._last_scored)):
            if np.isfinite(value):
                found[f"offmap_{name}_timestamp_seconds"] = {(): value}
        found["offmap_join_pending"] = {(): float(len(self._join.waiting))}
        return found

    def get_state(self) -> State:
        """All state except the positions, as arrays: bounded, no text."""
        state: State = {"clock": np.array([self.intake.watermark, self._last_scored])}
        parts = {"tally": self._tally.get_state(), "join": to_arrays(self._join)}
        parts |= {f"side/{name}": side.get_state() for name, side in self._sides.items()}
        parts |= {f"exchanges/{name}": watcher.get_state() for name, watcher in self.exchanges.items()}
        parts["settlement"] = self._settlement.get_state()
        if self.slices is not None:
            parts["slices"] = self.slices.get_state()
        for prefix, part in parts.items():
            state |= {f"{prefix}/{key}": array for key, array in part.items()}
        return state

    def set_state(self, state: Mapping[str, npt.NDArray[Any]], *, detectors: bool = True) -> None:
        """Go on from `get_state`; with `detectors` false only counters go on (the profile is another one)."""
        self._tally.set_state(below(state, "tally/"))
        self.intake.watermark, self._last_scored = (float(value) for value in state["clock"])
        if detectors:
            if joins := below(state, "join/"):  # a checkpoint from before there was a buffer has none
                from_arrays(self._join, joins)
            for name, side in self._sides.items():
                side.set_state(below(state, f"side/{name}/"))
            for name, watcher in self.exchanges.items():
                if found := below(state, f"exchanges/{name}/"):
                    watcher.set_state(found)
            self._settlement.set_state(below(state, "settlement/"))
            if self.slices is not None:
                self.slices.set_state(below(state, "slices/"))

    def _count_joins(self, visits: list[Visit]) -> None:
        """Count what the buffer said of these items, and the halves that never came."""
        for (part, outcome), count in self._join.outcomes.items():
            if count:
                self._tally.add("offmap_joins", (part, outcome), count)
        for halves, count in self._join.given_up.items():
            for name, bit in BITS.items():
                if halves & bit:
                    self._count(name, {"absent" if name in self._sides else "off": count})
        self._join.outcomes.clear()
        self._join.given_up.clear()
        prompts = (v.item.exchange.shape for v in visits if v.sides & PROMPT and v.item.exchange is not None)
        for shape, count in Counter(prompts).items():
            self._tally.add("offmap_exchanges", (shape,), count)
        left_out = Counter(visit.sides for visit in visits if visit.item.status == "sampled_out")
        for name, bit in BITS.items():
            self._count(name, {"sampled_out": sum(count for sides, count in left_out.items() if sides & bit)})

    def _score_side(self, name: str, visits: list[Visit]) -> SideScores | None:
        """Score the texts of one side that are due: those of exchanges that are kept, and none for the second time."""
        items = [visit.item for visit in visits if visit.sides & BITS[name] and visit.item.status == "kept"]
        texts = [getattr(item.exchange, name) for item in items]
        if (side := self._sides.get(name)) is None or not texts:
            self._count(name, {"off": len(texts)})
            return None
        start = self.clocks.timer()
        encoded = self._embedder.encode([text or "" for text in texts], side.max_chunks, side.reduce)
        embedded = self.clocks.timer()
        sessions = np.array([session_of(item.exchange) for item in items], dtype=np.int64)
        scores = side.tell_bursts(side.score(encoded, texts), sessions)
        times = np.array([np.nan if item.time is None else item.time for item in items])
        side.update(times, scores, self._tally, texts)
        traces = [trace_of(item.exchange) for item in items]
        self._tally.illustrate("offmap_p_value", (name,), scores.p_value, times, traces)
        if name == "prompt" and self.slices is not None:
            self.slices.update([item.exchange for item in items], times, scores, self._tally)
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
