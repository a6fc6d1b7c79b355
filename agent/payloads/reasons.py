"""The fixed list of reasons why (a part of) a record gave no exchange: label values, so it never grows at run time."""

from __future__ import annotations

REASONS: dict[str, str] = {
    "tombstone": "a null value: Kafka's deletion marker",
    "empty": "no bytes, or nothing but white space",
    "oversized": "longer than `max_message_bytes`, as it came or when decompressed",
    "unreadable": "a batch of Kafka's own that the client cannot unpack: a failed checksum, say",
    "bad_compression": "a gzip or zstd frame that is damaged or ends early",
    "not_utf8": "text that is not valid UTF-8",
    "not_json": "text that is not JSON, nor a stream of JSON events",
    "too_deep": "nested deeper than a parser may follow",
    "bad_protobuf": "binary that is not a message of a known protobuf type, or not of its registered one",
    "bad_avro": "Avro whose bytes are not of its registered schema",
    "unrecognised": "readable, but the text was not found: a shape that offmap does not know, or a moved field",
    "no_schema": "Confluent framing of Avro or Protobuf, and no schema registry is set, or it does not know the schema",
    "bad_schema": "a registered schema that offmap cannot use",
    "schema_unavailable": "the schema registry did not answer in time",
    "no_content": "a generation whose producer does not log its text: content capture is off there",
    "not_llm": "a known container that carries no text generation: another kind of span, event or request",
    "no_prompt": "a known shape whose prompt has no text: an image alone, no user turn, only white space",
    "redacted": "the producer switched content off and put a sentinel in its place",
    "failed": "offmap's own mistake: please report it",
}
"""Reason → what it means, for the README's table."""


class UnreadableError(ValueError):
    """Bytes that cannot be read; `reason` is one of `REASONS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SchemaError(UnreadableError):
    """A registered schema that cannot be used."""

    def __init__(self, words: str) -> None:
        super().__init__("bad_schema")
        self.words = words
