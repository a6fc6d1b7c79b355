"""The path of a message: decode, choose, embed, score, count. The same for Kafka and for replay."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.records import Exchange, Partition, Positions, Record, Rejected
from agent.side import Side, SideScores
from agent.tally import Labels, Sample, Snapshot, State, Tally

if TYPE_CHECKING:
    from agent.records import Embedder
    from agent.sampling import HashSampler

Decoder = Callable[[Record], list[Exchange | Rejected]]

FUTURE_TOLERANCE = 300.0
"""Seconds by which an event time may lie ahead of the clock before it is refused: it would empty every window."""

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
    """What one call of `process` did: records read, exchanges kept for embedding, seconds by stage."""

    records: int
    kept: int
    read_seconds: float
    full_seconds: float


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks, injected: replay has event time for `now` (None) and nothing to time.

    Attributes
    ----------
    now : callable or None
        Seconds since the epoch. None: event time is the clock.
    horizon : callable
        The latest believable present, seconds since the epoch: event times beyond it are refused.
    timer : callable
        Seconds of a monotonic clock.
    """

    now: Callable[[], float] | None = time.time
    horizon: Callable[[], float] = time.time
    timer: Callable[[], float] = time.perf_counter


class _Item(NamedTuple):
    """One exchange, or one refusal, on its way through a batch."""

    id: str
    time: float | None
    exchange: Exchange | None
    status: str


