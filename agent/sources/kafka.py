"""Kafka as a source: the only door to kafka-python, whose sharp edges are all handled here.

What is done, and why (each measured against a real broker): the client is polled for a second and never for less,
because a group's leader whose poll ends between two steps of a rebalance keeps its old partitions for ever; after any
exception out of a poll the client is thrown away, because its next poll may never return; a wrong password is told from
the client's log, because nothing else tells it; every call that could block has a time limit.
"""

from __future__ import annotations

import logging
import ssl
import time
from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer
from kafka.codec import has_gzip, has_lz4, has_snappy, has_zstd
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import AuthorizationError, KafkaError, NoBrokersAvailable
from kafka.record.util import crc32c_c
from kafka.structs import OffsetAndMetadata, TopicPartition

from agent.records import Batch, Record
from agent.sources.errors import SourceError
from agent.sources.kafka_health import STATUSES, Backoff, ClientLog
from agent.sources.share import Share

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from agent.records import Partition, PartitionListener
    from agent.sources.kafka_options import KafkaOptions

log = logging.getLogger(__name__)

POLL_MS = 1000
CALL_MS = 2000
"""Longest that a commit, or the question what is committed, may take."""
LOOK_SECONDS = 1.0
STUCK_LOOKS = 5


class KafkaSource:
    """Records of a consumer group's share of some topics.

    Never raises for a broker: it stays alive, says why in `status`, and tries again. As long as this object lives it
    gives no record twice, unless another member of the group had the partition in between and its commit was lost.

    Parameters
    ----------
    options : KafkaOptions
    listener : PartitionListener
        Called on the thread that polls. What it raises comes out of `poll`.

    Attributes
    ----------
    status : str
        One of `kafka_health.STATUSES`.
    last_poll : float
        When the client last came back from a poll, in monotonic seconds: another thread may see here that it hangs.

    Raises
    ------
    SourceError
        Where a package is missing that some producer's messages need.
    """

    def __init__(self, options: KafkaOptions, listener: PartitionListener) -> None:
        assert_codecs()
        self.status = "starting"
        self.last_poll = time.monotonic()
        self._options = options
        self._client_log = ClientLog()
        self._backoff = Backoff()
        self._share = Share(listener)
        self._consumer: Any = None
        self._partitions = _Partitions(None, self._share)
        self._lag: Mapping[Partition, int] = {}
        self._looked = 0.0
        self._stuck = 0
        self._failed_at: tuple[Partition, int] | None = None

    def poll(self) -> Batch:
        """Return what has come: after a second at most, after two where no broker answers."""
        if self._consumer is None and not self._connect():
            return Batch(())
        try:
            records = self._poll()
        except Exception as error:  # whatever it is, this client cannot be trusted any more
            records = self._renew(error)
        finally:
            self.last_poll = time.monotonic()
        if self._partitions.crash is not None:
            raise self._partitions.crash
        return Batch(records)

    def commit(self, positions: Mapping[Partition, int]) -> None:
        """Commit what is assigned of `positions`; where that fails, the records come again and are dropped."""
        if self._consumer is None:
            return
        assigned = self._consumer.assignment()
        offsets = {TopicPartition(*key): OffsetAndMetadata(at, "", -1) for key, at in positions.items()}
        if mine := {key: at for key, at in offsets.items() if key in assigned}:
            try:
                self._consumer.commit(mine, timeout_ms=CALL_MS)
            except KafkaError as error:
                log.warning("positions not committed: %s", type(error).__name__)

    def lag(self) -> Mapping[Partition, int]:
        """Return the records between each position and the end of the partition, as of the last poll."""
        return self._lag

    def close(self) -> None:
        """Leave the group."""
        self._client_log.close()
        self._drop_client()

    def _connect(self) -> bool:
        if not self._backoff.wait(POLL_MS / 1000):
            return False
        options = self._options
        try:
            consumer = KafkaConsumer(**options.client_settings())
            partitions = _Partitions(consumer, self._share)
            consumer.subscribe(topics=options.topics, pattern=options.full_pattern(), listener=partitions)
        except Exception as error:  # a missing PEM file, too, may still be put there
            self._fail(error)
            return False
        finally:
            self.last_poll = time.monotonic()
        self._consumer, self._partitions = consumer, partitions
        return True

    def _poll(self) -> list[Record]:
        fetched = self._consumer.poll(POLL_MS)
        if self._partitions.trouble is not None:
            raise self._partitions.trouble
        self._look()
        if not fetched:
            return []
        records = {(key.topic, key.partition): list(map(_record, messages)) for key, messages in fetched.items()}
        return self._share.take(records, self._partitions)

    def _renew(self, error: Exception) -> list[Record]:
        """Throw the client away; the next one goes on from our own positions.

        Where the client fails for the second time at the same batch, the rest of that batch is passed over.
        """
        self._fail(error)
        before, self._failed_at = self._failed_at, _unreadable(error)
        unreadable = [self._share.give_up(*before)] if before is not None and before == self._failed_at else []
        self._share.release(_keys(self._consumer.assignment()), owned=_in_group(self._consumer))
        self._drop_client()
        return unreadable

    def _fail(self, error: Exception) -> None:
        before, self.status = self.status, self._blame(error)
        delay = self._backoff.failed(time.monotonic())
        if self.status != before or delay < Backoff.LONGEST:
            # a client's or a broker's own words only: any other text might hold a piece of a message
            words = error if isinstance(error, KafkaError | OSError) else type(error).__name__
            what = STATUSES[self.status]
            log.warning(
                "%s: %s (%s); next try in %.1f s", ", ".join(self._options.bootstrap_servers), what, words, delay
            )

    def _blame(self, error: Exception) -> str:
        if self._client_log.refused:
            return "broker_authentication"
        if isinstance(error, NoBrokersAvailable):
            return "broker_unreachable"
        if isinstance(error, ssl.SSLError | FileNotFoundError | PermissionError):
            return "broker_tls"
        return "broker_forbidden" if isinstance(error, AuthorizationError) else "poll_failed"

    def _drop_client(self) -> None:
        consumer, self._consumer, self._lag = self._consumer, None, {}
        self._stuck = 0
        if consumer is not None:
            try:
                consumer.close(autocommit=False, timeout_ms=1000)
            except Exception as error:
                log.warning("Kafka: the client did not close cleanly: %s", type(error).__name__)

    def _look(self) -> None:
        """Once a second: lag, status, and whether the client has lost its way in a rebalance."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        self._lag = _lag(self._consumer)
        before, self.status = self.status, self._judge()
        if self.status != before:
            log.log(logging.INFO if self.status == "ok" else logging.WARNING, "Kafka: %s", STATUSES[self.status])
        self._stuck = self._stuck + 1 if self._share.between and _in_group(self._consumer) else 0
        if self._stuck > STUCK_LOOKS:
            raise KafkaError("the group was joined, but the client forgot its new partitions")

    def _judge(self) -> str:
        client = self._consumer._client  # noqa: SLF001
        if not any(client.connected(broker.nodeId) for broker in client.cluster.brokers()):
            return "broker_authentication" if self._client_log.refused else "broker_unreachable"
        topics = self._consumer.subscription()
        if not topics or not all(client.cluster.partitions_for_topic(topic) for topic in topics):
            client.cluster.request_update()  # does not block; else a new topic would be noticed after a minute
            return "topic_missing"
        if self._share.between or not _in_group(self._consumer):
            return "starting"
        return "ok" if self._consumer.assignment() else "no_partitions"


class _Partitions(ConsumerRebalanceListener):  # type: ignore[misc]
    """The client's word on partitions, carried to our share, and back.

    The client swallows what is raised in its callbacks, so it is kept here: `trouble` with the broker, or a `crash` of
    our own listener.
    """

    def __init__(self, consumer: Any, share: Share) -> None:
        self.consumer = consumer
        self.crash: Exception | None = None
        self.trouble: KafkaError | None = None
        self._share = share

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._guarded(lambda: self._share.release(_keys(revoked), owned=_in_group(self.consumer)))

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._guarded(lambda: self._share.assign(_keys(assigned), self))

    def committed(self, key: Partition) -> int | None:
        offset: int | None = self.consumer.committed(TopicPartition(*key), timeout_ms=CALL_MS)
        return offset

    def end(self, key: Partition) -> int | None:
        end: int | None = self.consumer.highwater(TopicPartition(*key))
        return end

    def seek(self, key: Partition, offset: int) -> None:
        self.consumer.seek(TopicPartition(*key), offset)

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except KafkaError as error:
            self.trouble = error
        except Exception as error:  # the client would log it and go on
            self.crash = error


def assert_codecs() -> None:
    """Raise SourceError if a compression that producers use could not be read, or checksums only at a crawl."""
    there = {
        "gzip": has_gzip(),
        "python-snappy": has_snappy(),
        "lz4": has_lz4(),
        "zstandard": has_zstd(),
        "crc32c": crc32c_c is not None,
    }
    if missing := [name for name, has in there.items() if not has]:
        raise SourceError(f"Kafka cannot be read without {', '.join(missing)}: install offmap with its dependencies")


def _record(message: Any) -> Record:
    return Record(
        message.topic,
        message.partition,
        message.offset,
        message.value,
        message.key,
        message.headers,
        message.timestamp / 1000 if message.timestamp >= 0 else None,
    )


def _keys(partitions: Iterable[TopicPartition]) -> list[Partition]:
    return [(each.topic, each.partition) for each in partitions]


def _in_group(consumer: Any) -> bool:
    return consumer._coordinator.generation_if_stable() is not None  # noqa: SLF001


def _lag(consumer: Any) -> dict[Partition, int]:
    """Read what the client knows already: its own methods would ask the broker, and wait."""
    states = consumer._subscription.assignment.items()  # noqa: SLF001
    return {
        (key.topic, key.partition): max(0, state.highwater - state.position.offset)
        for key, state in list(states)
        if state.highwater is not None and state.position is not None
    }


def _unreadable(error: Exception) -> tuple[Partition, int] | None:
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
