"""The door to kafka-python for who writes: one topic, and a word for each message whether it arrived."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from kafka import KafkaProducer

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.records import Record
    from agent.sources.kafka_options import KafkaOptions


class KafkaSender:
    """A producer for one topic.

    Raises
    ------
    Exception
        Of many kinds, two seconds later where no broker answers.
    """

    def __init__(self, options: KafkaOptions, topic: str) -> None:
        logging.getLogger("kafka").setLevel(logging.WARNING)  # at DEBUG the client logs whole messages
        self._topic = topic
        self._producer = KafkaProducer(**options.producer_settings())

    def send(self, record: Record, headers: list[tuple[str, bytes]], done: Callable[[bool], None]) -> None:
        """Send a copy of `record` under other headers; `done`, called on another thread, says whether it arrived.

        Raises
        ------
        Exception
            It could not even be sent, after five seconds at most.
        """
        time = None if record.timestamp is None else round(record.timestamp * 1000)
        sent = self._producer.send(self._topic, record.value, key=record.key, headers=headers, timestamp_ms=time)
        sent.add_callback(lambda _: done(True))
        sent.add_errback(lambda _: done(False))

    def close(self, seconds: float) -> None:
        """Wait so long at most for what is on its way."""
        self._producer.close(timeout=seconds)
