"""The door to kafka-python for who reads in a group; when to use it is `kafka_source`'s affair.

All its sharp edges are handled here (`kafka_peek` and `kafka_sender` are smaller doors), each measured against a real
broker: the client is polled for a second and never for less, because a group's leader whose poll ends between two steps
of a rebalance keeps its old partitions for ever; every call that could block has a time limit; what the client knows
already is read from its insides, because its own methods ask the broker for it and wait.
"""

from __future__ import annotations

import logging
import ssl
from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer
from kafka.codec import has_gzip, has_lz4, has_snappy, has_zstd
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import AuthorizationError, KafkaError, NoBrokersAvailable
from kafka.record.util import crc32c_c
from kafka.structs import OffsetAndMetadata, TopicPartition

from agent.records import Record
from agent.sources.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from agent.records import Partition, Positions
    from agent.sources.kafka_options import KafkaOptions
    from agent.sources.share import Share

log = logging.getLogger(__name__)

POLL_MS = 1000
CALL_MS = 2000
"""Longest that a commit, or the question what is committed, may take."""


class KafkaClient(ConsumerRebalanceListener):  # type: ignore[misc]
    """One member of a consumer group, from its start to its first failure.

    Parameters
    ----------
    options : KafkaOptions
    share : Share
        Told when partitions come and go.

    Attributes
    ----------
    crash : Exception or None
        What `share` raised when it was told: the client swallows that, so it is kept here.

    Raises
    ------
    Exception
        Of many kinds, two seconds later where no broker answers: see `blame`.
    """

    def __init__(self, options: KafkaOptions, share: Share) -> None:
        self.crash: Exception | None = None
        self._trouble: KafkaError | None = None
        self._share = share
        self._consumer = KafkaConsumer(**options.client_settings())
        self._consumer.subscribe(topics=options.topics, pattern=options.full_pattern(), listener=self)

    def poll(self) -> dict[Partition, list[Record]]:
        """Wait a second at most for records. After any exception from here the client must not be polled again."""
        fetched = self._consumer.poll(POLL_MS)
        if self._trouble is not None:
            raise self._trouble
        return {(key.topic, key.partition): list(map(to_record, messages)) for key, messages in fetched.items()}

    def commit(self, positions: Positions) -> None:
        """Commit what is assigned of `positions`; where that fails, the records come again."""
        assigned = self._consumer.assignment()
        offsets = {TopicPartition(*key): OffsetAndMetadata(at, "", -1) for key, at in positions.items()}
        if mine := {key: at for key, at in offsets.items() if key in assigned}:
            try:
                self._consumer.commit(mine, timeout_ms=CALL_MS)
            except KafkaError as error:
                log.warning("positions not committed: %s", type(error).__name__)

    def committed(self, key: Partition) -> int | None:
        """Return the group's committed position."""
        offset: int | None = self._consumer.committed(TopicPartition(*key), timeout_ms=CALL_MS)
        return offset

    def end(self, key: Partition) -> int | None:
        """Return the offset behind the last record, if it is known."""
        end: int | None = self._consumer.highwater(TopicPartition(*key))
        return end

    def seek(self, key: Partition, offset: int) -> None:
        """Read from `offset` on."""
        self._consumer.seek(TopicPartition(*key), offset)

    def assignment(self) -> list[Partition]:
        """Return the partitions that the client takes for its own."""
        return _keys(self._consumer.assignment())

    def in_group(self) -> bool:
        """Whether the group counts us in, and no rebalance is under way."""
        return self._consumer._coordinator.generation_if_stable() is not None  # noqa: SLF001

    def connected(self) -> bool:
        """Whether any broker is."""
        client = self._consumer._client  # noqa: SLF001
        return any(client.connected(broker.nodeId) for broker in client.cluster.brokers())

    def topic_missing(self) -> bool:
        """Whether a topic that is asked for, or any that the pattern matches, is not there; if so, look again soon."""
        cluster = self._consumer._client.cluster  # noqa: SLF001
        topics = self._consumer.subscription()
        if topics and all(cluster.partitions_for_topic(topic) for topic in topics):
            return False
        cluster.request_update()  # does not block; of itself the client would look again after a minute
        return True

    def lag(self) -> dict[Partition, int]:
        """Return the records between each position and the end of the partition, where that is known."""
        states = self._consumer._subscription.assignment.items()  # noqa: SLF001
        return {
            (key.topic, key.partition): max(0, state.highwater - state.position.offset)
            for key, state in list(states)
            if state.highwater is not None and state.position is not None
        }

    def close(self) -> None:
        """Leave the group."""
        try:
            self._consumer.close(autocommit=False, timeout_ms=1000)
        except Exception as error:  # it is gone either way
            log.warning("the client did not close cleanly: %s", type(error).__name__)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Take the client's word that a rebalance begins, or that one has passed without us."""
        self._guarded(lambda: self._share.release(_keys(revoked), owned=self.in_group()))

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Take the client's word that a rebalance has ended."""
        self._guarded(lambda: self._share.assign(_keys(assigned), self))

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except KafkaError as error:
            self._trouble = error
        except Exception as error:
            self.crash = error


def assert_codecs() -> None:
    """Raise SourceError if a compression that producers use could not be read, or checksums only at a crawl."""
    there: Mapping[str, bool] = {
        "gzip": has_gzip(),
        "python-snappy": has_snappy(),
        "lz4": has_lz4(),
        "zstandard": has_zstd(),
        "crc32c": crc32c_c is not None,
    }
    if missing := [name for name, has in there.items() if not has]:
        raise SourceError(f"Kafka cannot be read without {', '.join(missing)}: install offmap with its dependencies")


def blame(error: Exception) -> tuple[str, str]:
    """Return the status that an error from the client stands for, and what may be logged of it."""
    # a client's or a broker's own words only: any other text might hold a piece of a message
    words = str(error) if isinstance(error, KafkaError | OSError) else type(error).__name__
    if isinstance(error, NoBrokersAvailable):
        return "broker_unreachable", words
    if isinstance(error, ssl.SSLError | FileNotFoundError | PermissionError):
        return "broker_tls", words
    return "broker_forbidden" if isinstance(error, AuthorizationError) else "poll_failed", words


def unreadable(error: Exception) -> tuple[Partition, int] | None:
    """Return the last offset of the batch that the client was unpacking when it failed, if it was unpacking any.

    The client keeps this nowhere but in its own frame. Behind the record that it cannot read it reaches nothing of the
    same batch, whatever offset it is told to start at.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_name != "_unpack_records":
        trace = trace.tb_next
    if trace is None:
        return None
    batch, partition = trace.tb_frame.f_locals.get("batch"), trace.tb_frame.f_locals["tp"]
    return batch and ((partition.topic, partition.partition), batch.next_offset - 1)


def to_record(message: Any) -> Record:
    """Return a message of the client's as ours."""
    time = message.timestamp / 1000 if message.timestamp >= 0 else None
    return Record(message.topic, message.partition, message.offset, message.value, message.key, message.headers, time)


def _keys(partitions: Iterable[TopicPartition]) -> list[Partition]:
    return [(each.topic, each.partition) for each in partitions]
