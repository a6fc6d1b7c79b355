"""Whole conversations: ``{"messages"}`` or ``{"conversations"}`` that end with the assistant, and instructions."""

from __future__ import annotations

from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.fields import first
from agent.payloads.pairs import read_both
from agent.payloads.text import ends_with_reply, reply_text

MARKS = frozenset({"messages", "conversations", "conversation", "instruction"})
_ROLES, _CONTENTS = frozenset({"role", "from"}), frozenset({"content", "value", "parts"})
_ANSWERS = ("response", "output", "completion", "answer")
_TURNS = ("messages", "conversations", "conversation")


def is_turns(documents: list[Any]) -> bool:
    """Say whether a list is one conversation, and not several messages of a topic."""
    start = documents[0]
    return isinstance(start, dict) and bool(start.keys() & _ROLES) and bool(start.keys() & _CONTENTS)


def read(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read a conversation that holds its own response; one that ends with the user is a request, and not read here."""
    if "instruction" in document:
        return _instruction(document, context)
    turns, answer = first(document, _TURNS), first(document, _ANSWERS)
    if answer is None and ends_with_reply(turns):
        answer = reply_text(turns)
    if answer is None and "messages" in document:
        return []
    return read_both(document, turns, answer, context)


def _instruction(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read ``{"instruction", "input", "output"}``: the input belongs to the question."""
    parts = [
        part for part in (document["instruction"], document.get("input")) if isinstance(part, str) and part.strip()
    ]
    if not parts:
        return []
    return read_both(document, "\n\n".join(parts), first(document, ("output", "response")), context)
