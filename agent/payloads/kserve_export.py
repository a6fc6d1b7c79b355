"""What KServe's inference logger writes to a store: one record a request and one a response, its bytes in base64."""

from __future__ import annotations

from typing import Any

from agent.payloads.cloudevents import read_half, unbase64
from agent.payloads.context import Context, Outcome
from agent.payloads.fields import first, name
from agent.payloads.times import to_seconds
from agent.records import Rejected

MARKS = frozenset({"reqType"})


def read(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read ``{"reqType", "bytes", "id", "occurrenceTime", "inferenceService"}``."""
    data, kind = document.get("bytes"), name(document.get("reqType"))
    if not isinstance(data, str) or kind is None:
        return []
    found = read_half(kind.lower(), unbase64(data), context)
    return [_joinable(each, document, f"#{i}" if len(found) > 1 else "") for i, each in enumerate(found)]


def _joinable(outcome: Outcome, document: dict[str, Any], suffix: str) -> Outcome:
    if isinstance(outcome, Rejected):
        return outcome
    identity = name(document.get("id"))
    shared = identity and identity + suffix
    return outcome._replace(
        id=shared,
        time=to_seconds(first(document, ("occurrenceTime", "recordedTime"))) or outcome.time,
        model=outcome.model or (None if outcome.model_asked else name(document.get("inferenceService"))),
        join_key=shared,
    )
