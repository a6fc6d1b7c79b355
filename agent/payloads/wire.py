"""Protobuf's wire format, read field by field without generated code, and never more than the bytes that came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.payloads.reasons import UnreadableError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MOST_FIELDS = 100_000
"""Fields of one message that are read: a full megabyte of spans has about half of that."""
LAST_SHORT = 0x7F
"""The greatest varint of one byte: nearly all tags and most lengths."""
_LONGEST_VARINT = 10
_FIRST_TAG = 8  # of field 1
_FIXED = {FIXED64: 8, FIXED32: 4}


class Reader:
    r"""Reads the fields of a message and of the messages within, so many in all.

    Parameters
    ----------
    most : int
        Fields that may be read: what binds the time, for two bytes are enough for a field.

    Examples
    --------
    >>> list(Reader().fields(b"\x08\x96\x01\x12\x02Hi"))
    [(1, 0, 150), (2, 2, b'Hi')]
    """

    def __init__(self, most: int = MOST_FIELDS) -> None:
        self._left = most

    def fields(self, data: bytes) -> Iterator[tuple[int, int, bytes | int]]:
        """Yield each field: its number, its wire type, and its value.

        Varints come as integers ≥ 0, the others as bytes. Groups, which no known message has, are refused.

        Raises
        ------
        UnreadableError
            With reason "bad_protobuf" where the bytes are no message: a length beyond the end, a field 0, a bad type;
            with reason "oversized" where there are too many fields.
        """
        at, end = 0, len(data)
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise UnreadableError("oversized")
            key, at = data[at], at + 1
            if key > LAST_SHORT:
                key, at = _varint(data, at - 1)
            number, kind = key >> 3, key & 7
            if kind == VARINT:
                value, at = (data[at], at + 1) if at < end and data[at] <= LAST_SHORT else _varint(data, at)
                yield number, kind, value
                continue
            if kind == BYTES:
                size, at = (data[at], at + 1) if at < end and data[at] <= LAST_SHORT else _varint(data, at)
            else:
                size = _FIXED.get(kind, end + 1)
            if not number or size > end - at:
                raise UnreadableError("bad_protobuf")
            yield number, kind, data[at : at + size]
            at += size

    def collect(self, data: bytes) -> dict[int, list[Any]]:
        r"""Return the values of all fields by `tag`: what `fields` does, faster where many of them are wanted.

        Examples
        --------
        >>> found = Reader().collect(b"\x08\x96\x01\x12\x02Hi\x12\x00")
        >>> found[tag(1, VARINT)], found[tag(2, BYTES)]
        ([150], [b'Hi', b''])
        """
        found: dict[int, list[Any]] = {}
        at, end, left = 0, len(data), self._left
        try:
            while at < end:
                key, at, left = data[at], at + 1, left - 1
                if key > LAST_SHORT:
                    key, at = varint(data, at - 1)
                kind = key & 7
                if kind in (BYTES, VARINT):
                    size, at = data[at], at + 1
                    if size > LAST_SHORT:
                        size, at = varint(data, at - 1)
                else:
                    size = _FIXED[kind]
                value: Any = size
                if kind != VARINT:
                    value = data[at : at + size]
                    at += size
                if left < 0 or key < _FIRST_TAG:
                    raise UnreadableError("oversized" if left < 0 else "bad_protobuf")
                if key in found:
                    found[key].append(value)
                else:
                    found[key] = [value]
        except (IndexError, KeyError):
            raise UnreadableError("bad_protobuf") from None
        if at > end:
            raise UnreadableError("bad_protobuf")
        self._left = left
        return found

    def take(self, count: int) -> None:
        """Count values that are read otherwise against the limit; above it they are refused as "oversized"."""
        self._left -= count
        if self._left < 0:
            raise UnreadableError("oversized")

    def messages(self, data: bytes, number: int) -> list[bytes]:
        r"""Return the contents of one field that holds messages; raises as `fields` does.

        Examples
        --------
        >>> Reader().messages(b"\x08\x01\x12\x02Hi\x12\x00", 2)
        [b'Hi', b'']
        """
        found, key, at, end = [], tag(number, BYTES), 0, len(data)
        try:
            for _ in range(self._left + 1):
                if at >= end or data[at] != key:  # in most messages all are alike
                    break
                size, start = data[at + 1], at + 2
                if size > LAST_SHORT:
                    size, start = varint(data, at + 1)
                at = start + size
                found.append(data[start:at])
        except IndexError:
            at = end + 1
        if at > end:
            raise UnreadableError("bad_protobuf")
        self.take(len(found))
        return found if at == end else found + self.collect(data[at:]).get(key, [])


def tag(number: int, kind: int) -> int:
    """Return what stands before a field: its number and its wire type."""
    return number << 3 | kind


def varint(data: bytes, at: int) -> tuple[int, int]:
    r"""Return a number and where it ends.

    Raises
    ------
    IndexError
        It does not end.

    Examples
    --------
    >>> varint(b"\x96\x01", 0)
    (150, 2)
    """
    value, shift = 0, 0
    for place in range(at, at + _LONGEST_VARINT):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if byte <= LAST_SHORT:
            return value, place + 1
        shift += 7
    raise IndexError


def _varint(data: bytes, at: int) -> tuple[int, int]:
    try:
        return varint(data, at)
    except IndexError:
        raise UnreadableError("bad_protobuf") from None


def text(data: bytes | int) -> str:
    """Return a string field.

    Raises
    ------
    UnicodeDecodeError
        Protobuf's strings are UTF-8: other bytes are another message.

    Examples
    --------
    >>> text("né".encode())
    'né'
    """
    return data.decode("utf-8") if isinstance(data, bytes) else ""


def sub(data: bytes | int) -> bytes:
    """Return the bytes of a field that holds a message, whatever its wire type was."""
    return data if isinstance(data, bytes) else b""
