"""What KServe's inference logger writes to a store: one record a request and one a response, its bytes in base64."""

from __future__ import annotations

from typing import Any

from agent.payloads.cloudevents import read_half, unbase64
from agent.payloads.context import Context, Outcome
from agent.payloads.fields import name
from agent.payloads.times import to_seconds
from agent.records import Rejected

MARKS = frozenset({"reqType", "ReqType"})


def read(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read ``{"reqType", "bytes", "id", "occurrenceTime"}``; some releases write ``ReqType`` and so on."""
    fields = {key[:1].lower() + key[1:]: value for key, value in document.items()}
    data, kind = fields.get("bytes"), name(fields.get("reqType"))
    if not isinstance(data, str) or kind is None:
        return []
    found = read_half(kind.lower(), unbase64(data), context)
    return [_joinable(each, fields, f"#{i}" if len(found) > 1 else "") for i, each in enumerate(found)]


def _joinable(outcome: Outcome, fields: dict[str, Any], suffix: str) -> Outcome:
    if isinstance(outcome, Rejected):
        return outcome
    identity = name(fields.get("id"))
    shared = identity and identity + suffix
    return outcome._replace(
        id=shared,
        time=to_seconds(fields.get("occurrenceTime")) or outcome.time,
        model=outcome.model or (None if outcome.model_asked else name(fields.get("inferenceService"))),
        join_key=shared,
    )
