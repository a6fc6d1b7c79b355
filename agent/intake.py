"""The first half of a message's path: decode it, find its event time, and decide whether it is embedded."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from agent.records import Exchange, Positions, Record, Rejected

if TYPE_CHECKING:
    from agent.sampling import HashSampler
    from agent.schemas import SchemaCache
    from agent.tally import Tally

Decoder = Callable[[Record], list[Exchange | Rejected]]

FUTURE_TOLERANCE = 300.0
"""Seconds by which an event time may lie ahead of the clock before it is refused: it would empty every window."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks, injected: replay has event time for `now` (None) and nothing to time.

    Attributes
    ----------
    now : callable or None
        Seconds since the epoch. None: event time is the clock.
    horizon : callable
        The latest believable present, seconds since the epoch: event times far beyond it are refused.
    timer : callable
        Seconds of a monotonic clock.
    """

    now: Callable[[], float] | None = time.time
    horizon: Callable[[], float] = time.time
    timer: Callable[[], float] = time.perf_counter


class Item(NamedTuple):
    """One exchange on its way through a batch, or the place of one that could not be read.

    `status` is "kept" (to be embedded), "sampled_out", or the reason why there is no exchange. `watermark` is the
    newest event time up to here: what goes by it does not depend on how the stream was cut into batches.
    """

    id: str
    time: float | None
    exchange: Exchange | None
    status: str
    watermark: float = -math.inf


class Intake:
    """Turns records into items, and keeps the positions and the watermark.

    Attributes
    ----------
    positions : dict
        The next offset of every partition read.
    watermark : float
        Newest event time seen, seconds since the epoch; −inf before the first.
    schemas : SchemaCache or None
        What `decode` reads registered schemas from.
    unread : callable or None
        Told each record of which something gave no exchange, with the reasons.
    """

    def __init__(self, decode: Decoder, sampler: HashSampler, clocks: Clocks) -> None:
        self.positions: Positions = {}
        self.watermark = -math.inf
        self.sampler = sampler
        self.schemas: SchemaCache | None = None
        self.unread: Callable[[Record, list[str]], None] | None = None
        self._decode = decode
        self._clocks = clocks

    def read(self, records: Sequence[Record], tally: Tally) -> list[Item]:
        """Decode and count `records`; one item for each exchange or refusal, in their order."""
        items: list[Item] = []
        outcomes: Counter[tuple[str, str]] = Counter()
        latest = self._clocks.horizon() + FUTURE_TOLERANCE
        for record in records:
            self.positions[record.topic, record.partition] = record.offset + 1
            found = self._decode(record)
            if self.unread is not None and (reasons := [part.reason for part in found if isinstance(part, Rejected)]):
                self.unread(record, reasons)
            for i, part in enumerate(found):
                items.append(self._item(record, part, f"#{i}" if len(found) > 1 else "", latest, outcomes))
        for (name, label), count in outcomes.items():
            tally.add(name, (label,), count)
        return items

    def _item(
        self, record: Record, part: Exchange | Rejected, suffix: str, latest: float, outcomes: Counter[tuple[str, str]]
    ) -> Item:
        if isinstance(part, Rejected):
            outcomes["offmap_records", part.reason] += 1
            return Item(_place(record, suffix), record.timestamp, None, part.reason, self.watermark)
        when, source = self._event_time(part.time, record.timestamp, latest)
        identity = part.id if part.id is not None else _place(record, suffix)
        outcomes["offmap_records", "decoded"] += 1
        outcomes["offmap_event_times", source] += 1
        kept = self.sampler.keeps(part.join_key or identity)  # both halves are decided alike
        return Item(identity, when, part, "kept" if kept else "sampled_out", self.watermark)

    def _event_time(self, said: float | None, recorded: float | None, latest: float) -> tuple[float | None, str]:
        """Choose the event time, say where it came from, and move the watermark to it."""
        when, source = said, "message"
        if when is None or when > latest:
            source = "record" if when is None else "future"
            when = recorded if recorded is not None and recorded <= latest else None
        if when is None:
            source = "clock" if source == "record" else source
            when = self._clocks.now() if self._clocks.now else self.watermark
        self.watermark = max(self.watermark, when)
        return (when if math.isfinite(when) else None), source


def _place(record: Record, suffix: str) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}{suffix}"
