"""From bytes to parsed documents: compression, framing, JSON, lines of JSON, server-sent events."""

from __future__ import annotations

from typing import Any

from agent.payloads import jsontext, sse
from agent.payloads.compression import GZIP, ZSTD, inflate
from agent.payloads.fields import MOST_PARTS
from agent.payloads.reasons import UnreadableError

DEEPEST = 8
"""Wrappers in wrappers that are opened."""

_CONFLUENT_HEADER = 5  # a zero byte and the schema's id


class Documents(list[Any]):
    """Several documents of one message: lines of JSON, or the chunks of a stream."""


def unwrap(value: bytes, most: int) -> bytes:
    """Take compression and Confluent framing off.

    Raises
    ------
    UnreadableError
        With reason "bad_compression", "oversized", "too_deep" or "no_schema".

    Examples
    --------
    >>> unwrap(bytes([0, 0, 0, 0, 7]) + b'{"prompt": "Hi"}', most=100)
    b'{"prompt": "Hi"}'
    """
    for _ in range(DEEPEST):
        if value.startswith((GZIP, ZSTD)):
            value = inflate(value, most)
        elif value[:1] == b"\0":
            value = _unframe(value)
        else:
            return value
    raise UnreadableError("too_deep")


def parse(value: bytes) -> Any:
    r"""Parse one JSON document; several of them, one a line or one an event of a stream, come as `Documents`.

    Raises
    ------
    UnreadableError
        With the reasons of `jsontext.loads`.

    Examples
    --------
    >>> parse(b'{"a": 1}\n{"a": 2}\n')
    [{'a': 1}, {'a': 2}]
    """
    try:
        return jsontext.loads(value)
    except UnreadableError as problem:
        if sse.is_stream(value):
            return Documents(sse.chunks(value))
        if problem.reason == "too_deep" or not _is_lines(value):
            raise
    lines = [line for line in value.split(b"\n", MOST_PARTS + 1)[: MOST_PARTS + 1] if line and not line.isspace()]
    try:
        return Documents(jsontext.loads(b"[" + b",".join(lines) + b"]"))  # at once: faster than one by one
    except UnreadableError:
        return Documents(_line(line) for line in lines)


def _is_lines(value: bytes) -> bool:
    """Say whether the first of several lines is a JSON object or array."""
    start, newline, _ = value.lstrip().partition(b"\n")
    return bool(newline) and start[:1] in {b"{", b"["} and isinstance(_line(start), dict | list)


def _line(line: bytes) -> Any:
    """Parse a line; a bad one among good ones is None, which no shape recognises."""
    try:
        return jsontext.loads(line)
    except UnreadableError:
        return None


def _unframe(value: bytes) -> bytes:
    """Take off Confluent's header of JSON, or of a Protobuf message that is the first of its schema."""
    body = value[_CONFLUENT_HEADER:]
    if body[:1] == b"\0":
        return body[1:]
    if body.lstrip()[:1] in {b"{", b"["}:
        return body
    raise UnreadableError("no_schema")
