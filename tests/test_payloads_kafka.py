"""All shapes mixed on one topic of a real broker: each arrives as it was made, and is read as it is meant."""

from __future__ import annotations

from contextlib import closing

import pytest
from kafka import KafkaProducer

from agent.payloads import decode
from agent.records import Rejected
from tests.kafka_broker import Broker
from tests.kafka_traffic import Member, new_topic
from tests.payload_cases import CASES, NOON, Case, fixture

MIXED = {name: case for name, case in CASES.items() if case.topic == "llm"}
for name in ("1_28.logs.pb", "1_37.logs.json", "1_37.traces.pb", "openinference.traces.json", "openllmetry.traces.pb"):
    otlp = Case(fixture(f"otlp_{name}"), [])
    otlp.expected = [each for each in decode(otlp.record()) if not isinstance(each, Rejected)]
    MIXED[f"OTLP {name}"] = otlp


@pytest.mark.kafka
@pytest.mark.parametrize("codec", [None, "zstd"])
def test_every_shape_on_one_topic(broker: Broker, codec: str | None) -> None:
    assert len(MIXED) > 50
    assert all(case.expected for case in MIXED.values())
    topic = new_topic(broker)
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap, compression_type=codec, linger_ms=20)) as producer:
        for case in MIXED.values():
            sent = case.record()
            headers = [*sent.headers, ("traceparent", b"00-0-0-00")]  # what tracing adds on the way
            producer.send(topic, sent.value, key=sent.key, headers=headers, timestamp_ms=round(NOON * 1000))
    with Member(broker, topic) as member:
        member.read(len(MIXED))
    found = [[each for each in decode(record) if not isinstance(each, Rejected)] for record in member.records]
    assert dict(zip(MIXED, found, strict=True)) == {name: case.expected for name, case in MIXED.items()}
