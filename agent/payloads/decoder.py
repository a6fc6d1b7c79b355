"""Bytes to exchanges: whatever arrives, it ends as an exchange or as a counted reason."""

from __future__ import annotations

from typing import Any

from agent.payloads import cloudevents, conversation, plain, protobuf
from agent.payloads.bodies import assemble
from agent.payloads.context import Context, Outcome
from agent.payloads.fields import MOST_PARTS, name, tagged
from agent.payloads.opening import DEEPEST, parse, unwrap
from agent.payloads.options import DecodeOptions
from agent.payloads.reasons import UnreadableError
from agent.payloads.shapes import candidates
from agent.payloads.times import to_seconds
from agent.records import Exchange, Record, Rejected

WITHHELD = {"offmap-oversized": "oversized", "offmap-unreadable": "unreadable"}
"""The header of an empty record that a source gives in place of one that it will not hold or cannot read → reason."""
REDACTED = frozenset({"redacted-by-litellm", "__REDACTED__"})
"""What producers write in a text's place; scored, it would look as if all diversity had gone."""


_DEFAULTS = DecodeOptions()


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
        return decode_or_raise(record, options or _DEFAULTS)
    except Exception:
        return [Rejected("failed")]


def decode_or_raise(record: Record, options: DecodeOptions) -> list[Outcome]:
    """Do what `decode` does, but let offmap's own mistakes be seen: for tests."""
    value, headers = record.value, record.headers
    if value is None:
        return [Rejected("tombstone")]
    if len(value) > options.max_message_bytes:
        return [Rejected("oversized")]
    if withheld := [WITHHELD[key] for key, _ in headers if key in WITHHELD]:
        return [Rejected(withheld[0])]
    context = Context(record, options, 0, read)
    event = cloudevents.attributes(headers) if headers else None
    found = read(value, context) if event is None else cloudevents.read_binary(event, value, context)
    if len(found) == 1 and not isinstance(found[0], Rejected):  # by far the most common
        return _bounded(found[0], options.max_text_chars)
    kept = [each for outcome in found[:MOST_PARTS] for each in _bounded(outcome, options.max_text_chars)]
    return kept if len(found) <= MOST_PARTS else [*kept, Rejected("oversized")]


def read(value: Any, context: Context) -> list[Outcome]:
    """Read bytes, or a document that was parsed already."""
    if context.depth > DEEPEST:
        return [Rejected("too_deep")]
    if isinstance(value, bytes):
        return _read_bytes(value, context)
    if isinstance(value, dict):
        return _read_object(value, context)
    return _read_list(value, context) if isinstance(value, list) else [Rejected("unrecognised")]


def _read_bytes(value: bytes, context: Context) -> list[Outcome]:
    try:
        plain_value = unwrap(value, context.options)
        if not isinstance(plain_value, bytes):
            return read(plain_value, context)
        if not plain_value or plain_value.isspace():
            return [Rejected("empty")]
        if protobuf.is_likely(plain_value):
            return protobuf.read(plain_value, context)
        return read(parse(plain_value), context)
    except UnreadableError as problem:
        return [Rejected(problem.reason)]


def _read_list(documents: list[Any], context: Context) -> list[Outcome]:
    """Read several documents, the chunks of a streamed response, or the turns of a conversation."""
    if not documents:
        return [Rejected("empty")]
    whole = assemble(documents)
    if whole is not None:
        return context.inner(whole)
    if conversation.is_turns(documents):
        return context.inner({"messages": documents})
    return [each for document in documents[: MOST_PARTS + 1] for each in _element(document, context)]


def _element(document: Any, context: Context) -> list[Outcome]:
    """Read one of several documents; lists in lists are no shape, and would not be bounded."""
    return context.inner(document) if isinstance(document, dict) else [Rejected("unrecognised")]


def _read_object(document: dict[str, Any], context: Context) -> list[Outcome]:
    options = context.options
    if not options.paths and not options.tags:
        return _known(document, context)
    mapped = "prompt" in options.paths or "response" in options.paths
    found = _as_mapped(plain.read_mapped(document, context)) if mapped else []
    return [_overruled(each, document, options) for each in found or _known(document, context)]


def _as_mapped(found: list[Outcome]) -> list[Outcome]:
    """Name what was found where the config says: then a message that lacks those fields is told by its shape."""
    return [each if isinstance(each, Rejected) else each._replace(shape=plain.MAPPED) for each in found]


def _known(document: dict[str, Any], context: Context) -> list[Outcome]:
    for shape in candidates(document):
        if found := shape.read(document, context):
            return [_named(each, shape.name) for each in found]
    return [Rejected("unrecognised")]


def _named(outcome: Outcome, shape: str) -> Outcome:
    return outcome if isinstance(outcome, Rejected) or outcome.shape else outcome._replace(shape=shape)


def _overruled(outcome: Outcome, document: dict[str, Any], options: DecodeOptions) -> Outcome:
    """Let the config's word on id, time, model and session count more than the shape's own, and add the tags."""
    if isinstance(outcome, Rejected):
        return outcome
    paths = options.paths
    fields = ("id", "time", "model", "session")
    identity, time, model, session = (paths[field](document) if field in paths else None for field in fields)
    overruled = outcome._replace(
        id=name(identity) or outcome.id,
        join_key=(name(identity) or outcome.join_key) if _is_half(outcome) else outcome.join_key,
        time=to_seconds(time) or outcome.time,
        model=name(model) or outcome.model,
        session=name(session) or outcome.session,
    )
    return tagged(overruled, document, options.tag_paths)


def _is_half(outcome: Exchange) -> bool:
    return (outcome.prompt is None) != (outcome.response is None) and outcome.error is None


def _bounded(outcome: Outcome, longest: int) -> list[Outcome]:
    """Cut long texts, and take out what stands for a text that was switched off."""
    if isinstance(outcome, Rejected):
        return [outcome]
    prompt, response = outcome.prompt, outcome.response
    if prompt in REDACTED:
        return [Rejected("redacted")]
    if response in REDACTED:
        return [outcome._replace(response=None), Rejected("redacted")]
    if (prompt is None or len(prompt) <= longest) and (response is None or len(response) <= longest):
        return [outcome]
    return [outcome._replace(prompt=prompt and prompt[:longest], response=response and response[:longest])]
