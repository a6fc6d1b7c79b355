"""OTLP in protobuf: `TracesData` and `LogsData`, as the collector's Kafka exporter writes them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from agent.payloads.otlp import BODY, WANTED, Item
from agent.payloads.reasons import UnreadableError
from agent.payloads.times import to_seconds
from agent.payloads.wire import BYTES, FIXED64, VARINT, fields, sub, text

_DEEPEST = 32
_TRACE_BYTES, _SPAN_BYTES = 16, 8
_WANTED = tuple(prefix.encode() for prefix in (*WANTED, "event."))
_ERROR = 2
_STRING, _BOOL, _INT, _DOUBLE, _ARRAY, _KVLIST = 1, 2, 3, 4, 5, 6  # AnyValue's fields


def items(data: bytes) -> list[Item] | None:
    """Return the spans or the log records; None where the bytes are another message.

    Both are ``{1: {1: resource, 2: {1: scope, 2: leaf}}}``: which it is shows in the leaf, whose first field is the
    trace's id (bytes) in a span and the time (fixed) in a log record.
    """
    found: list[Item] = []
    for resource in _all(data, 1):
        for scope in _all(resource, 2):
            for leaf in _all(scope, 2):
                parsed: dict[int, list[Any]] = {}
                for number, kind, value in fields(leaf):
                    parsed.setdefault(number, []).append((kind, value))
                item = _span(parsed) or _log(parsed)
                if item is None:
                    return None
                found.append(item)
    return found or None


def _all(data: bytes, wanted: int) -> Iterator[bytes]:
    """Yield the messages in one field."""
    for number, kind, value in fields(data):
        if number == wanted and kind == BYTES:
            yield sub(value)


Parsed = dict[int, list[tuple[int, Any]]]


def _span(parsed: Parsed) -> Item | None:
    """Read a Span: 1 trace, 2 span, 7 start, 8 end, 9 attributes, 11 events, 15 status."""
    trace = _one(parsed, 1, BYTES)
    if trace is None or len(trace) != _TRACE_BYTES or 7 not in parsed:
        return None
    status = _one(parsed, 15, BYTES)
    return Item(
        trace_id=trace.hex(),
        span_id=(_one(parsed, 2, BYTES) or b"").hex(),
        start=_time(parsed, 7),
        end=_time(parsed, 8),
        attributes=_pairs(value for _, value in parsed.get(9, ())),
        events=[_event(sub(value)) for _, value in parsed.get(11, ())],
        failed=status is not None and any(number == 3 and value == _ERROR for number, _, value in fields(status)),
    )


def _log(parsed: Parsed) -> Item | None:
    """Read a LogRecord: 1 time, 5 body, 6 attributes, 9 trace, 10 span, 11 observed time, 12 the event's name."""
    if not any(number in parsed and parsed[number][0][0] == FIXED64 for number in (1, 11)):
        return None
    attributes = _pairs(value for _, value in parsed.get(6, ()))
    body = _any(_one(parsed, 5, BYTES) or b"", 0)
    title = text(_one(parsed, 12, BYTES) or b"") or str(attributes.get("event.name") or "")
    return Item(
        trace_id=(_one(parsed, 9, BYTES) or b"").hex(),
        span_id=(_one(parsed, 10, BYTES) or b"").hex(),
        start=_time(parsed, 1) or _time(parsed, 11),
        end=None,
        attributes=attributes,
        events=[(title, (body if isinstance(body, dict) else {}) | attributes | {BODY: body})],
        log=True,
    )


def _event(data: bytes) -> tuple[str, dict[str, Any]]:
    """Read a span's event: 2 name, 3 attributes."""
    title, attributes = "", []
    for number, kind, value in fields(data):
        if number == 2 and kind == BYTES:
            title = text(value)
        elif number == 3 and kind == BYTES:
            attributes.append(value)
    return title, _pairs(attributes)


def _pairs(entries: Any, depth: int = 0, wanted: tuple[bytes, ...] = _WANTED) -> dict[str, Any]:
    """Read KeyValues: 1 key, 2 value; the values of keys that nobody wants stay unread."""
    found: dict[str, Any] = {}
    for entry in entries:
        key, value = b"", b""
        for number, _, part in fields(sub(entry)):
            if number == 1:
                key = sub(part)
                if not key.startswith(wanted):
                    break
            elif number == 2:
                value = sub(part)
        else:
            found[text(key)] = _any(value, depth)
    return found


def _any(data: bytes, depth: int) -> Any:
    """Read an AnyValue."""
    if depth > _DEEPEST:
        raise UnreadableError("too_deep")
    for number, kind, value in fields(data):
        if number == _STRING and kind == BYTES:
            return text(value)
        if number == _KVLIST and kind == BYTES:
            return _pairs(_all(sub(value), 1), depth + 1, (b"",))
        if number == _ARRAY and kind == BYTES:
            return [_any(each, depth + 1) for each in _all(sub(value), 1)]
        if kind == VARINT and isinstance(value, int):
            return bool(value) if number == _BOOL else value - (value >> 63 << 64) if number == _INT else None
        return struct.unpack("<d", sub(value))[0] if number == _DOUBLE and kind == FIXED64 else None
    return None


def _one(parsed: Parsed, number: int, kind: int) -> Any:
    """Return the last value of a field, as protobuf has it; None where it is absent or of another type."""
    entries = parsed.get(number)
    return entries[-1][1] if entries and entries[-1][0] == kind else None


def _time(parsed: Parsed, number: int) -> float | None:
    raw = _one(parsed, number, FIXED64)
    return None if raw is None else to_seconds(int.from_bytes(raw, "little"))
