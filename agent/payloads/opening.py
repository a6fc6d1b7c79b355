"""From bytes to parsed documents: compression, framing, JSON, lines of JSON, server-sent events."""

from __future__ import annotations

from typing import Any

from agent.payloads import jsontext, sse
from agent.payloads.compression import GZIP, ZSTD, inflate
from agent.payloads.fields import MOST_PARTS
from agent.payloads.options import DecodeOptions
from agent.payloads.reasons import UnreadableError
from agent.payloads.registered import HEADER, Opened, Schemas, open_registered

DEEPEST = 8
"""Wrappers in wrappers that are opened."""


class Documents(list[Any]):
    """Several documents of one message: lines of JSON, or the chunks of a stream."""


def unwrap(value: bytes, options: DecodeOptions) -> Opened:
    """Take compression and Confluent framing off; what a registered schema is needed for comes as a document.

    Raises
    ------
    UnreadableError
        With reason "bad_compression", "oversized", "too_deep", "no_schema", or those of `open_registered`.

    Examples
    --------
    >>> unwrap(bytes([0, 0, 0, 0, 7]) + b'{"prompt": "Hi"}', DecodeOptions())
    b'{"prompt": "Hi"}'
    """
    opened: Opened = value
    for _ in range(DEEPEST):
        if not isinstance(opened, bytes):
            return opened
        if opened.startswith((GZIP, ZSTD)):
            opened = inflate(opened, options.max_message_bytes)
        elif opened[:1] == b"\0":
            opened = _unframe(opened) if options.schemas is None else _registered(opened, options.schemas)
        else:
            return opened
    raise UnreadableError("too_deep")


def opened(value: bytes, options: DecodeOptions) -> Any:
    """Return the document in a message that is JSON or has a registered schema.

    Raises
    ------
    UnreadableError
        With the reasons of `unwrap` and `parse`.
    """
    found = unwrap(value, options)
    return parse(found) if isinstance(found, bytes) else found


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


def _registered(value: bytes, schemas: Schemas) -> Opened:
    """Open by its schema what has one; JSON is read without, and does not wait for a registry."""
    try:
        return open_registered(value, schemas)
    except UnreadableError as problem:
        body = value[HEADER:]
        if problem.reason in {"no_schema", "schema_unavailable"} and body[:1] in {b"{", b"["}:
            return body
        raise


def _unframe(value: bytes) -> bytes:
    """Take off Confluent's header of JSON, or of a Protobuf message that is the first of its schema."""
    body = value[HEADER:]
    if body[:1] == b"\0":
        return body[1:]
    if body.lstrip()[:1] in {b"{", b"["}:
        return body
    raise UnreadableError("no_schema")
