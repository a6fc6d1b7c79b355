"""OpenAI's batch files: a request a line, and in another file a response a line, joined by `custom_id`."""

from __future__ import annotations

from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.fields import count, dig, name
from agent.payloads.halves import answered, asked, failed
from agent.records import Rejected

MARKS = frozenset({"custom_id"})


def read(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read ``{"custom_id", "url", "body"}`` or ``{"custom_id", "response": {"status_code", "body"}, "error"}``."""
    body = dig(document, ("response", "body"))
    asking = body is None
    found = failed(document) or asked(document.get("body"), context) if asking else answered(body, context)
    shared, status = name(document["custom_id"]), count(dig(document, ("response", "status_code")))
    return [
        each if isinstance(each, Rejected) else each._replace(id=shared, join_key=shared, status=status)
        for each in found
    ]
