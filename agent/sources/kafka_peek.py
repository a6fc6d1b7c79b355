"""The door to kafka-python for who only looks: a consumer without a group, so that nothing can be committed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from kafka import KafkaConsumer

from agent.records import Batch
from agent.sources import kafka
from agent.sources.errors import SourceError
from agent.sources.kafka_health import STATUSES, ClientLog

if TYPE_CHECKING:
    from kafka.structs import TopicPartition

    from agent.records import Record
    from agent.sources.kafka_options import KafkaOptions

PATIENCE_SECONDS = 15.0
"""How long the brokers may take to name the topics' partitions."""


class KafkaPeek:
    """The newest messages of some topics, and those that come while one looks.

    Parameters
    ----------
    options : KafkaOptions
        The group in them is not used: it keeps its members and its positions.
    newest : int
        How many messages to look at: as many of each partition, from its end, as together make so many.
    seconds : float
        How long to wait for messages where there are fewer.

    Raises
    ------
    SourceError
        The brokers cannot be reached, or the topics cannot be read; the message says why.
    """

    def __init__(self, options: KafkaOptions, newest: int, seconds: float) -> None:
        kafka.assert_codecs()
        self._log = ClientLog()
        self._left = newest
        self._brokers = ", ".join(options.bootstrap_servers)
        self._topics = ", ".join(options.topics) or str(options.topic_pattern)
        try:
            self._consumer = KafkaConsumer(**options.peek_settings())
        except Exception as error:
            self._log.close()
            raise self._explain(error) from error
        try:
            self._consumer.subscribe(topics=options.topics, pattern=options.full_pattern())
            self._rewind(newest)
        except Exception as error:
            self.close()
            raise self._explain(error) from error
        self._until = time.monotonic() + seconds

    def poll(self) -> Batch:
        """Return what has come, and whether that is all: enough messages, or the time is over.

        Raises
        ------
        SourceError
            Nothing more can be read.
        """
        try:
            fetched = self._consumer.poll(kafka.POLL_MS, max_records=self._left)
        except Exception as error:
            raise self._explain(error) from error
        records: list[Record] = [kafka.to_record(message) for messages in fetched.values() for message in messages]
        self._left -= len(records)
        return Batch(records, end=self._left <= 0 or time.monotonic() >= self._until)

    def close(self) -> None:
        """Hang up."""
        self._consumer.close(autocommit=False, timeout_ms=1000)
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rewind(self, newest: int) -> None:
        partitions = self._partitions()
        first, end = self._consumer.beginning_offsets(partitions), self._consumer.end_offsets(partitions)
        filled = [key for key in partitions if end[key] > first[key]]
        each = -(-newest // max(1, len(filled)))
        for key in partitions:
            self._consumer.seek(key, max(first[key], end[key] - each))

    def _partitions(self) -> list[TopicPartition]:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until and not self._log.refused:
            self._consumer.poll(kafka.POLL_MS)  # what comes is read again after the rewind
            if found := sorted(self._consumer.assignment()):
                return found
        status = "broker_authentication" if self._log.refused else "topic_missing"
        raise SourceError(f"Kafka at {self._brokers}, topic {self._topics}: {STATUSES[status]}")

    def _explain(self, error: Exception) -> SourceError:
        if isinstance(error, SourceError):
            return error
        status, words = kafka.blame(error)
        return SourceError(f"Kafka at {self._brokers}: {STATUSES[status].partition(';')[0]} ({words})")
