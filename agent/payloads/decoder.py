"""Bytes to exchanges: whatever arrives, it ends as an exchange or as a counted reason."""

from __future__ import annotations

from typing import Any

from agent.payloads import jsontext, plain
from agent.payloads.context import Context, Outcome
from agent.payloads.fields import dig, name
from agent.payloads.options import DecodeOptions
from agent.payloads.shapes import candidates
from agent.payloads.times import to_seconds
from agent.records import Record, Rejected

OVERSIZED_HEADER = "offmap-oversized"
"""A source that will not hold a whole message hands it over empty, with this header."""
DEEPEST = 8
"""Wrappers in wrappers that are opened."""


def decode(record: Record, options: DecodeOptions | None = None) -> list[Outcome]:
    """Read one record.

    Parameters
    ----------
    record : Record
        Any bytes at all.
    options : DecodeOptions, optional

    Returns
    -------
    list of Exchange and Rejected
        Never empty, and never an exception. A record may hold several exchanges, good ones beside bad ones.

    Examples
    --------
    >>> decode(Record("chats", 0, 7, b'{"prompt": "Hi", "response": "Hello!", "id": 3, "time": 1714564800}'))[0][:5]
    ('3', 1714564800.0, 'Hi', 'Hello!', 'plain')
    >>> decode(Record("chats", 0, 8, b'{"prompt": "Hi'))
    [Rejected(reason='not_json')]
    """
    try:
        return decode_or_raise(record, options or DecodeOptions())
    except Exception:
        return [Rejected("failed")]


def decode_or_raise(record: Record, options: DecodeOptions) -> list[Outcome]:
    """Do what `decode` does, but let offmap's own mistakes be seen: for tests."""
    if record.value is None:
        return [Rejected("tombstone")]
    if any(key == OVERSIZED_HEADER for key, _ in record.headers) or len(record.value) > options.max_message_bytes:
        return [Rejected("oversized")]
    if not record.value or record.value.isspace():
        return [Rejected("empty")]
    context = Context(record, options, 0, read_document)
    return [_bounded(each, options.max_text_chars) for each in _read_text(record.value, context)]


def read_document(document: Any, context: Context) -> list[Outcome]:
    """Read parsed JSON."""
    if not isinstance(document, dict) or context.depth > DEEPEST:
        return [Rejected("unrecognised" if context.depth <= DEEPEST else "too_deep")]
    paths = context.options.paths
    if not paths:
        return _known(document, context)
    found = plain.read_mapped(document, context) if "prompt" in paths or "response" in paths else []
    return [_overruled(each, document, paths) for each in found or _known(document, context)]


def _read_text(value: bytes, context: Context) -> list[Outcome]:
    try:
        document = jsontext.loads(value)
    except jsontext.JsonTextError as problem:
        return [Rejected(problem.reason)]
    return read_document(document, context)


def _known(document: dict[str, Any], context: Context) -> list[Outcome]:
    for shape in candidates(document):
        if found := shape.read(document, context):
            return [_named(each, shape.name) for each in found]
    return [Rejected("unrecognised")]


def _named(outcome: Outcome, shape: str) -> Outcome:
    return outcome if isinstance(outcome, Rejected) or outcome.shape else outcome._replace(shape=shape)


def _overruled(outcome: Outcome, document: dict[str, Any], paths: dict[str, tuple[str, ...]]) -> Outcome:
    """Let the config's word on id, time and model count more than the shape's own."""
    if isinstance(outcome, Rejected):
        return outcome
    fields = ("id", "time", "model")
    identity, time, model = (dig(document, paths[field]) if field in paths else None for field in fields)
    return outcome._replace(
        id=name(identity) or outcome.id,
        time=to_seconds(time) or outcome.time,
        model=name(model) or outcome.model,
        shape=outcome.shape or "plain",
    )


def _bounded(outcome: Outcome, longest: int) -> Outcome:
    if isinstance(outcome, Rejected):
        return outcome
    prompt, response = outcome.prompt, outcome.response
    if (prompt is None or len(prompt) <= longest) and (response is None or len(response) <= longest):
        return outcome
    return outcome._replace(prompt=prompt and prompt[:longest], response=response and response[:longest])
