"""CloudEvents, structured and binary: what KServe's and Seldon's loggers send, one a request and one a response."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.fields import count, first, name, tagged
from agent.payloads.halves import answered, asked
from agent.payloads.opening import opened
from agent.payloads.reasons import UnreadableError
from agent.payloads.times import to_seconds
from agent.records import Exchange, Rejected

MARKS = frozenset({"specversion"})
_PREFIXES = ("ce_", "ce-")
_JOIN = ("requestid", "id")
_TRACE_DIGITS = slice(3, 35)  # of a W3C traceparent: version, trace, span, flags


def attributes(headers: Sequence[tuple[str, bytes]]) -> dict[str, Any] | None:
    """Return the attributes that a binary event has as headers; None where the record is no such event.

    Examples
    --------
    >>> attributes([("ce_specversion", b"1.0"), ("ce_id", b"7"), ("content-type", b"application/json")])
    {'specversion': '1.0', 'id': '7'}
    """
    found = {
        key[3:].lower(): value.decode("utf-8", "replace")
        for key, value in headers
        if key[:3].lower() in _PREFIXES and value
    }
    return found if "type" in found or "specversion" in found else None


def read(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read a structured event."""
    if "type" not in document:
        return []
    data = document.get("data")
    if data is None and isinstance(document.get("data_base64"), str):
        data = unbase64(document["data_base64"])
    return [] if data is None else _read_event(document, data, context)


def read_binary(event: dict[str, Any], value: bytes, context: Context) -> list[Outcome]:
    """Read a binary event: attributes from the headers, data from the record's value."""
    paths = context.options.tag_paths
    found = _read_event(event, value, context)
    return [each if isinstance(each, Rejected) else tagged(each, event, paths) for each in found] if paths else found


def unbase64(text: str) -> bytes:
    """Decode; what is not base64 gives no bytes."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def read_half(kind: str, data: Any, context: Context) -> list[Outcome]:
    """Read the data of an event that says by its type which half it is, else whatever the data says itself."""
    if not kind.endswith(("request", "response")):
        return context.inner(data)
    try:
        body = opened(data, context.options) if isinstance(data, bytes) else data
    except UnreadableError as problem:
        binary = problem.reason in {"not_json", "not_utf8"}  # perhaps the protocol's protobuf form
        return context.inner(data) if binary else [Rejected(problem.reason)]
    found = asked(body, context) if kind.endswith("request") else answered(body, context)
    return found or [Rejected("unrecognised")]


def _read_event(event: dict[str, Any], data: Any, context: Context) -> list[Outcome]:
    kind = (name(event.get("type")) or "").lower()
    found = read_half(kind, data, context)
    if all(isinstance(each, Rejected) for each in found) and (count(event.get("statuscode")) or 0) >= 400:
        found = [Exchange(error=name(event["statuscode"]))]
    several = len(found) > 1
    return [_joinable(each, event, f"#{i}" if several else "") for i, each in enumerate(found)]


def _joinable(outcome: Outcome, event: dict[str, Any], suffix: str) -> Outcome:
    """Add what the event's attributes say; its id is what request and response share."""
    if isinstance(outcome, Rejected):
        return outcome
    identity, shared = name(event.get("id")), name(first(event, _JOIN))
    whole = outcome.prompt is not None and outcome.response is not None
    trace = name(event.get("traceparent"))
    return outcome._replace(
        id=outcome.id if whole and outcome.id else identity and identity + suffix,
        time=to_seconds(event.get("time")) or outcome.time,
        model=outcome.model or (None if outcome.model_asked else name(event.get("inferenceservicename"))),
        shape=outcome.shape or "cloudevents",
        join_key=None if whole else shared and shared + suffix,
        trace_id=outcome.trace_id or (trace and trace[_TRACE_DIGITS]),
        status=count(event.get("statuscode")),
    )
