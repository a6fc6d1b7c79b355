"""The Kafka source against a real broker: what comes, from where on, and what is said when nothing comes."""

import logging
import time
from contextlib import closing

import pytest
from kafka import KafkaProducer

from agent.records import Record
from tests.kafka_traffic import Member, new_name, new_topic, produce

pytestmark = pytest.mark.kafka


def numbered(n: int, start: int = 0) -> list[bytes]:
    return [b"value %d" % i for i in range(start, start + n)]


def test_every_codec_is_read(broker):
    topic = new_topic(broker, partitions=2)
    for i, codec in enumerate([None, "gzip", "snappy", "lz4", "zstd"]):
        produce(broker, topic, numbered(500, 500 * i), compression_type=codec)
    with Member(broker, topic) as member:
        assert sorted(member.read(2500)) == sorted(numbered(2500))
        assert member.source.status == "ok"


def test_a_record_carries_all_that_the_message_had(broker):
    topic = new_topic(broker)
    headers = [("trace", b"\xff"), ("trace", b"")]
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap)) as producer:
        producer.send(topic, b"body", key=b"k", headers=headers, timestamp_ms=1_700_000_000_123)
        producer.send(topic, None, key=b"k")
    with Member(broker, topic) as member:
        member.read(2)
    first, second = member.records
    assert first == Record(topic, 0, 0, b"body", b"k", headers, 1_700_000_000.123)
    assert (second.value, second.offset, second.key) == (None, 1, b"k")
    assert second.timestamp == pytest.approx(time.time(), abs=60)


def test_a_large_message_and_many_partitions_at_once(broker):
    topic = new_topic(broker, partitions=8)
    values = [bytes([65 + i]) * 1_500_000 for i in range(16)] + [b"x" * 9_000_000]
    produce(broker, topic, values, max_request_size=10_000_000)
    with Member(broker, topic) as member:
        assert sorted(member.read(17)) == sorted(values)


@pytest.mark.parametrize(
    ("ours", "committed", "start"), [(None, None, 0), (None, 5, 5), (3, 5, 5), (8, 5, 8), (8, None, 8), (0, None, 0)]
)
def test_the_later_of_checkpoint_and_committed_wins(broker, ours, committed, start):
    topic = new_topic(broker)
    produce(broker, topic, numbered(10))
    key = (topic, 0)
    if committed is not None:
        with Member(broker, topic) as earlier:
            earlier.poll_until(lambda: earlier.source.status == "ok")
            earlier.source.commit({key: committed, ("other", 0): 99})
    with Member(broker, topic, {} if ours is None else {key: ours}) as member:
        assert member.read(10 - start) == numbered(10 - start, start)


@pytest.mark.parametrize(("reset", "n_before"), [("earliest", 5), ("latest", 0)])
def test_where_a_group_without_any_position_starts(broker, reset, n_before):
    topic = new_topic(broker)
    produce(broker, topic, numbered(5))
    with Member(broker, topic, auto_offset_reset=reset) as member:
        member.poll_until(lambda: (topic, 0) in member.source.lag())
        produce(broker, topic, numbered(5, 5))
        assert member.read(n_before + 5) == numbered(n_before + 5, 5 - n_before)


def test_lag_is_what_is_left(broker):
    topic = new_topic(broker)
    produce(broker, topic, numbered(100))
    with Member(broker, topic, max_poll_records=10) as member:
        assert member.source.lag() == {}
        member.poll_until(lambda: bool(member.records))
        member.source._looked = 0.0
        member.poll()
        assert member.source.lag() == {(topic, 0): 100 - len(member.records)}
        member.read(100)
        time.sleep(1.0)
        member.poll()
        assert member.source.lag() == {(topic, 0): 0}


