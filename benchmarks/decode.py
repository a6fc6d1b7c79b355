"""Bytes to exchanges on one core, beside the JSON parser alone on the same bytes."""

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from agent.payloads import DecodeOptions, decode, jsontext
from agent.records import Exchange, Record
from benchmarks.table import Row

WORDS = [
    "the",
    "card",
    "that",
    "I",
    "ordered",
    "for",
    "my",
    "account",
    "has",
    "not",
    "come",
    "yet",
    "and",
    "nobody",
    "could",
    "tell",
    "me",
    "when",
    "it",
    "will",
    "arrive",
]
SECONDS = 1.0


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


def rate(work: Callable[[], None], n: int) -> float:
    """Return messages per second of processor time, of the best of several passes: the machine may be busy."""
    best, until = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        started = time.thread_time()
        work()
        best = min(best, time.thread_time() - started)
    return n / best


def measured(name: str, documents: list[dict[str, Any]], at_least: float) -> Row:
    """Decode messages that are all readable, again and again; an unreadable one is an error."""
    values = [json.dumps(each).encode() for each in documents]
    records = [Record("t", 0, i, value) for i, value in enumerate(values)]
    options = DecodeOptions()
    wrong = [each for record in records for each in decode(record, options) if not isinstance(each, Exchange)]
    if wrong:
        raise AssertionError(f"{name}: {len(wrong)} were not read, the first: {wrong[0]}")

    def decoding() -> None:
        for record in records:
            decode(record, options)

    def parsing() -> None:
        for value in values:
            jsontext.loads(value)

    size = sum(map(len, values)) / len(values) / 1000
    reference = f"orjson alone {rate(parsing, len(values)):,.0f}"
    measure = f"decode: {name}, {size:.1f} KB on average"
    return Row(measure, rate(decoding, len(values)), at_least=at_least, unit="messages/s", reference=reference)


def rows() -> Iterable[Row]:
    """Measure each shape."""
    yield measured("OpenAI chat pairs", [openai_pair(i) for i in range(500)], at_least=30_000)
