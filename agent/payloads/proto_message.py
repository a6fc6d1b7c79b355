"""Protobuf messages of a registered schema: what reads them by their .proto files."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from agent.payloads import proto_known, proto_source
from agent.payloads.proto_source import Field, File, Message
from agent.payloads.proto_values import SCALARS, Body, Place, Plan, signed, zigzag
from agent.payloads.reasons import UnreadableError
from agent.payloads.wire import BYTES, VARINT, varint

_MOST_INDEXES = 32
_READ_BY_CONTENT = ("opentelemetry.proto.", "inference.")


def reader(source: str, references: Iterable[str] = ()) -> Callable[[bytes], Any]:
    r"""Return what reads messages of a schema, as they come behind Confluent's header.

    Parameters
    ----------
    source : str
        The .proto file's text.
    references : iterable of str
        Those of the files that it imports, and of those that they import.

    Returns
    -------
    callable
        Bytes in, the first of them the indexes that say which message it is; plain values out, under the names in the
        .proto file. A message of OpenTelemetry's or the Open Inference Protocol's comes as its own bytes: these are
        read without a schema. Raises `UnreadableError` with reason "bad_protobuf", "oversized" or "too_deep".

    Raises
    ------
    SchemaError
        A text is no .proto file.

    Examples
    --------
    >>> source = 'syntax = "proto3"; message Chat { string prompt = 1; repeated int32 n = 2; }'
    >>> reader(source)(b"\0\x0a\x02Hi\x12\x01\x07")
    {'prompt': 'Hi', 'n': [7]}
    """
    file = proto_source.parse(source)
    plans = _Linker([file, *map(proto_source.parse, references), proto_source.parse(proto_known.SOURCE)]).plans

    def decode(data: bytes) -> Any:
        try:
            message, at = _chosen(file.messages, data)
            if message.name.startswith(_READ_BY_CONTENT):
                return data[at:]
            return Body().message(plans[message.name], data[at:], 0)
        except (IndexError, UnicodeDecodeError, struct.error):
            raise UnreadableError("bad_protobuf") from None

    return decode


def _chosen(messages: Sequence[Message], data: bytes) -> tuple[Message, int]:
    """Return the message that the indexes name, and where it begins; a lone 0 stands for the first."""
    raw, at = varint(data, 0)
    path = []
    for _ in range(_bounded(raw, _MOST_INDEXES + 1)):
        raw, at = varint(data, at)
        path.append(raw)
    *outer, last = path or [0]
    for each in outer:
        messages = messages[_bounded(each, len(messages))].inner
    return messages[_bounded(last, len(messages))], at


def _bounded(raw: int, end: int) -> int:
    index = zigzag(raw)
    if not 0 <= index < end:
        raise IndexError
    return index


class _Linker:
    """Finds what the names in the files mean, and makes the plan of every message."""

    def __init__(self, files: Sequence[File]) -> None:
        self._enums = {name: names for file in files for name, names in file.enums.items()}
        messages: dict[str, Message] = {}
        waiting = [message for file in files for message in file.messages]
        while waiting:
            message = waiting.pop()
            messages[message.name] = message
            waiting += message.inner
        self.plans = {name: Plan(name) for name in messages}
        for name, message in messages.items():
            plan = self.plans[name]
            plan.always = {each.name: "" for each in message.fields.values() if each.always}
            places = {number: self._place(each, name) for number, each in message.fields.items()}
            plan.places = {number: place for number, place in places.items() if place is not None}

    def _place(self, each: Field, scope: str) -> Place | None:
        """Return how a field is read; None for a type that no file declares: it stays unread."""
        if each.key:
            return self._map(each, scope)
        if each.type in SCALARS:
            return Place(each, *SCALARS[each.type])
        for name in _meanings(each.type, scope):
            if name in self.plans:
                return Place(each, BYTES, message=self.plans[name])
            if name in self._enums:
                return Place(each, VARINT, partial(_enum, self._enums[name]))
        return None

    def _map(self, each: Field, scope: str) -> Place | None:
        """Return how the entries of a map are read: messages of a key and a value."""
        parts = [self._place(Field(*part), scope) for part in (("key", each.key), ("value", each.type))]
        places = {number: part for number, part in enumerate(parts, 1) if part is not None}
        always = {part.field.name: _default(part) for part in places.values()}
        return Place(each, BYTES, message=Plan("", places, always)) if len(places) == len(parts) else None


def _enum(names: Mapping[int, str], raw: int) -> str | int:
    return names.get(signed(raw), signed(raw))


def _default(place: Place) -> Any:
    if place.message is not None:
        return {}
    return place.value(0) if place.kind == VARINT else "" if place.kind == BYTES else 0


def _meanings(name: str, scope: str) -> Iterator[str]:
    """Yield the full names that a name may mean, the innermost first."""
    if name.startswith("."):
        yield name[1:]
        return
    while scope:
        yield f"{scope}.{name}"
        scope = scope.rpartition(".")[0]
    yield name
