"""Partitions that come and go between the members of a group, against a real broker: nothing missing, nothing twice."""

import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from kafka.admin import NewPartitions

from agent.sources import kafka as source_module
from tests.kafka_traffic import Member, new_topic, produce

pytestmark = pytest.mark.kafka


class Runner(threading.Thread):
    """A member that polls on a thread of its own until it is told to stop; then it commits and leaves."""

    def __init__(self, member: Member) -> None:
        super().__init__()
        self.member = member
        self._asked_to_stop = threading.Event()
        self.start()

    def run(self) -> None:
        with self.member:
            while not self._asked_to_stop.is_set():
                self.member.poll()
            self.member.commit()

    def stop(self) -> None:
        self._asked_to_stop.set()
        self.join(30)
        assert not self.is_alive()


def wait_for(condition: Callable[[], bool], seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_members_come_and_go_and_every_record_is_read_once(broker):
    topic = new_topic(broker, partitions=6)
    runners: list[Runner] = []
    for step, comes in enumerate([True, True, True, False, True, False]):
        produce(broker, topic, [b"%d" % i for i in range(300 * step, 300 * step + 300)])
        if comes:
            runners.append(Runner(Member(broker, topic, max_poll_records=20)))
            wait_for(lambda: bool(runners[-1].member.owned))
        else:
            runners[step % 2].stop()
    wait_for(lambda: sum(len(runner.member.records) for runner in runners) >= 1800)
    for runner in runners:
        runner.stop()
    seen = Counter(value for runner in runners for value in runner.member.values())
    assert seen == Counter(b"%d" % i for i in range(1800))
    assert sum(bool(runner.member.records) for runner in runners) >= 3


def test_a_revocation_is_told_in_time_to_commit(broker):
    topic = new_topic(broker, partitions=2)
    produce(broker, topic, [b"%d" % i for i in range(20)])
    both = [(topic, 0), (topic, 1)]
    with Member(broker, topic) as first:
        first.read(20)
        second = Runner(Member(broker, topic))
        first.poll_until(lambda: len(first.told) >= 3)
        assert first.told[:2] == [("assigned", both), ("revoked", both)]
        assert len(first.told[2][1]) == 1
        wait_for(lambda: second.member.source.status == "ok")
        second.stop()
        assert second.member.records == []


def test_a_member_too_many_stands_by(broker):
    topic = new_topic(broker)
    first = Runner(Member(broker, topic))
    wait_for(lambda: bool(first.member.owned))
    with Member(broker, topic) as second:
        second.poll_until(lambda: second.source.status == "no_partitions" or bool(second.owned))
        idle = first.member if second.owned else second
        if idle is first.member:
            wait_for(lambda: idle.source.status == "no_partitions")
        assert idle.source.lag() == {}
        first.stop()
        second.poll_until(lambda: second.source.status == "ok")


def test_partitions_that_were_lost_are_not_committed_nor_read_twice(broker):
    topic = new_topic(broker)
    produce(broker, topic, [b"%d" % i for i in range(10)])
    with Member(broker, topic, session_timeout_seconds=1, max_poll_interval_seconds=1) as member:
        member.read(10)
        time.sleep(3)  # the group gives up a member that does not poll
        produce(broker, topic, [b"10"])
        member.poll_until(lambda: len(member.records) >= 11)
        assert [what for what, _ in member.told] == ["assigned", "lost", "assigned"]
        assert member.values() == [b"%d" % i for i in range(11)]


@pytest.mark.parametrize("poll_ms", [1000, 10])
def test_added_partitions_are_read_even_where_the_client_forgets_them(broker, monkeypatch, poll_ms):
    monkeypatch.setattr(source_module, "POLL_MS", poll_ms)  # 10: where kafka-python loses its way
    topic = new_topic(broker)
    with Member(broker, topic) as member:
        member.poll_until(lambda: member.source.status == "ok")
        with broker.admin() as admin:
            admin.create_partitions({topic: NewPartitions(3)})
        produce(broker, topic, [b"0", b"1", b"2"])
        member.source._client._consumer._client.cluster.request_update()  # instead of waiting for a minute
        member.poll_until(lambda: len(member.records) >= 3, 40)
        assert member.owned == {(topic, 0), (topic, 1), (topic, 2)}
        assert sorted(member.values()) == [b"0", b"1", b"2"]
