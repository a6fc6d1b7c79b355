"""Copies of what cannot be read: sent with their reason, counted when they cannot be, never waited for."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import reading
from agent.board import Board
from agent.payloads import REASONS
from agent.records import Record
from agent.sources import dead_letter
from agent.sources.dead_letter import DeadLetters
from agent.sources.kafka_options import KafkaOptions
from config import ConfigError, load_settings
from tests.agent_process import AgentProcess
from tests.kafka_broker import Broker
from tests.kafka_traffic import Member, new_name, new_topic, produce
from tests.small import small_settings

OPTIONS = KafkaOptions(bootstrap_servers=("127.0.0.1:1",), topics=("llm",))
SECRET = b'{"question of somebody": "where is my card"}'


def test_its_reasons_are_reasons() -> None:
    assert set(REASONS) >= dead_letter.REASONS


class Sender:
    """Stands for Kafka: takes its time, or fails."""

    def __init__(self, gate: threading.Event, error: Exception | None = None) -> None:
        self.sent: list[tuple[Record, dict[str, bytes]]] = []
        self._gate = gate
        self._error = error

    def send(self, record: Record, headers: list[tuple[str, bytes]], done: Any) -> None:
        self._gate.wait(10)
        if self._error is not None:
            raise self._error
        self.sent.append((record, dict(headers)))
        done(True)

    def close(self, seconds: float) -> None:
        pass


def letters(monkeypatch: pytest.MonkeyPatch, sender: Sender) -> tuple[DeadLetters, dict[tuple[str, ...], float]]:
    shown: dict[tuple[str, ...], float] = {}
    monkeypatch.setattr(dead_letter, "KafkaSender", lambda *_: sender)
    return DeadLetters(OPTIONS, "dead", shown.update), shown


def test_what_is_understood_is_no_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    gate.set()
    sender = Sender(gate)
    box, shown = letters(monkeypatch, sender)
    box.send(Record("llm", 0, 1, SECRET), ["not_llm", "no_prompt"])
    box.send(Record("llm", 0, 2, b""), ["unreadable", "failed"])
    box.send(Record("llm", 2, 3, SECRET, b"k", [("h", b"1")]), ["not_llm", "unrecognised"])
    box.close()
    ((record, headers),) = sender.sent
    assert (record.value, record.key) == (SECRET, b"k")
    place = {"offmap-topic": b"llm", "offmap-partition": b"2", "offmap-offset": b"3"}
    assert headers == {"h": b"1", "offmap-reason": b"unrecognised"} | place
    assert shown == {("sent",): 1.0, ("failed",): 0.0}


def test_a_broker_that_hangs_holds_nobody_up_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    sender = Sender(gate)
    box, shown = letters(monkeypatch, sender)
    start = time.monotonic()
    for i in range(100):
        box.send(Record("llm", 0, i, b"x" * 2**20), ["not_json"])
    assert time.monotonic() - start < 1.0
    assert shown["failed",] == 85
    gate.set()
    box.close()
    assert (len(sender.sent), shown["sent",]) == (15, 15)


def test_a_failure_is_counted_and_its_words_are_not_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gate = threading.Event()
    gate.set()
    box, shown = letters(monkeypatch, Sender(gate, ValueError(SECRET.decode())))
    for i in range(3):
        box.send(Record("llm", 0, i, SECRET), ["not_json"])
    box.close()
    assert shown == {("sent",): 0.0, ("failed",): 3.0}
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "card" not in caplog.text


def test_counts_go_on_over_another_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    shows: list[Any] = []
    monkeypatch.setattr(reading, "DeadLetters", lambda _options, _topic, show: shows.append(show))
    kafka = {"bootstrap_servers": ["127.0.0.1:9"], "topics": ["t"], "dead_letter_topic": "dead"}
    settings, board = load_settings(None, small_settings(kafka=kafka)), Board()
    for counts in ({("sent",): 3.0, ("failed",): 0.0}, {("sent",): 2.0, ("failed",): 1.0}):
        reading.dead_letters(settings, board)
        shows[-1](counts)
    assert board.live()["offmap_dead_letters"] == {("sent",): 5.0, ("failed",): 1.0}


@pytest.mark.parametrize("read", [{"topics": ["a", "dead"]}, {"topic_pattern": "dea."}], ids=str)
def test_dead_letters_are_not_read_again(read: dict[str, Any]) -> None:
    kafka = {"bootstrap_servers": ["a:1"], "dead_letter_topic": "dead", **read}
    with pytest.raises(ConfigError, match=r"kafka\.dead_letter_topic: is one of the topics"):
        load_settings(None, small_settings(kafka=kafka))
    load_settings(None, small_settings(kafka=kafka | {"dead_letter_topic": "deaf.letters"}))


@pytest.fixture
def agent(broker: Broker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[AgentProcess, str, str]]:
    topic, dead = new_topic(broker), new_topic(broker) if request.param else new_name()
    kafka = {"bootstrap_servers": [broker.bootstrap], "topics": [topic], "group_id": topic, "dead_letter_topic": dead}
    agent = AgentProcess(tmp_path, small_settings(kafka=kafka, checkpoint={"interval_seconds": 0.3}))
    good = json.dumps({"prompt": "meter bill", "response": "refund", "id": "a"}).encode()
    produce(broker, topic, [good, SECRET, b"", b"\xff\xfe", good])
    yield agent.start(), topic, dead
    agent.stop()


@pytest.mark.kafka
@pytest.mark.parametrize("agent", [True], indirect=True)
def test_the_message_arrives_as_it_came(agent: tuple[AgentProcess, str, str], broker: Broker) -> None:
    process, topic, dead = agent
    process.wait_until(lambda a: a.total("offmap_dead_letters_total", outcome="sent") == 2)
    with Member(broker, dead) as member:
        assert member.read(2) == [SECRET, b"\xff\xfe"]
    headers = [dict(record.headers) for record in member.records]
    assert [each["offmap-reason"] for each in headers] == [b"unrecognised", b"not_utf8"]
    assert [(each["offmap-topic"], each["offmap-offset"]) for each in headers] == [
        (topic.encode(), b"1"),
        (topic.encode(), b"3"),
    ]
    assert process.end() == 0
    assert "card" not in process.log.read_text()


@pytest.mark.kafka
@pytest.mark.parametrize("agent", [False], indirect=True)
def test_without_the_topic_the_agent_goes_on(agent: tuple[AgentProcess, str, str]) -> None:
    process, _, _ = agent
    process.wait_until(lambda a: a.total("offmap_records_total") == 5)
    process.wait_until(lambda a: a.total("offmap_dead_letters_total", outcome="failed") == 2)
    assert process.get("/readyz")[0] == 200
    assert process.end() == 0
    assert "card" not in process.log.read_text()
