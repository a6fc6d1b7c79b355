"""Bytes to joined exchanges on one core, beside the JSON parser alone on the same bytes."""

import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from typing import Any

import numpy as np

from agent.intake import Item
from agent.join import JoinBuffer
from agent.payloads import DecodeOptions, decode, jsontext
from agent.payloads.reasons import UnreadableError
from agent.payloads.registered import compiled
from agent.records import Exchange, Record
from agent.settlement import Settlement
from agent.watch import SideScores
from benchmarks.table import Row
from tests.payload_cases import CASES, PROMPT, RESPONSE, fixture, proto, varint

SENTENCE = "the card that I ordered for my account has not come yet and nobody could tell me when it will arrive"
WORDS = SENTENCE.split()
OTLP = ("1_28.logs", "1_37.logs", "1_37.traces", "openllmetry_old.traces", "openinference.traces", "langfuse.traces")
SLOWEST = 3
PENDING = 10_000
NOW = 1714564800.0


CHAT = {"type": "record", "name": "Chat"}
CHAT["fields"] = [{"name": name, "type": "string"} for name in ("id", "prompt", "response")]
SOURCE = 'syntax = "proto3"; message Chat { string id = 1; string prompt = 2; string response = 3; }'


class Registered:
    """A registry of two schemas."""

    _readers = (compiled("AVRO", json.dumps(CHAT)), compiled("PROTOBUF", SOURCE))

    def find(self, number: int) -> Callable[[bytes], Any]:
        """Return what reads the messages of a schema."""
        return self._readers[number]


OPTIONS = DecodeOptions(schemas=Registered())


def text(words: int, salt: int) -> str:
    """Return as many words, other ones for another salt."""
    return " ".join(WORDS[(i * 7 + salt) % len(WORDS)] for i in range(words))


def openai_pair(i: int) -> dict[str, Any]:
    """Between 1 and 4 KB: what a gateway logs of one chat."""
    turns = [{"role": "system", "content": text(40 + 10 * (i % 9), i)}, {"role": "user", "content": text(60, i)}]
    request = {"model": "gpt-4o", "messages": turns, "temperature": 0.7, "max_tokens": 512, "user": f"u{i % 50}"}
    message = {"role": "assistant", "content": text(100 + 25 * (i % 9), i), "refusal": None}
    usage = {"prompt_tokens": 181, "completion_tokens": 240, "total_tokens": 421}
    response = {
        "id": f"chatcmpl-{i}",
        "object": "chat.completion",
        "created": 1714564800 + i,
        "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}],
        "usage": usage,
    }
    return {"request": request, "response": response, "timestamp": "2024-05-01T12:00:00.123Z", "latency_ms": 812}


def rate(work: Callable[[], None], n: int, seconds: float = 1.0) -> float:
    """Return exchanges per second of processor time, of the best of several passes: the machine may be busy."""
    best, until = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until:
        started = time.thread_time()
        work()
        best = min(best, time.thread_time() - started)
    return n / best


def measured(records: list[Record], seconds: float = 1.0) -> tuple[float, float]:
    """Return the rates of decoding and of parsing alone, in exchanges; an unreadable message is an error."""
    found = [each for record in records for each in decode(record, OPTIONS)]
    wrong = [each for each in found if not isinstance(each, Exchange)]
    if wrong:
        raise AssertionError(f"{len(wrong)} of {len(records)} were not read, the first: {wrong[0]}")

    def decoding() -> None:
        for record in records:
            decode(record, OPTIONS)

    def parsing() -> None:
        for record in records:
            with suppress(UnreadableError):
                jsontext.loads(record.value or b"")

    return rate(decoding, len(found), seconds), rate(parsing, len(found), seconds)


def joined(records: list[Record], seconds: float = 1.0) -> float:
    """Return exchanges per second through decoding and joining. The buffer is full, as in production.

    Every message is given ids of its own, which is part of what is measured.
    """
    buffer, numbers = JoinBuffer(PENDING, 3600.0), count()

    def work() -> None:
        for record in records:
            for each in decode(record, OPTIONS):
                own = str(next(numbers))
                # the quickest way to other ids: production has them without it
                fresh = Exchange._make((own, *each[1:])) if each.join_key is None else each._replace(join_key=own)
                buffer.visit(Item(own, each.time, fresh, "kept", NOW))

    n = sum(len(decode(record, OPTIONS)) for record in records)
    for _ in range(PENDING // n + 1):
        work()
    return rate(work, n, seconds)


def settled(records: list[Record], seconds: float = 1.0) -> float:
    """Return exchanges per second through decoding, joining and settling, the scores being there already."""
    buffer, numbers, settlement = JoinBuffer(PENDING, 3600.0), count(), Settlement()
    vectors = np.zeros((len(records), 384), np.float16)
    zeros = np.zeros(len(records))
    scores = SideScores(zeros, zeros + 1, zeros.astype(np.int32), vectors)

    def work() -> None:
        found = [(str(next(numbers)), each) for record in records for each in decode(record, OPTIONS)]
        items = [Item(own, each.time, Exchange._make((own, *each[1:])), "kept", NOW) for own, each in found]
        settlement.settle([buffer.visit(item) for item in items], {"prompt": scores, "response": scores})

    return rate(work, len(records), seconds)


def shapes() -> Iterable[tuple[str, list[Record]]]:
    """Yield the cases of the tests, their texts as long as in production where the encoding allows it."""
    long = {json.dumps(short): json.dumps(text(words, 3)) for short, words in ((PROMPT, 60), (RESPONSE, 200))}
    for name, case in CASES.items():
        value = case.value
        if not isinstance(value, bytes):
            value = json.dumps(value)
            for short, other in long.items():
                value = value.replace(short, other).replace(short[1:-1], other[1:-1])
            value = value.encode()
        yield name, [case.record(value)] * 100
    parts = [b"id-1", text(60, 3).encode(), text(200, 3).encode()]
    avro = b"".join(varint(2 * len(part)) + part for part in parts)
    yield "Avro", [Record("t", 0, 0, b"\0\0\0\0\0" + avro)] * 100
    yield "Protobuf", [Record("t", 0, 0, b"\0\0\0\0\1\0" + proto(*enumerate(parts, 1)))] * 100
    for name in OTLP:
        for encoding in ("json", "pb"):
            yield f"OTLP {name}.{encoding}", [Record("t", 0, 0, fixture(f"otlp_{name}.{encoding}"))] * 100


def row(name: str, records: list[Record], parsed: float, at_least: float) -> Row:
    """Say how fast one shape is decoded and joined, beside the JSON parser."""
    values = [record.value or b"" for record in records]
    size = sum(map(len, values)) / len(values) / 1000
    reference = f"orjson alone {parsed:,.0f}" if values[0][:1] in {b"{", b"["} else "–"
    title = f"decode and join: {name}, {size:.1f} KB"
    return Row(title, joined(records), at_least=at_least, unit="exchanges/s", reference=reference)


def rows() -> Iterable[Row]:
    """Measure the pairs, and of all other shapes the slowest."""
    pairs = [Record("t", 0, i, json.dumps(openai_pair(i)).encode()) for i in range(500)]
    yield row("OpenAI chat pairs", pairs, measured(pairs)[1], at_least=30_000)
    yield Row("the same, and what each answer says of how it ended", settled(pairs), unit="exchanges/s")
    found = [(measured(records, 0.1), name, records) for name, records in shapes()]
    for (_, parsed), name, records in sorted(found, key=lambda each: each[0][0])[:SLOWEST]:
        yield row(f"among the slowest, {name}", records, parsed, at_least=10_000)
