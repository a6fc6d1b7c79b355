"""Avro schemas: what reads a message by the schema that it was written with."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any

from agent.payloads import avro_values as values
from agent.payloads.avro_values import Body, Read
from agent.payloads.reasons import SchemaError, UnreadableError

DEEPEST = 64
"""Types in types of a schema, and records in records of a message."""
MOST_TYPES = 10_000
"""Of one schema, its fields counted too."""
_LARGEST_FIXED = 2**20


def reader(schema: Any, references: Iterable[Any] = ()) -> Callable[[bytes], Any]:
    r"""Return what reads messages of a schema.

    Parameters
    ----------
    schema : parsed JSON
    references : iterable of parsed JSON
        Schemas whose names it uses, each after those that it uses itself.

    Returns
    -------
    callable
        Bytes in; plain values out, as JSON would have them: of a union the value alone, bytes as text where they are
        UTF-8, else None, as NaN is. Raises `UnreadableError` with reason "bad_avro", "oversized" or "too_deep".

    Raises
    ------
    SchemaError
        It is none.

    Examples
    --------
    >>> fields = [{"name": "prompt", "type": "string"}, {"name": "n", "type": ["null", "long"]}]
    >>> reader({"type": "record", "name": "Chat", "fields": fields})(b"\x04Hi\x02\x0e")
    {'prompt': 'Hi', 'n': 7}
    """
    types = _Types()
    for each in references:
        types.read_of(each, "", 0)
    read = types.read_of(schema, "", 0)

    def decode(data: bytes) -> Any:
        body = Body(data)
        try:
            value = read(body)
        except (IndexError, UnicodeDecodeError, struct.error):
            raise UnreadableError("bad_avro") from None
        except RecursionError:
            raise UnreadableError("too_deep") from None
        if body.at != len(data):
            raise UnreadableError("bad_avro")
        return value

    return decode


class _Types:
    """Makes a reader of every type, and remembers those that have a name."""

    def __init__(self) -> None:
        self._named: dict[str, Read] = {}
        self._left = MOST_TYPES
        self._makers = {
            "record": self._record,
            "error": self._record,
            "array": self._array,
            "map": self._map,
            "enum": self._enum,
            "fixed": self._fixed,
        }

    def read_of(self, schema: Any, space: str, depth: int) -> Read:
        self._left -= 1
        if depth > DEEPEST or self._left < 0:
            raise SchemaError("it is too large")
        if isinstance(schema, list):
            return values.union([self.read_of(each, space, depth + 1) for each in schema])
        if isinstance(schema, str):
            return values.PRIMITIVES.get(schema) or self._by_name(schema, space)
        if not isinstance(schema, dict):
            raise SchemaError("not an Avro schema")
        kind = schema.get("type")
        make = self._makers.get(kind) if isinstance(kind, str) else None
        return self.read_of(kind, space, depth + 1) if make is None else make(schema, space, depth)

    def _array(self, schema: dict[str, Any], space: str, depth: int) -> Read:
        return values.array(self.read_of(schema.get("items"), space, depth + 1))

    def _map(self, schema: dict[str, Any], space: str, depth: int) -> Read:
        return values.mapping(self.read_of(schema.get("values"), space, depth + 1))

    def _enum(self, schema: dict[str, Any], space: str, _: int) -> Read:
        symbols = schema.get("symbols")
        if not isinstance(symbols, list) or not all(isinstance(each, str) for each in symbols):
            raise SchemaError("an enum without symbols")
        return self._call(schema, space, values.enum(symbols))

    def _fixed(self, schema: dict[str, Any], space: str, _: int) -> Read:
        size = schema.get("size")
        if not isinstance(size, int) or not 0 <= size <= _LARGEST_FIXED:
            raise SchemaError("a fixed type without a size")
        return self._call(schema, space, values.fixed(size))

    def _record(self, schema: dict[str, Any], space: str, depth: int) -> Read:
        members: list[tuple[str, Read]] = []

        def read(body: Body) -> dict[str, Any]:
            body.take(1 + len(members))
            body.depth += 1
            if body.depth > DEEPEST:
                raise UnreadableError("too_deep")
            found = {name: each(body) for name, each in members}
            body.depth -= 1
            return found

        self._call(schema, space, read)  # before its fields, which may be of its own type
        inner = _full_name(schema, space).rpartition(".")[0]
        fields = schema.get("fields")
        for field in fields if isinstance(fields, list) else [None]:
            if not isinstance(field, dict) or not isinstance(field.get("name"), str):
                raise SchemaError("a record without fields")
            members.append((field["name"], self.read_of(field.get("type"), inner, depth + 1)))
        return read

    def _call(self, schema: dict[str, Any], space: str, read: Read) -> Read:
        self._named[_full_name(schema, space)] = read
        return read

    def _by_name(self, name: str, space: str) -> Read:
        read = self._named.get(f"{space}.{name}") if space and "." not in name else None
        read = read or self._named.get(name)
        if read is None:
            raise SchemaError(f"an unknown type: {name[:100]}")
        return read


def _full_name(schema: dict[str, Any], space: str) -> str:
    name, own = schema.get("name"), schema.get("namespace", space)
    if not isinstance(name, str) or not isinstance(own, str):
        raise SchemaError("a type without a name")
    return name if "." in name or not own else f"{own}.{name}"
