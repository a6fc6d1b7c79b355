"""Messages that a schema registry's schema is needed for: Avro, Protobuf, and JSON behind the same header."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from agent.payloads import avro, jsontext, proto_message
from agent.payloads.reasons import SchemaError, UnreadableError

HEADER = 5
"""Bytes of Confluent's header: a zero, and the schema's id (big-endian)."""
MOST_CHARACTERS = 500_000
"""Of one schema."""

Opened = bytes | dict[str, Any] | list[Any]
"""Bytes that are to be read further, or a document."""


class Schemas(Protocol):
    """Where schemas come from."""

    def find(self, number: int) -> Callable[[bytes], Any]:
        """Return what reads the messages of a schema, by its id.

        Raises
        ------
        UnreadableError
            With reason "no_schema", "bad_schema" or "schema_unavailable".
        """


def open_registered(value: bytes, schemas: Schemas) -> Opened:
    """Read a message with Confluent's header; what is JSON inside comes as bytes.

    Raises
    ------
    UnreadableError
        With the reasons of `Schemas.find`, of `avro.reader` and of `proto_message.reader`, or "unrecognised".
    """
    if len(value) < HEADER:
        raise UnreadableError("no_schema")
    found = schemas.find(int.from_bytes(value[1:HEADER], "big"))(value[HEADER:])
    if isinstance(found, str):
        return found.encode()
    if not isinstance(found, bytes | dict | list):
        raise UnreadableError("unrecognised")
    return found


def compiled(kind: str, schema: str, references: Sequence[str] = ()) -> Callable[[bytes], Any]:
    r"""Return what reads messages of a registered schema.

    Parameters
    ----------
    kind : str
        The registry's `schemaType`.
    schema : str
        Its text.
    references : sequence of str
        The texts of the schemas that it refers to, each after those that it refers to itself.

    Raises
    ------
    SchemaError

    Examples
    --------
    >>> compiled("AVRO", '"string"')(b"\x04Hi")
    'Hi'
    """
    if sum(map(len, (schema, *references))) > MOST_CHARACTERS:
        raise SchemaError("it is too large")
    if kind == "JSON":
        return bytes
    if kind == "PROTOBUF":
        return proto_message.reader(schema, references)
    if kind == "AVRO":
        return _avro(schema, references)
    raise SchemaError(f"of type {kind[:20]}")


def _avro(schema: str, references: Sequence[str]) -> Callable[[bytes], Any]:
    try:
        parsed = jsontext.loads(schema)
        others = [jsontext.loads(each) for each in references]
    except UnreadableError:
        raise SchemaError("not JSON") from None
    if parsed == "bytes" or (isinstance(parsed, dict) and parsed.get("type") == "bytes"):
        return bytes  # the producer's serializer writes these as they are
    return avro.reader(parsed, others)
