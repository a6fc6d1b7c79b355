"""What the Kafka tests share: a producer, a listener that remembers, polling with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING, Any, Self

from kafka import KafkaProducer

from agent.records import Partition, Positions, Record
from agent.sources.kafka_options import KafkaOptions
from agent.sources.kafka_source import KafkaSource

if TYPE_CHECKING:
    from tests.kafka_broker import Broker

_names = count()


def new_topic(broker: Broker, partitions: int = 1) -> str:
    return broker.create_topic(new_name(), partitions)


def new_name() -> str:
    return f"traffic-{time.time_ns()}-{next(_names)}"


def produce(broker: Broker, topic: str, values: Iterable[bytes | None], **settings: Any) -> None:
    """Send `values`, spread evenly over the topic's partitions."""
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap, linger_ms=5, **settings)) as producer:
        partitions = sorted(producer.partitions_for(topic))
        for i, value in enumerate(values):
            producer.send(topic, value, partition=partitions[i % len(partitions)])
        producer.flush()


class Member:
    """A source with a listener that keeps positions as the agent does, and remembers what it was told."""

    def __init__(self, broker: Broker, topic: str, positions: Mapping[Partition, int] = {}, **options: Any) -> None:
        chosen: dict[str, Any] = {
            "bootstrap_servers": (broker.bootstrap,),
            "topics": (topic,),
            "group_id": topic,
            "session_timeout_seconds": 6,
        }
        self.positions: Positions = dict(positions)
        self.told: list[tuple[str, list[Partition]]] = []
        self.owned: set[Partition] = set()
        self.records: list[Record] = []
        self.source = KafkaSource(KafkaOptions(**chosen | options), self)

    def assigned(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        self.told.append(("assigned", sorted(partitions)))
        self.owned |= set(partitions)
        return {key: self.positions[key] for key in partitions if key in self.positions}

    def revoked(self, partitions: Collection[Partition]) -> None:
        self.told.append(("revoked", sorted(partitions)))
        self.commit()
        self.owned -= set(partitions)

    def lost(self, partitions: Collection[Partition]) -> None:
        self.told.append(("lost", sorted(partitions)))
        self.owned -= set(partitions)

    def commit(self) -> None:
        self.source.commit({key: at for key, at in self.positions.items() if key in self.owned})

    def poll(self) -> list[Record]:
        records = list(self.source.poll().records)
        for record in records:
            self.positions[record.topic, record.partition] = record.offset + 1
        self.records += records
        return records

    def values(self) -> list[bytes | None]:
        return [record.value for record in self.records]

    def poll_until(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{self.source.status}, {len(self.records)} records, {self.told}"
            self.poll()

    def read(self, n: int, seconds: float = 30.0) -> list[bytes | None]:
        """Poll until `n` records have come, and once more to see that no more come; return their values."""
        self.poll_until(lambda: len(self.records) >= n, seconds)
        self.poll()
        return self.values()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close()
