"""What coverage-guided fuzzing feeds to the decoder, and what must hold of what comes back."""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import zstandard

from agent.payloads import DecodeOptions
from agent.payloads.decoder import decode_or_raise
from agent.records import Record
from tests.payload_cases import CASES, CE_REQUEST, fixture, headers
from tests.payload_promises import hold

CORPUS = Path(__file__).parent / "corpus"
LONGEST = 65_536
"""Bytes of an input."""
SLOWEST = 0.1
"""Seconds of processor time that an input may take."""
OPTIONS = DecodeOptions(max_text_chars=1000, max_message_bytes=2**20, tags=("metadata.team",))
EVENT = headers(CE_REQUEST)
PROTOBUF = ("1_28.logs", "1_37.logs", "1_37.traces", "openinference.traces", "openllmetry_old.traces")

# Random changes to a compressed frame only ever break its check sum: what is inside is changed, then compressed.
FRAMES: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: data,
    lambda data: gzip.compress(data, 1),
    lambda data: zstandard.ZstdCompressor(level=1).compress(data),
    lambda data: zstandard.ZstdCompressor(level=1, write_content_size=False).compress(data),
    lambda data: gzip.compress(data, 1)[:-4],
    lambda data: gzip.compress(data[:9], 1) + gzip.compress(data[9:], 1) + data[:5],
    lambda data: zstandard.ZstdCompressor(level=1).compress(gzip.compress(data, 1)),
    lambda data: b"\0\0\0\0\7" + data,
    lambda data: b"\0\0\0\0\7\0" + gzip.compress(data, 1),
)


def framed(data: bytes) -> bytes:
    """Return the frame that the first byte names, around the rest."""
    return FRAMES[data[0] % len(FRAMES)](data[1:]) if data else data


def records(target: str, data: bytes) -> Iterator[Record]:
    """Yield the messages that one input stands for."""
    if target == "compression":
        data = framed(data)
    yield Record("t", 0, 0, data)
    if target == "json":
        yield Record("t", 0, 0, data, headers=EVENT)
    if target == "protobuf":
        yield from (Record(f"a.{end}", 0, 0, data, key=b"k") for end in ("inputs", "outputs"))


def check(target: str, data: bytes) -> None:
    """Decode one input: nothing is raised, nothing is unbounded, and it takes no time."""
    for record in records(target, data):
        for outcome in _decoded_in_time(record):
            hold(outcome)


def _decoded_in_time(record: Record) -> list:
    for _ in range(5):  # the machine may be busy
        started = time.thread_time()
        found = decode_or_raise(record, OPTIONS)
        if time.thread_time() - started < SLOWEST:
            assert found
            return found
    raise AssertionError(f"took more than {SLOWEST} s")


def seeds(target: str) -> list[bytes]:
    """Return a message of every shape, as far as the target takes it."""
    values = [case.record().value or b"" for case in CASES.values()]
    texts = [value for value in values if value[:1] in {b"{", b"["}]
    if target == "json":
        return [*texts, *(fixture(f"otlp_{name}.json") for name in PROTOBUF), b'{"prompt": NaN, "a": "\\ud83d"}']
    streams = [value for value in values if value.startswith((b"data:", b"event:"))]
    if target == "sse":
        inside = [json.dumps({"request": {"prompt": "a"}, "response": value.decode()}).encode() for value in streams]
        return [*streams, *inside]
    if target == "protobuf":
        known = {*texts, *streams}
        return [*(value for value in values if value not in known), *(fixture(f"otlp_{name}.pb") for name in PROTOBUF)]
    return [bytes([i]) + texts[i] for i in range(len(FRAMES))]
