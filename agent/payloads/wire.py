"""Protobuf's wire format, read field by field without generated code, and never more than the bytes that came."""

from __future__ import annotations

from collections.abc import Iterator

from agent.payloads.reasons import UnreadableError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10
_FIXED = {FIXED64: 8, FIXED32: 4}


def fields(data: bytes) -> Iterator[tuple[int, int, bytes | int]]:
    r"""Yield each field of a message: its number, its wire type, and its value.

    Varints come as integers ≥ 0, the others as bytes. Groups, which no known message has, are refused.

    Raises
    ------
    UnreadableError
        With reason "bad_protobuf", where the bytes are no message: a length beyond the end, a field 0, a bad type.

    Examples
    --------
    >>> list(fields(b"\x08\x96\x01\x12\x02Hi"))
    [(1, 0, 150), (2, 2, b'Hi')]
    """
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if not number:
            raise UnreadableError("bad_protobuf")
        if kind == BYTES:
            size, at = _varint(data, at)
            if size > end - at:
                raise UnreadableError("bad_protobuf")
            yield number, kind, data[at : at + size]
            at += size
        elif kind == VARINT:
            value, at = _varint(data, at)
            yield number, kind, value
        else:
            size = _FIXED.get(kind, end + 1)
            if size > end - at:
                raise UnreadableError("bad_protobuf")
            yield number, kind, data[at : at + size]
            at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and where it ends."""
    try:
        byte = data[at]
        if byte < 0x80:  # by far the most common
            return byte, at + 1
        value, shift = byte & 0x7F, 7
        for place in range(at + 1, at + _LONGEST_VARINT):
            byte = data[place]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, place + 1
            shift += 7
    except IndexError:
        pass
    raise UnreadableError("bad_protobuf")


def text(data: bytes | int) -> str:
    """Return a string field; what is not UTF-8 makes the message unreadable.

    Examples
    --------
    >>> text("né".encode())
    'né'
    """
    try:
        return data.decode("utf-8") if isinstance(data, bytes) else ""
    except UnicodeDecodeError:
        raise UnreadableError("bad_protobuf") from None


def sub(data: bytes | int) -> bytes:
    """Return the bytes of a field that holds a message, whatever its wire type was."""
    return data if isinstance(data, bytes) else b""
