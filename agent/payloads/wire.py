"""Protobuf's wire format, read field by field without generated code, and never more than the bytes that came."""

from __future__ import annotations

from collections.abc import Iterator

from agent.payloads.reasons import UnreadableError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MOST_FIELDS = 100_000
"""Fields of one message that are read: a full megabyte of spans has about half of that."""
_LAST_SHORT = 0x7F  # the greatest varint of one byte: nearly all tags and most lengths
_LONGEST_VARINT = 10
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
            tag, at = data[at], at + 1
            if tag > _LAST_SHORT:
                tag, at = _varint(data, at - 1)
            number, kind = tag >> 3, tag & 7
            if kind == VARINT:
                value, at = (data[at], at + 1) if at < end and data[at] <= _LAST_SHORT else _varint(data, at)
                yield number, kind, value
                continue
            if kind == BYTES:
                size, at = (data[at], at + 1) if at < end and data[at] <= _LAST_SHORT else _varint(data, at)
            else:
                size = _FIXED.get(kind, end + 1)
            if not number or size > end - at:
                raise UnreadableError("bad_protobuf")
            yield number, kind, data[at : at + size]
            at += size

    def take(self, count: int) -> None:
        """Count values that are read otherwise against the limit.

        Raises
        ------
        UnreadableError
            With reason "oversized".
        """
        self._left -= count
        if self._left < 0:
            raise UnreadableError("oversized")

    def messages(self, data: bytes, number: int) -> list[bytes]:
        r"""Return the contents of one field of up to 15 that holds messages; the others are skipped.

        Raises
        ------
        UnreadableError
            As `fields` does.

        Examples
        --------
        >>> Reader().messages(b"\x08\x01\x12\x02Hi\x12\x00", 2)
        [b'Hi', b'']
        """
        found, tag, at, end = [], number << 3 | BYTES, 0, len(data)
        for _ in range(self._left):
            if at + 1 >= end or data[at] != tag or data[at + 1] > _LAST_SHORT:
                break  # all before are alike and short: by far the most
            start, at = at + 2, at + 2 + data[at + 1]
            if at > end:
                raise UnreadableError("bad_protobuf")
            found.append(data[start:at])
        self._left -= len(found)
        if at == end:
            return found
        rest = self.fields(data[at:] if at else data)
        return found + [sub(value) for each, kind, value in rest if each == number and kind == BYTES]


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
        if byte <= _LAST_SHORT:
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
