"""Kafka Connect's JSON with its schema: ``{"schema", "payload"}``."""

from __future__ import annotations

from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.halves import unpack

MARKS = frozenset({"payload"})


def read(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read what the payload is."""
    payload = unpack(document["payload"])
    if "schema" not in document or len(document) > 2 or not isinstance(payload, dict | list):
        return []
    return context.inner(payload)
