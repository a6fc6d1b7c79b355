"""The Kafka source when the broker refuses, goes away, or comes back."""

import time

import pytest

from agent.sources.kafka_options import KafkaOptions
from tests.kafka_broker import Broker
from tests.kafka_listeners import PASSWORD, PLAIN_USER, SCRAM_USER
from tests.kafka_traffic import Member, new_topic, produce

pytestmark = pytest.mark.kafka

DOORS = {
    "PLAIN": ("PLAIN", "SASL_PLAINTEXT", "PLAIN", PLAIN_USER),
    "SCRAM-SHA-256": ("SCRAM", "SASL_PLAINTEXT", "SCRAM-SHA-256", SCRAM_USER),
    "SCRAM-SHA-512": ("SCRAM", "SASL_PLAINTEXT", "SCRAM-SHA-512", SCRAM_USER),
    "TLS": ("TLS", "SSL", None, None),
    "SCRAM over TLS": ("SCRAM_TLS", "SASL_SSL", "SCRAM-SHA-512", SCRAM_USER),
}


def through(broker: Broker, door: str, **changes: object) -> dict[str, object]:
    listener, protocol, mechanism, user = DOORS[door]
    options: dict[str, object] = {"bootstrap_servers": (broker.address(listener),), "security_protocol": protocol}
    if mechanism:
        options |= {"sasl_mechanism": mechanism, "sasl_username": user, "sasl_password": PASSWORD}
    if protocol.endswith("SSL"):
        options["ssl_cafile"] = str(broker.listeners.ca_file)
    return options | changes


@pytest.mark.parametrize("door", DOORS)
def test_every_door_opens(broker, door):
    topic = new_topic(broker)
    produce(broker, topic, [b"x"])
    with Member(broker, topic, **through(broker, door)) as member:
        member.poll_until(lambda: bool(member.records))
        assert member.source.status == "ok"


REFUSED = {
    "wrong password": ("PLAIN", {"sasl_password": "wrong"}, "broker_authentication"),
    "wrong password for SCRAM": ("SCRAM-SHA-256", {"sasl_password": "wrong"}, "broker_authentication"),
    "wrong password over TLS": ("SCRAM over TLS", {"sasl_password": "wrong"}, "broker_authentication"),
    "unknown user": ("SCRAM-SHA-512", {"sasl_username": "nobody"}, "broker_authentication"),
    "a mechanism that is switched off": ("PLAIN", {"sasl_mechanism": "SCRAM-SHA-256"}, "broker_authentication"),
    "an unknown authority": ("TLS", {"ssl_cafile": None}, "broker_tls"),
    "no such PEM file": ("TLS", {"ssl_cafile": "no-such.pem"}, "broker_tls"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_refusal_is_told_from_all_other_trouble(broker, why, caplog):
    door, changes, status = REFUSED[why]
    topic = new_topic(broker)
    with Member(broker, topic, **through(broker, door, **changes)) as member:
        member.poll_until(lambda: member.source.status == status, 10)
        start = time.monotonic()
        assert member.poll() == []
        assert time.monotonic() - start < 4
        assert member.source.status == status
    assert PASSWORD not in caplog.text


def test_a_password_is_in_no_repr():
    options = KafkaOptions(bootstrap_servers=("b:1",), topics=("t",), sasl_password="hush")
    assert "hush" not in repr(options)


def test_no_broker_at_the_start_then_one_then_a_crash(broker):
    topic = new_topic(broker, partitions=2)
    produce(broker, topic, [b"%d" % i for i in range(100)])
    broker.kill()
    with Member(broker, topic, max_poll_records=20) as member:
        try:
            for _ in range(2):
                start = time.monotonic()
                assert member.poll() == []
                assert time.monotonic() - start < 4
            assert member.source.status == "broker_unreachable"
        finally:
            broker.start()
        member.poll_until(lambda: len(member.records) >= 40)
        broker.kill()
        try:
            member.commit()  # fails, and says so in the log
            member.poll_until(lambda: member.source.status == "broker_unreachable", 15)
        finally:
            broker.start()
        assert sorted(member.read(100), key=int) == [b"%d" % i for i in range(100)]
        member.poll_until(lambda: member.source.status == "ok", 10)
        member.poll_until(lambda: sum(member.source.lag().values()) == 0, 10)
