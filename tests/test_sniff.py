"""What a newcomer sees of their own traffic, before anything is configured; and that looking leaves no trace."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agent import cli
from agent.payloads import DecodeOptions
from agent.records import Exchange, Record
from agent.sniff import Sniffer
from agent.sniff_mapping import propose
from tests.kafka_broker import Broker
from tests.kafka_traffic import Member, new_name, new_topic, produce
from tests.payload_cases import CASES
from tests.small import sentences

TEXTS = sentences(40, 3)
GOOD = {"prompt": "Where is my card, and when will it come to me?", "response": "In the post.", "id": "a7"}


class Ended(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def sniff(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["offmap", "sniff", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        captured = capsys.readouterr()
        return Ended(int(left.value.code or 0), captured.out, captured.err)

    return run


def lines(path: Path, *values: Any) -> Path:
    path.write_bytes(b"".join((v if isinstance(v, bytes) else json.dumps(v).encode()) + b"\n" for v in values))
    return path


@pytest.mark.parametrize("name", CASES)
def test_every_shape_is_shown(name: str) -> None:
    case = CASES[name]
    sniffer = Sniffer(DecodeOptions(), show_text=True)
    shown = list(sniffer.read(case.record()))
    expected = [each for each in case.expected if isinstance(each, Exchange)]
    assert [line.kind for line in shown if line.recognised] == [each.shape for each in expected]
    for line, each in zip(shown, expected, strict=False):
        for text in filter(None, (each.prompt, each.response, each.model)):
            assert " ".join(text.split()) in " ".join(line.details.split())


def test_files(sniff, tmp_path: Path) -> None:
    log = lines(tmp_path / "log.jsonl", GOOD, b"{broken", {"odd": 1}, b"\xff\xfe")
    ended = sniff(log)
    assert ended.status == 0
    first, broken, odd, bytes_, *rest = ended.out.splitlines()
    assert first.startswith(f"{log}/0/0  plain  ")
    assert 'prompt "Where is my card, and when…" (46 characters); response "In the post." (12 characters)' in first
    assert "come to me" not in ended.out
    assert "id a7" in first
    assert "not_json  text that is not JSON" in broken
    assert "unrecognised  " in odd
    assert "not_utf8  " in bytes_
    assert any("plain" in row and "1" in row for row in rest)
    assert "1 message(s) fit no shape, and nothing in them looks like a prompt" in ended.out


def test_messages_without_the_configured_field_are_told(sniff, tmp_path: Path) -> None:
    config = tmp_path / "offmap.yaml"
    config.write_text("payload:\n  prompt_field: q\n")
    log = lines(tmp_path / "log.jsonl", {"q": "One?"}, {"q": "Two?"}, {"prompt": "Three?"})
    said = "1 of 3 exchange(s) lack the fields that the configuration names"
    assert said in sniff(log, "--config", config).out
    assert "lack the fields" not in sniff(log).out


def test_json_laid_out_for_people(sniff, tmp_path: Path) -> None:
    log = tmp_path / "log.json"
    log.write_text(json.dumps([GOOD, GOOD | {"id": "b8"}], indent=2))
    ended = sniff(log)
    assert ended.out.count("  plain  ") == 2
    assert "id b8" in ended.out
    assert "not_json" not in ended.out


def test_texts_are_shown_where_asked_and_never_move_a_terminal(sniff, tmp_path: Path) -> None:
    log = lines(tmp_path / "log.jsonl", GOOD, {"prompt": "a\x1b[2Jb\u202ec\nd", "response": "x", "id": "i\x07d"})
    assert "when will it come to me?" in sniff(log, "--show-text").out
    for ended in (sniff(log), sniff(log, "--show-text")):
        assert "\x1b" not in ended.out
        assert "\u202e" not in ended.out
        assert "\x07" not in ended.out


def test_so_many_and_no_more(sniff, tmp_path: Path) -> None:
    log = lines(tmp_path / "log.jsonl", *[GOOD] * 50)
    assert sniff(log, "--limit", 7).out.count("a7") == 7
    assert sniff(log).out.count("a7") == 20


def test_a_proposal_can_be_pasted_and_works(sniff, tmp_path: Path) -> None:
    draw = random.Random(5)
    rows = [
        {"ref": {"ticket-id": f"T{i}"}, "customer_says": text, "bot": {"text": TEXTS[-i]}, "sent": 1_750_000_000 + i}
        for i, text in enumerate(draw.sample(TEXTS, 12))
    ]
    log = lines(tmp_path / "log.jsonl", *rows)
    out = sniff(log).out
    assert "12 message(s) fit no shape; 12 of them would be read" in out
    config = tmp_path / "offmap.yaml"
    config.write_text(out[out.index("payload:") :])
    again = sniff(log, "--config", config).out
    assert "unrecognised" not in again
    assert "id T3" in again
    assert "time 1750000003" in again


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda i: {"uid": f"u{i}", "question_text": TEXTS[i], "answer_text": TEXTS[-i], "ms": 12.5 + i},
            {"prompt": "question_text", "response": "answer_text"},
        ),
        (
            lambda i: {"event": {"requestId": i, "user": {"utterance": TEXTS[i]}, "createdAt": f"2025-01-{i + 1:02}"}},
            {"prompt": "event.user.utterance", "id": "event.requestId", "time": "event.createdAt"},
        ),
        (
            lambda i: {"log": [{"who": "customer", "said": TEXTS[i]}, {"who": "bot", "said": TEXTS[-i]}]},
            {"prompt": "log[?who=='customer'] | [-1].said", "response": "log[?who=='bot'] | [-1].said"},
        ),
        (
            lambda i: {"a.b": TEXTS[i], "engine": "m-1", "severity": "info"},
            {"prompt": '"a.b"', "model": "engine"},
        ),
        (lambda i: {"level": "info", "host": f"h{i}", "latency": i * 1.5}, {}),
        (lambda i: {"id": i, "created": 1.7e9 + i, "path": "/v1/chat", "status": 200}, None),
    ],
)
def test_proposals(make: Any, expected: dict[str, str] | None) -> None:
    proposed = propose([make(i) for i in range(10)])
    if expected is None:
        assert "prompt" not in proposed
    else:
        assert proposed == expected


@pytest.mark.parametrize("document", [{}, {"a": {}}, {"a": []}, {"": ""}, {"a": [[[]]]}, {"x": [None, {}]}], ids=str)
def test_a_proposal_never_fails(document: dict[str, Any]) -> None:
    propose([document])
    deep: dict[str, Any] = document
    for _ in range(200):
        deep = {"a": deep, "b": ["x y", {"c": deep}]}
    propose([deep, document])
    propose([])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "kafka: is missing"),
        (["gone.jsonl"], "gone.jsonl: no such file"),
        (["--config", "gone.yaml"], "gone.yaml"),
        (["LOG", "--limit", "0"], "Invalid value for '--limit'"),
    ],
)
def test_what_it_refuses(arguments: list[str], expected: str, sniff, tmp_path: Path) -> None:
    log = lines(tmp_path / "log.jsonl", GOOD)
    ended = sniff(*[log if argument == "LOG" else argument for argument in arguments])
    assert ended.status == 2
    assert expected in ended.err


def config_for(broker: Broker, topic: str, tmp_path: Path) -> Path:
    path = tmp_path / "offmap.yaml"
    kafka = {"bootstrap_servers": [broker.bootstrap], "topics": [topic], "group_id": f"group-{topic}"}
    path.write_text(json.dumps({"kafka": kafka}))
    return path


@pytest.mark.kafka
def test_a_topic_is_looked_at_and_nothing_is_committed(broker: Broker, sniff, tmp_path: Path) -> None:
    topic = new_topic(broker, partitions=2)
    produce(broker, topic, [json.dumps(GOOD | {"id": f"m{i}"}).encode() for i in range(40)])
    group = f"group-{topic}"
    with Member(broker, topic, group_id=group) as member:  # the agent's own group, with a position
        member.poll_until(lambda: member.source.status == "ok")
        member.source.commit({(topic, 0): 3})
    before = committed(broker, group)
    assert [offset.offset for offset in before[1].values()] == [3]
    ended = sniff("--config", config_for(broker, topic, tmp_path), "--limit", 10)
    assert ended.status == 0
    shown = [line for line in ended.out.splitlines() if "  plain  " in line]
    places = {line.split()[0] for line in shown}
    assert places == {f"{topic}/{partition}/{offset}" for partition in (0, 1) for offset in range(15, 20)}
    assert committed(broker, group) == before


def committed(broker: Broker, group: str) -> tuple[Any, Any]:
    """All groups that there are, and the positions of one."""
    with broker.admin() as admin:
        return sorted(admin.list_consumer_groups()), admin.list_consumer_group_offsets(group)


@pytest.mark.kafka
def test_it_waits_for_what_comes(broker: Broker, sniff, tmp_path: Path) -> None:
    topic = new_topic(broker)
    produce(broker, topic, [json.dumps(GOOD).encode()])
    ended = sniff("--config", config_for(broker, topic, tmp_path), "--seconds", 1)
    assert ended.out.count("  plain  ") == 1
    empty = sniff("--config", config_for(broker, new_topic(broker), tmp_path), "--seconds", 1)
    assert empty == Ended(0, "No message came.\n", "")


@pytest.mark.kafka
@pytest.mark.slow
def test_what_kafka_refuses_is_said(broker: Broker, sniff, tmp_path: Path) -> None:
    missing = sniff("--config", config_for(broker, new_name(), tmp_path))
    assert missing.status == 2
    assert "a topic that is asked for does not exist" in missing.err
    config = tmp_path / "nobody.yaml"
    config.write_text('{"kafka": {"bootstrap_servers": ["127.0.0.1:1"], "topics": ["llm"]}}')
    nobody = sniff("--config", config)
    assert nobody.status == 2
    assert "no broker answers" in nobody.err


def test_what_is_remembered_is_bounded() -> None:
    sniffer = Sniffer(DecodeOptions())
    for i in range(1_000):
        list(sniffer.read(Record("llm", 0, i, b'{"odd": 1}')))
    assert sniffer.proposal()[2] == 200
