"""Protobuf's values by a plan that a .proto file gave, and never more than the bytes that came."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from agent.payloads import proto_known
from agent.payloads.proto_source import Field
from agent.payloads.reasons import UnreadableError
from agent.payloads.wire import BYTES, FIXED32, FIXED64, VARINT, Reader, text, varint

DEEPEST = 64
"""Messages in messages."""
_BITS = 2**64 - 1

Value = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Place:
    """How one field is read: its wire type where it does not repeat, and what makes the value of what lies there.

    `message` is the plan of a field that holds messages; `value` is not used then.
    """

    field: Field
    kind: int
    value: Value = str
    message: Plan | None = None


@dataclass(slots=True)
class Plan:
    """How one message is read: its fields by number, and those that are there although not on the wire."""

    name: str
    places: dict[int, Place] = field(default_factory=dict)
    always: dict[str, Any] = field(default_factory=dict)


class Body(Reader):
    """One message; all that is read from it counts against the same limit."""

    def message(self, plan: Plan, data: bytes, depth: int = 0) -> Any:
        """Read a message.

        Raises
        ------
        UnreadableError
            With reason "bad_protobuf", "oversized" or "too_deep".
        UnicodeDecodeError
            For a text that is none.
        """
        if depth > DEEPEST:
            raise UnreadableError("too_deep")
        found = dict(plan.always)
        for number, kind, value in self.fields(data):
            place = plan.places.get(number)
            if place is not None:
                self._put(found, place, kind, value, depth + 1)
        return proto_known.simple(plan.name, found)

    def _put(self, found: dict[str, Any], place: Place, kind: int, value: Any, depth: int) -> None:
        if kind != place.kind:
            if kind != BYTES or not place.field.repeated:
                raise UnreadableError("bad_protobuf")
            found.setdefault(place.field.name, []).extend(self._packed(place, value))
            return
        read = self.message(place.message, value, depth) if place.message is not None else place.value(value)
        if place.field.key:
            found.setdefault(place.field.name, {})[str(read["key"])] = read["value"]
        elif place.field.repeated:
            found.setdefault(place.field.name, []).append(read)
        else:
            found[place.field.name] = read

    def _packed(self, place: Place, data: bytes) -> Iterator[Any]:
        """Yield numbers that lie one behind the other."""
        if place.kind == VARINT:
            at = 0
            while at < len(data):
                self.take(1)
                value, at = varint(data, at)
                yield place.value(value)
            return
        size = _SIZES[place.kind]
        self.take(len(data) // size)
        if len(data) % size:
            raise UnreadableError("bad_protobuf")
        for at in range(0, len(data), size):
            yield place.value(data[at : at + size])


def signed(value: int) -> int:
    """Return the signed number that a varint stands for."""
    value &= _BITS
    return value - (value >> 63 << 64)


def zigzag(value: int) -> int:
    """Return the signed number that a varint of the types sint32 and sint64 stands for.

    Examples
    --------
    >>> [zigzag(value) for value in (0, 1, 2, 3)]
    [0, -1, 1, -2]
    """
    value &= _BITS
    return (value >> 1) ^ -(value & 1)


def _unsigned(value: int) -> int:
    return value & _BITS


def _as_text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _unpacker(layout: str) -> Value:
    def read(data: bytes) -> int | float | None:
        (value,) = struct.unpack(layout, data)
        return value if math.isfinite(value) else None

    return read


_SIZES = {FIXED32: 4, FIXED64: 8}
SCALARS: dict[str, tuple[int, Value]] = {
    **dict.fromkeys(("int32", "int64"), (VARINT, signed)),
    **dict.fromkeys(("uint32", "uint64"), (VARINT, _unsigned)),
    **dict.fromkeys(("sint32", "sint64"), (VARINT, zigzag)),
    "bool": (VARINT, bool),
    "fixed32": (FIXED32, _unpacker("<I")),
    "sfixed32": (FIXED32, _unpacker("<i")),
    "float": (FIXED32, _unpacker("<f")),
    "fixed64": (FIXED64, _unpacker("<Q")),
    "sfixed64": (FIXED64, _unpacker("<q")),
    "double": (FIXED64, _unpacker("<d")),
    "string": (BYTES, text),
    "bytes": (BYTES, _as_text),
}
"""Type → its wire type, and what makes the value of what lies there."""
