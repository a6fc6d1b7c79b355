"""The plain shape: ``{"prompt", "response", "id", "time", "model"}``, or wherever the config says that these are."""

from __future__ import annotations

from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.fields import first
from agent.payloads.pairs import is_request, read_both

PROMPTS = ("prompt", "question", "query")
RESPONSES = ("response", "completion", "answer", "output")
MARKS = frozenset(PROMPTS)
MAPPED = "mapped"
"""The shape of what stood where the config says."""


def read(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read a message with the usual names; an empty list says that it is not of this shape."""
    question, answer = first(document, PROMPTS), first(document, RESPONSES)
    if question is None or (answer is None and is_request(document)):
        return []
    return read_both(document, question, answer, context)


def read_mapped(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read a message whose text stands where the config says."""
    paths = context.options.paths
    question, answer = (paths[half](document) if half in paths else None for half in ("prompt", "response"))
    return read_both(document, question, answer, context)
