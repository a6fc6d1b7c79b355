"""Avro's values, one reader a type, and never more than the bytes that came.

Written here because a reader of others' messages must be bounded: in fastavro 1.13 a message of 5 KB ends the process
(recursion in C), and one of 5 bytes takes seconds and most of a gigabyte (an array of 10⁸ nulls).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from agent.payloads.reasons import UnreadableError
from agent.payloads.wire import MOST_FIELDS, varint

_MOST_BITS = 2**64 - 1


class Body:
    """The bytes of one message, and how far they are read: `left` values may still come."""

    __slots__ = ("at", "data", "depth", "left")

    def __init__(self, data: bytes, left: int = MOST_FIELDS) -> None:
        self.data, self.at, self.depth, self.left = data, 0, 0, left

    def take(self, count: int) -> None:
        """Count values against the limit: some take no bytes at all."""
        self.left -= count
        if self.left < 0:
            raise UnreadableError("oversized")


Read = Callable[[Body], Any]
"""Reads one value; IndexError, UnicodeDecodeError and struct.error say that it is not there."""


def long(body: Body) -> int:
    """Read a whole number: zigzag, 7 bits a byte."""
    byte = body.data[body.at]
    if byte < 0x80:  # by far the most
        body.at += 1
        return (byte >> 1) ^ -(byte & 1)
    value, body.at = varint(body.data, body.at)
    value &= _MOST_BITS
    return (value >> 1) ^ -(value & 1)


def raw(body: Body, size: int) -> bytes:
    """Read so many bytes."""
    at = body.at
    end = at + size
    if size < 0 or end > len(body.data):
        raise IndexError
    body.at = end
    return body.data[at:end]


def string(body: Body) -> str:
    """Read a text."""
    return raw(body, long(body)).decode()


def _as_text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _float(layout: str) -> Read:
    size = struct.calcsize(layout)

    def read(body: Body) -> float | None:
        (value,) = struct.unpack(layout, raw(body, size))
        return value if math.isfinite(value) else None

    return read


def _boolean(body: Body) -> bool:
    return raw(body, 1) != b"\0"


def union(branches: list[Read]) -> Read:
    """Read the number of a branch, and that branch."""

    def read(body: Body) -> Any:
        branch = long(body)
        if branch < 0:
            raise IndexError
        return branches[branch](body)

    return read


def _blocks(body: Body) -> Iterable[int]:
    """Yield the number of items of each block; a negative one has the block's size in bytes behind it."""
    while count := long(body):
        if count < 0:
            count = -count
            long(body)
        body.take(count)
        yield count


def array(item: Read) -> Read:
    """Read blocks of items."""
    return lambda body: [item(body) for count in _blocks(body) for _ in range(count)]


def mapping(value: Read) -> Read:
    """Read blocks of keys and values."""
    return lambda body: {string(body): value(body) for count in _blocks(body) for _ in range(count)}


def enum(symbols: Sequence[str]) -> Read:
    """Read a symbol's number; the symbol is the value."""
    return union([lambda _, symbol=symbol: symbol for symbol in symbols])  # type: ignore[misc]


def fixed(size: int) -> Read:
    """Read bytes of a size that the schema says."""
    return lambda body: _as_text(raw(body, size))


PRIMITIVES: dict[str, Read] = {
    "null": lambda _: None,
    "boolean": _boolean,
    "int": long,
    "long": long,
    "float": _float("<f"),
    "double": _float("<d"),
    "bytes": lambda body: _as_text(raw(body, long(body))),
    "string": string,
}
"""The types without a name of their own."""