class Pipeline:
    """Turns records into counts. Never raises for a bad message.

    Parameters
    ----------
    decode : callable
        Record → exchanges and refusals.
    embedder : Embedder
    sides : mapping of str to Side
        Which of "prompt" and "response" are scored; a side without a reference is absent.
    sampler : HashSampler
    clocks : Clocks
    """

    def __init__(
        self,
        decode: Decoder,
        embedder: Embedder,
        sides: Mapping[str, Side],
        sampler: HashSampler,
        clocks: Clocks = Clocks(),  # noqa: B008 - frozen
    ) -> None:
        self.positions: Positions = {}
        self.sampler = sampler
        self._decode = decode
        self._embedder = embedder
        self._sides = sides
        self._clocks = clocks
        self._tally = Tally()
        self._watermark = float("-inf")
        self._last_scored = float("-inf")

    def process(self, records: Sequence[Record], sink: Callable[[list[ScoreRow]], None] | None = None) -> BatchReport:
        """Decode, embed, score and count `records`; `sink` gets one row for each prompt, in their order."""
        start = self._clocks.timer()
        items = self._read(records)
        decoded = self._clocks.timer()
        self._tally.add("offmap_stage_seconds", ("decode",), decoded - start)
        kept = [item for item in items if item.status == "kept"]
        scores = {name: self._score_side(name, items, kept) for name in SIDES}
        if kept:
            self._last_scored = self._clocks.now() if self._clocks.now else self._watermark
        if sink is not None:
            sink(_rows(items, kept, scores["prompt"]))
        return BatchReport(len(records), len(kept), decoded - start, self._clocks.timer() - decoded)

    def count_seconds(self, stage: str, seconds: float) -> None:
        """Book time that the caller spent on a stage of its own (poll, checkpoint)."""
        self._tally.add("offmap_stage_seconds", (stage,), seconds)

    def forget(self, partitions: Collection[Partition]) -> None:
        """Drop the positions of partitions that somebody else reads from now on."""
        for partition in partitions:
            self.positions.pop(partition, None)

    def evaluate(self) -> Snapshot:
        """Measure everything as of now; the result is never changed afterwards."""
        found: dict[str, dict[Labels, Sample]] = self._tally.samples()
        for side in self._sides.values():
            for name, samples in side.measure().items():
                found.setdefault(name, {}).update(samples)
            found["offmap_uncovered_share_null"] = {(f"{level:g}",): float(level) for level in side.levels}
        for name, value in (("watermark", self._watermark), ("last_scored", self._last_scored)):
            if np.isfinite(value):
                found[f"offmap_{name}_timestamp_seconds"] = {(): value}
        return found

    def get_state(self) -> State:
        """All state except the positions, as arrays: bounded, no text."""
        state: State = {"clock": np.array([self._watermark, self._last_scored])}
        parts = {"tally": self._tally.get_state()} | {f"side/{name}": s.get_state() for name, s in self._sides.items()}
        for prefix, part in parts.items():
            state |= {f"{prefix}/{key}": array for key, array in part.items()}
        return state

    def set_state(self, state: Mapping[str, npt.NDArray[Any]], *, detectors: bool = True) -> None:
        """Go on from `get_state`; with `detectors` false only counters go on (the profile is another one)."""
        self._tally.set_state(_below(state, "tally/"))
        self._watermark, self._last_scored = (float(value) for value in state["clock"])
        if detectors:
            for name, side in self._sides.items():
                side.set_state(_below(state, f"side/{name}/"))

    def _read(self, records: Sequence[Record]) -> list[_Item]:
        items: list[_Item] = []
        outcomes: Counter[tuple[str, str]] = Counter()
        for record in records:
            self.positions[record.topic, record.partition] = record.offset + 1
            self._read_one(record, items, outcomes)
        for (name, label), count in outcomes.items():
            self._tally.add(name, (label,), count)
        return items

    def _read_one(self, record: Record, items: list[_Item], outcomes: Counter[tuple[str, str]]) -> None:
        found = self._decode(record)
        for i, part in enumerate(found):
            place = f"{record.topic}/{record.partition}/{record.offset}" + (f"#{i}" if len(found) > 1 else "")
            if isinstance(part, Rejected):
                outcomes["offmap_records", part.reason] += 1
                items.append(_Item(place, record.timestamp, None, part.reason))
                continue
            identity = part.id if part.id is not None else place
            when, source = self._event_time(part.time, record.timestamp)
            outcomes["offmap_event_times", source] += 1
            outcomes["offmap_exchanges", part.shape] += 1
            status = "kept" if self.sampler.keeps(identity) else "sampled_out"
            items.append(_Item(identity, when, part, status))
        if found and not isinstance(found[0], Rejected):
            outcomes["offmap_records", "decoded"] += 1

    def _event_time(self, said: float | None, recorded: float | None) -> tuple[float | None, str]:
        """Choose the event time and move the watermark to it."""
        latest = self._clocks.horizon() + FUTURE_TOLERANCE
        when, source = said, "message"
        if when is None or when > latest:
            source = "record" if when is None else "future"
            when = recorded if recorded is not None and recorded <= latest else None
        if when is None:
            source = "clock" if source == "record" else source
            when = self._clocks.now() if self._clocks.now else self._watermark
        if when > self._watermark:
            self._watermark = when
        return (when if np.isfinite(when) else None), source

    def _score_side(self, name: str, items: list[_Item], kept: list[_Item]) -> SideScores | None:
        texts = [getattr(item.exchange, name) for item in kept]
        side = self._sides.get(name)
        n_out = sum(1 for item in items if item.status == "sampled_out")
        if n_out:
            self._tally.add("offmap_texts", (name, "sampled_out"), n_out)
        if side is None:
            self._count(name, {"off": len(texts)})
            return None
        start = self._clocks.timer()
        encoded = self._embedder.encode([text or "" for text in texts], side.max_chunks)
        embedded = self._clocks.timer()
        scores = side.score(encoded, len(texts))
        times = np.array([np.nan if item.time is None else item.time for item in kept], dtype=np.float64)
        side.update(times, scores, self._tally)
        self._tally.add("offmap_stage_seconds", ("embed",), embedded - start)
        self._tally.add("offmap_stage_seconds", ("score",), self._clocks.timer() - embedded)
        self._tally.add("offmap_tokens", (name,), float(encoded.tokens.sum()))
        self._tally.add("offmap_truncated_texts", (name,), float(encoded.truncated.sum()))
        n_scored, n_absent = int((scores.cell >= 0).sum()), sum(1 for text in texts if text is None)
        self._count(name, {"scored": n_scored, "absent": n_absent, "empty": len(texts) - n_scored - n_absent})
        return scores

    def _count(self, side: str, by_status: Mapping[str, int]) -> None:
        for status, count in by_status.items():
            if count:
                self._tally.add("offmap_texts", (side, status), count)


def _below(state: Mapping[str, npt.NDArray[Any]], prefix: str) -> State:
    return {key.removeprefix(prefix): array for key, array in state.items() if key.startswith(prefix)}


def _rows(items: list[_Item], kept: list[_Item], scores: SideScores | None) -> list[ScoreRow]:
    """One row for each item, scored or not, in the order of the input."""
    index = {id(item): i for i, item in enumerate(kept)}
    return [_row(item, index.get(id(item)), scores) for item in items]


def _row(item: _Item, i: int | None, scores: SideScores | None) -> ScoreRow:
    if i is None or scores is None:
        return ScoreRow(item.id, item.time, "off" if item.status == "kept" else item.status)
    if scores.cell[i] < 0:
        prompt = item.exchange.prompt if item.exchange else None
        return ScoreRow(item.id, item.time, "absent" if prompt is None else "empty")
    return ScoreRow(
        item.id, item.time, "scored", float(scores.p_value[i]), float(scores.novelty[i]), int(scores.cell[i])
    )
