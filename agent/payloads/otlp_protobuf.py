"""OTLP in protobuf: `TracesData` and `LogsData`, as the collector's Kafka exporter writes them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from agent.payloads.otlp import BODY, WANTED, Item
from agent.payloads.reasons import UnreadableError
from agent.payloads.times import to_seconds
from agent.payloads.wire import BYTES, FIXED64, LAST_SHORT, VARINT, Reader, sub, tag, text, varint

_DEEPEST = 32
_TRACE_BYTES = 16
_EVERY = (b"",)
_ERROR = 2
_KEY, _VALUE, _TEXT = 0x0A, 0x12, 0x0A  # the tags of a key, of its value, and of a text in that
_START = tag(7, FIXED64)
_SPAN_ATTRIBUTES, _EVENTS, _EVENT_ATTRIBUTES, _LOG_ATTRIBUTES = (tag(number, BYTES) for number in (9, 11, 3, 6))
_STRING, _BOOL, _INT, _DOUBLE, _ARRAY, _KVLIST = 1, 2, 3, 4, 5, 6  # AnyValue's fields


def items(data: bytes, keys: tuple[str, ...] = WANTED) -> list[Item] | None:
    """Return the spans or the log records; None where the bytes are another message.

    Of their attributes those are decoded that begin with one of `keys`.

    Both are ``{1: {1: resource, 2: {1: scope, 2: leaf}}}``: which it is shows in the leaf, whose first field is the
    trace's id (bytes) in a span and the time (fixed) in a log record.
    """
    return _Batch(data, _encoded(keys)).items()


@lru_cache(maxsize=8)
def _encoded(keys: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(key.encode() for key in keys)


Parsed = dict[int, list[Any]]


class _Batch(Reader):
    """One message; all that is read from it counts against the same limit."""

    def __init__(self, data: bytes, keys: tuple[bytes, ...]) -> None:
        super().__init__()
        self._data = data
        self._keys = keys

    def items(self) -> list[Item] | None:
        found: list[Item] = []
        for leaf in self._leaves():
            parsed = self.collect(leaf)
            item = self._span(parsed) or self._log(parsed)
            if item is None:
                return None
            found.append(item)
        return found or None

    def _leaves(self) -> Iterator[bytes]:
        for resource in self.messages(self._data, 1):
            for scope in self.messages(resource, 2):
                yield from self.messages(scope, 2)

    def _span(self, parsed: Parsed) -> Item | None:
        """Read a Span: 1 trace, 2 span, 7 start, 8 end, 9 attributes, 11 events, 15 status."""
        trace = _one(parsed, 1, BYTES)
        if trace is None or len(trace) != _TRACE_BYTES or _START not in parsed:
            return None
        status = _one(parsed, 15, BYTES) or b""
        return Item(
            trace_id=trace.hex(),
            span_id=(_one(parsed, 2, BYTES) or b"").hex(),
            start=_time(parsed, 7),
            end=_time(parsed, 8),
            attributes=self._pairs(parsed.get(_SPAN_ATTRIBUTES, ()), self._keys),
            events=[self._event(value) for value in parsed.get(_EVENTS, ())],
            failed=bool(status) and _one(self.collect(status), 3, VARINT) == _ERROR,
        )

    def _log(self, parsed: Parsed) -> Item | None:
        """Read a LogRecord: 1 time, 5 body, 6 attributes, 9 trace, 10 span, 11 observed time, 12 the event's name."""
        if _one(parsed, 1, FIXED64) is None and _one(parsed, 11, FIXED64) is None:
            return None
        attributes = self._pairs(parsed.get(_LOG_ATTRIBUTES, ()), self._keys)
        body = self._any(_one(parsed, 5, BYTES) or b"", 0)
        title = text(_one(parsed, 12, BYTES) or b"") or str(attributes.get("event.name") or "")
        return Item(
            trace_id=(_one(parsed, 9, BYTES) or b"").hex(),
            span_id=(_one(parsed, 10, BYTES) or b"").hex(),
            start=_time(parsed, 1) or _time(parsed, 11),
            end=None,
            attributes=attributes,
            events=[(title, (body if isinstance(body, dict) else {}) | {BODY: body})],
            log=True,
        )

    def _event(self, data: bytes) -> tuple[str, dict[str, Any]]:
        """Read a span's event: 2 name, 3 attributes."""
        parsed = self.collect(data)
        return text(_one(parsed, 2, BYTES) or b""), self._pairs(parsed.get(_EVENT_ATTRIBUTES, ()), self._keys)

    def _pairs(self, entries: Iterable[Any], keys: tuple[bytes, ...], depth: int = 0) -> dict[str, Any]:
        """Read KeyValues: 1 key, 2 value; the values of keys that nobody wants stay unread."""
        found: dict[str, Any] = {}
        for entry in entries:
            try:
                end = entry[1] + 2
                size, start = entry[end + 1], end + 2
                if size > LAST_SHORT:
                    size, start = varint(entry, end + 1)
                # by far the most come in this order; what follows would do for all, only slower
                if entry[0] == _KEY and entry[end] == _VALUE and end - 2 <= LAST_SHORT and start + size == len(entry):
                    if not entry.startswith(keys, 2):
                        continue
                    if size > 1 and entry[start] == _TEXT and entry[start + 1] + 2 == size <= LAST_SHORT:
                        found[entry[2:end].decode()] = entry[start + 2 :].decode()
                    else:
                        found[entry[2:end].decode()] = self._any(entry[start:], depth)
                    continue
            except IndexError:
                pass
            title, content = self._key_value(entry)
            if title.startswith(keys):
                found[title.decode()] = self._any(content, depth)
        return found

    def _key_value(self, entry: bytes) -> tuple[bytes, bytes]:
        key, value = b"", b""
        for number, _, part in self.fields(entry):
            if number == 1:
                key = sub(part)
            elif number == 2:
                value = sub(part)
        return key, value

    def _any(self, data: bytes, depth: int) -> Any:
        """Read an AnyValue: one field of `_plain`'s, a text, or others inside."""
        if depth > _DEEPEST:
            raise UnreadableError("too_deep")
        try:
            size, start = data[1], 2
            if size > LAST_SHORT:
                size, start = varint(data, 1)
            if data[0] & 7 == BYTES and start + size == len(data):  # by far the most
                if data[0] == _TEXT:
                    return data[start:].decode()
                return self._inside(data[0] >> 3, BYTES, data[start:], depth)
        except IndexError:
            pass
        for number, kind, value in self.fields(data):
            return self._inside(number, kind, value, depth)
        return None

    def _inside(self, number: int, kind: int, value: bytes | int, depth: int) -> Any:
        if kind != BYTES or isinstance(value, int):
            return _plain(number, kind, value)
        if number == _STRING:
            return value.decode()
        if number == _KVLIST:
            return self._pairs(self.messages(value, 1), _EVERY, depth + 1)
        return [self._any(each, depth + 1) for each in self.messages(value, 1)] if number == _ARRAY else None


def _plain(number: int, kind: int, value: bytes | int) -> Any:
    """Return a bool, a whole number (64 bits, signed) or a float."""
    if kind == VARINT and isinstance(value, int):
        return bool(value) if number == _BOOL else value - (value >> 63 << 64) if number == _INT else None
    return struct.unpack("<d", sub(value))[0] if number == _DOUBLE and kind == FIXED64 else None


def _one(parsed: Parsed, number: int, kind: int) -> Any:
    """Return the last value of a field, as protobuf has it; None where it is absent."""
    values = parsed.get(number << 3 | kind)
    return values[-1] if values else None


def _time(parsed: Parsed, number: int) -> float | None:
    raw = _one(parsed, number, FIXED64)
    return None if raw is None else to_seconds(int.from_bytes(raw, "little"))