@pytest.mark.parametrize("by_pattern", [False, True])
def test_a_missing_topic_is_named_and_read_once_it_is_there(broker, by_pattern):
    topic = new_name()
    ask = {"topics": (), "topic_pattern": topic[:-1] + "."} if by_pattern else {}
    with Member(broker, topic, **ask) as member:
        member.poll_until(lambda: member.source.status == "topic_missing", 10)
        broker.create_topic(topic)
        produce(broker, topic, numbered(3))
        assert member.read(3, 15) == numbered(3)
        member.poll_until(lambda: member.source.status == "ok", 5)


def test_a_pattern_matches_whole_names_only(broker):
    stem = new_name()
    for name in (stem + ".chat", stem + ".chat.audit"):
        broker.create_topic(name)
        produce(broker, name, [name.encode()])
    with Member(broker, stem, topics=(), topic_pattern=stem + r"\.(chat|none)") as member:
        assert member.read(1) == [stem.encode() + b".chat"]


def test_several_topics(broker):
    topics = tuple(new_topic(broker) for _ in range(3))
    for name in topics:
        produce(broker, name, [name.encode()])
    with Member(broker, topics[0], topics=topics) as member:
        assert sorted(member.read(3)) == [name.encode() for name in sorted(topics)]


def test_what_an_aborted_transaction_wrote_never_happened(broker):
    topic = new_topic(broker)
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=topic)) as producer:
        producer.init_transactions()
        for value, end in ((b"kept", producer.commit_transaction), (b"aborted", producer.abort_transaction)):
            producer.begin_transaction()
            producer.send(topic, value)
            end()
    produce(broker, topic, [b"last"])
    with Member(broker, topic) as member:
        assert member.read(2) == [b"kept", b"last"]


class BadKey(str):
    """A header's key that is not UTF-8 when it is written."""

    __slots__ = ()

    def encode(self, *_args):
        return b"\xff\xfe"


def test_what_the_client_cannot_read_is_passed_over(broker):
    topic = new_topic(broker)
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap, linger_ms=50)) as producer:
        for i in range(6):
            producer.send(topic, b"value %d" % i, headers=[(BadKey("k"), b"")] if i == 2 else [])
            if i == 4:
                producer.flush()  # the end of a batch
    with Member(broker, topic) as member:
        assert member.read(4) == [b"value 0", b"value 1", b"", b"value 5"]
        assert member.records[2] == Record(topic, 0, 4, b"", headers=(("offmap-unreadable", b""),))
        assert member.source.status == "ok"


def test_any_exception_makes_a_new_client_that_goes_on(broker, monkeypatch):
    topic = new_topic(broker, partitions=2)
    produce(broker, topic, numbered(100))
    with Member(broker, topic, max_poll_records=10) as member:
        member.poll_until(lambda: len(member.records) >= 30)
        broken = member.source._client._consumer
        monkeypatch.setattr(broken, "poll", lambda _ms: 1 / 0)
        member.poll()
        assert member.source.status == "poll_failed"
        assert member.told[-1][0] == "revoked"
        assert sorted(member.read(100)) == sorted(numbered(100))
        assert member.source._client._consumer is not broken
        assert broken._closed


def test_what_the_listener_raises_comes_out_of_poll(broker):
    topic = new_topic(broker)
    with Member(broker, topic) as member:
        member.assigned = lambda _partitions: {}[0]
        member.source._share._listener = member
        with pytest.raises(KeyError):
            member.poll_until(lambda: False, 10)


def test_a_topic_that_was_made_anew_is_read_from_its_start(broker):
    topic = new_topic(broker)
    produce(broker, topic, numbered(3))
    with Member(broker, topic, {(topic, 0): 50}) as member:
        assert member.read(3) == numbered(3)


def test_no_message_and_no_secret_in_the_log(broker, caplog):
    caplog.set_level(logging.DEBUG)
    topic = new_topic(broker)
    produce(broker, topic, [b"a secret prompt"])
    caplog.clear()
    with Member(broker, topic) as member:
        member.read(1)
        member.commit()
    assert "secret" not in caplog.text
