"""A copy of every message that offmap cannot read, with the reason, in a topic of its own: only where the user asks."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from agent.sources.kafka_sender import KafkaSender

if TYPE_CHECKING:
    from agent.records import Record
    from agent.sources.kafka_options import KafkaOptions

log = logging.getLogger(__name__)

REASONS = frozenset(
    {
        "bad_avro", "bad_compression", "bad_protobuf", "bad_schema", "failed", "no_schema", "not_json", "not_utf8",
        "oversized", "schema_unavailable", "too_deep", "unrecognised",
    }
)  # fmt: skip
"""The reasons that say "not understood"; an empty message or somebody else's span is understood, and left alone."""

MOST_BYTES = 16 * 2**20
"""Of messages on their way, with what each costs besides; further ones count as failed."""
_EACH = 1_000
CLOSE_SECONDS = 2.0
_PLACE = "offmap-"

OUTCOMES = ("sent", "failed")


class _Letter(NamedTuple):
    record: Record
    reason: str

    def size(self) -> int:
        """Bytes that it holds."""
        return _EACH + len(self.record.value or b"") + len(self.record.key or b"")


class DeadLetters:
    """Sends copies from a thread of its own: whatever the broker does, nobody waits for it.

    Parameters
    ----------
    options : KafkaOptions
    topic : str
    show : callable
        Told the counts by outcome whenever they change.
    """

    def __init__(
        self, options: KafkaOptions, topic: str, show: Callable[[Mapping[tuple[str, ...], float]], None]
    ) -> None:
        self._options = options
        self._topic = topic
        self._show = show
        self._queue: SimpleQueue[_Letter | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._held = 0
        self._counts: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._work, name="dead-letters", daemon=True)
        self._thread.start()

    def send(self, record: Record, reasons: Sequence[str]) -> None:
        """Send a copy of `record` where one of its reasons is in `REASONS` and there is a body to send. Never waits."""
        reason = next((each for each in reasons if each in REASONS), None)
        if reason is None or not record.value:
            return
        letter = _Letter(record, reason)
        with self._lock:
            fits = self._held + letter.size() <= MOST_BYTES
            self._held += letter.size()
        if fits:
            self._queue.put(letter)
        else:
            self._done(letter, False)

    def close(self) -> None:
        """Wait two seconds at most for what is on its way; the rest is lost."""
        self._queue.put(None)
        self._thread.join(CLOSE_SECONDS)

    def _work(self) -> None:
        sender: KafkaSender | None = None
        while (letter := self._queue.get()) is not None:
            try:
                sender = sender or KafkaSender(self._options, self._topic)
                sender.send(letter.record, _headers(letter), partial(self._done, letter))
            except Exception as error:  # no broker, no such topic, too large: its own words could hold the message
                self._complain(error)
                self._done(letter, False)
        if sender is not None:
            sender.close(CLOSE_SECONDS / 2)

    def _done(self, letter: _Letter, arrived: bool, /) -> None:
        with self._lock:
            self._held -= letter.size()
            self._counts["sent" if arrived else "failed"] += 1
            self._show({(outcome,): float(self._counts[outcome]) for outcome in OUTCOMES})

    def _complain(self, error: Exception) -> None:
        if not self._counts["failed"]:
            log.warning("a dead letter could not be sent to %s: %s", self._topic, type(error).__name__)


def _headers(letter: _Letter) -> list[tuple[str, bytes]]:
    record = letter.record
    said = {
        "reason": letter.reason,
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
    }
    own = [(key, value if value is not None else b"") for key, value in record.headers]
    return [*own, *((_PLACE + key, value.encode()) for key, value in said.items())]
