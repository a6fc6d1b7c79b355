"""What coverage-guided fuzzing feeds to the decoder, and what must hold of what comes back."""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import zstandard

from agent.payloads import DecodeOptions
from agent.payloads.decoder import decode_or_raise
from agent.payloads.reasons import UnreadableError
from agent.payloads.registered import compiled
from agent.records import Record
from tests.payload_cases import CASES, CE_REQUEST, fixture, headers, proto
from tests.payload_promises import hold

CORPUS = Path(__file__).parent / "corpus"
LONGEST = 65_536
"""Bytes of an input."""
SLOWEST = 0.1
"""Seconds of processor time that an input may take."""
OPTIONS = DecodeOptions(max_text_chars=1000, max_message_bytes=2**20, tags=("metadata.team",))
EVENT = headers(CE_REQUEST)
PROTOBUF = ("1_28.logs", "1_37.logs", "1_37.traces", "openinference.traces", "openllmetry_old.traces")

# What one input is, by its first byte: a message of these schemas, or a schema itself and a message of it.
AVRO = """{"type": "record", "name": "Chat", "fields": [{"name": "prompt", "type": "string"},
    {"name": "response", "type": ["null", "string", "bytes"]},
    {"name": "more", "type": {"type": "array", "items": "Chat"}},
    {"name": "n", "type": {"type": "map", "values": ["null", "long", "double", "boolean"]}},
    {"name": "nulls", "type": {"type": "array", "items": "null"}}, {"name": "f", "type": ["null", "float", "int",
    {"type": "enum", "name": "E", "symbols": ["a", "b"]}, {"type": "fixed", "name": "F", "size": 2}]}]}"""
PROTO = """syntax = "proto3"; import "google/protobuf/struct.proto"; enum Kind { A = 0; B = 1; }
message Chat { string prompt = 1; bytes response = 2; repeated Chat more = 3; map<string, Chat> by_name = 4;
  repeated sint64 n = 5; repeated double x = 6; Kind kind = 7; google.protobuf.Value any = 8; repeated Kind kinds = 9;
  oneof one { float f = 10; google.protobuf.Timestamp time = 11; google.protobuf.StringValue s = 12; } }"""
KINDS = ("AVRO", "PROTOBUF")
READERS = {kind: compiled(kind, schema) for kind, schema in zip(KINDS, (AVRO, PROTO), strict=True)}


class One:
    """A registry of one schema."""

    def __init__(self, read: Callable[[bytes], object]) -> None:
        self._read = read

    def find(self, _: int) -> Callable[[bytes], object]:
        return self._read


def registered(data: bytes) -> tuple[DecodeOptions, bytes]:
    """Return the options with a schema, and the message behind its header."""
    choice, body = data[:1], data[1:]
    kind = KINDS[ord(choice) & 1] if choice else "AVRO"
    read = READERS[kind]
    if choice and ord(choice) & 2:  # the schema comes too, up to the first zero
        schema, _, body = body.partition(b"\0")
        with suppress(UnreadableError):
            read = compiled(kind, schema.decode("utf-8", "replace"))
    return replace(OPTIONS, schemas=One(read)), b"\0\0\0\0\7" + body


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


REGISTERED = [
    b"\0" + b"\4Hi" + b"\2\4Ho" + b"\2\4ab\0\0\0\0\0\0" + b"\2\2k\4\0\0\0\0\0\0\xf0\x3f\0" + b"\4\0" + b"\6\2",
    b"\1" + b"\0" + proto((1, "Hi"), (2, "Ho"), (3, proto((1, "a"))), (4, proto((1, "k"), (2, proto((1, "b")))))),
    b"\1"
    b"\0" + proto((5, b"\1\2"), (7, 1), (8, proto((3, "x"))), (9, b"\1\0"), (11, proto((1, 7))), (12, proto((1, "s")))),
    b"\2" + AVRO.encode() + b"\0\4Hi\0\0\0\0\0",
    b"\3" + PROTO.encode() + b"\0\0\x0a\2Hi",
]


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
    options = OPTIONS
    if target == "registered":
        options, data = registered(data)
    for record in records(target, data):
        for outcome in _decoded_in_time(record, options):
            hold(outcome)


def _decoded_in_time(record: Record, options: DecodeOptions) -> list:
    for _ in range(5):  # the machine may be busy
        started = time.thread_time()
        found = decode_or_raise(record, options)
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
    if target == "registered":
        return REGISTERED
    return [bytes([i]) + texts[i] for i in range(len(FRAMES))]
