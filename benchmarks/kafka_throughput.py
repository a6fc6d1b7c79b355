"""From the real broker to a counted outcome on one core, embedding and scoring left out."""

import json
import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing

from kafka import KafkaConsumer, KafkaProducer

from agent.intake import Clocks, Intake
from agent.join import JoinBuffer
from agent.payloads import DecodeOptions, decode
from agent.pipeline import Pipeline
from agent.records import Partition
from agent.sampling import HashSampler
from agent.service import SLICE_RECORDS
from agent.sources.kafka_options import KafkaOptions
from agent.sources.kafka_source import KafkaSource
from benchmarks.table import Row
from tests.fakes import FakeEmbedder
from tests.kafka_broker import Broker, running_broker

MESSAGES = 60_000
PASSES = 3
TOPIC = "chats"


class Everything:
    """A listener without a checkpoint: starts where the group stands."""

    def assigned(self, _partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """Know nothing."""
        return {}

    def revoked(self, _partitions: Collection[Partition]) -> None:
        """Keep nothing."""

    lost = revoked


def pair(i: int, words: random.Random) -> bytes:
    """Return an OpenAI request and its response, about 1 KB as JSON."""
    prompt, answer = ("".join(words.choices("etaoinshrdlu      ", k=k)) for k in (250, 500))
    request = {"model": "gpt-4o", "messages": [{"role": "user", "content": prompt}], "temperature": 0.7}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer}}
    response = {"id": f"chatcmpl-{i}", "created": 1714564800 + i, "model": "gpt-4o", "choices": [choice]}
    return json.dumps({"request": request, "response": response}).encode()


def fill(broker: Broker) -> float:
    """Produce the messages; return their mean size in bytes."""
    broker.create_topic(TOPIC, 4)
    words, total = random.Random(1), 0
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap, linger_ms=20, batch_size=2**17)) as producer:
        for i in range(MESSAGES):
            value = pair(i, words)
            total += len(value)
            producer.send(TOPIC, value, partition=i % 4)
        producer.flush()
    return total / MESSAGES


def alone(broker: Broker, group: str) -> float:
    """Messages per second of processor time that the client reads when nothing else is done with them."""
    settings = KafkaOptions(bootstrap_servers=(broker.bootstrap,), group_id=group, topics=(TOPIC,)).client_settings()
    with closing(KafkaConsumer(TOPIC, **settings)) as consumer:
        return timed(lambda: sum(map(len, consumer.poll(1000).values())))


def counted(broker: Broker, group: str) -> float:
    """Messages per second of processor time from the broker to a counted outcome."""
    decoding = DecodeOptions()
    intake = Intake(lambda record: decode(record, decoding), HashSampler(0.0), Clocks())
    pipeline = Pipeline(intake, FakeEmbedder(), {}, JoinBuffer(10_000, 3_600.0), Clocks())
    options = KafkaOptions(bootstrap_servers=(broker.bootstrap,), group_id=group, topics=(TOPIC,))

    def turn() -> int:
        records = source.poll().records
        for start in range(0, len(records), SLICE_RECORDS):
            pipeline.process(records[start : start + SLICE_RECORDS])
        return len(records)

    with closing(KafkaSource(options, Everything())) as source:
        rate = timed(turn)
    seen = pipeline.evaluate()["offmap_records"]
    if seen.get(("decoded",)) != MESSAGES:
        raise AssertionError(f"{MESSAGES} messages were produced, but counted were: {seen}")
    return rate


def timed(turn: Callable[[], int]) -> float:
    """Call `turn` until all messages have come; joining the group, in which nothing is read, is left out."""
    n = first = turn()
    while not first:
        n = first = turn()
    started = time.process_time()
    while n < MESSAGES:
        n += turn()
    return (n - first) / (time.process_time() - started)


def rows() -> Iterable[Row]:
    """Measure, each several times: the machine may be busy."""
    with running_broker() as broker:
        size = fill(broker)
        client = max(alone(broker, f"alone-{i}") for i in range(PASSES))
        agent = max(counted(broker, f"counted-{i}") for i in range(PASSES))
    measure = f"Kafka to a counted outcome, OpenAI pairs of {size / 1000:.1f} KB, one core"
    reference = f"kafka-python alone, bytes only: {client:,.0f}"
    yield Row(measure, agent, at_least=20_000, unit="messages/s", reference=reference)
