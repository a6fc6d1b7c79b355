"""The table of API bodies: what a model server is asked and answers, whatever container logs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from agent.payloads import anthropic, converse, open_inference, openai_chat, openai_responses, predict_v1
from agent.payloads.context import Context, Outcome

Reader = Callable[[dict[str, Any], Context], list[Outcome]]
"""Reads one object; an empty list says that it is not of this shape."""
Assembler = Callable[[list[dict[str, Any]]], dict[str, Any] | None]
"""Puts the chunks of a streamed response together into the body of a whole one; None says that they are not its own."""


@dataclass(frozen=True, slots=True)
class Body:
    """One API: the keys of which a request and a response have at least one, and who reads them."""

    name: str
    request_marks: frozenset[str]
    request: Reader
    response_marks: frozenset[str]
    response: Reader
    assemble: Assembler | None = None


BODIES: tuple[Body, ...] = (
    Body(
        "anthropic",
        anthropic.REQUEST_MARKS,
        anthropic.request,
        anthropic.RESPONSE_MARKS,
        anthropic.response,
        anthropic.assemble,
    ),
    Body(
        "openai_chat",
        openai_chat.REQUEST_MARKS,
        openai_chat.request,
        openai_chat.RESPONSE_MARKS,
        openai_chat.response,
        openai_chat.assemble,
    ),
    Body(
        "openai_responses",
        openai_responses.REQUEST_MARKS,
        openai_responses.request,
        openai_responses.RESPONSE_MARKS,
        openai_responses.response,
        openai_responses.assemble,
    ),
    Body(
        "open_inference",
        open_inference.REQUEST_MARKS,
        open_inference.request,
        open_inference.RESPONSE_MARKS,
        open_inference.response,
    ),
    Body(
        "predict_v1",
        predict_v1.REQUEST_MARKS,
        predict_v1.request,
        predict_v1.RESPONSE_MARKS,
        predict_v1.response,
    ),
    Body(
        "converse",
        converse.REQUEST_MARKS,
        converse.request,
        converse.RESPONSE_MARKS,
        converse.response,
        converse.assemble,
    ),
)
"""In order of precedence: where an object has marks of several, the first that can read it does."""

REQUEST_MARKS: frozenset[str] = frozenset().union(*(row.request_marks for row in BODIES))
CHUNK_MARKS = frozenset({"choices", "type", "messageStart", "contentBlockStart", "contentBlockDelta"})
"""The keys of which the first chunk of a streamed response has at least one."""
RESPONSE_MARKS: frozenset[str] = frozenset().union(*(row.response_marks for row in BODIES))


def read_request(body: dict[str, Any], context: Context) -> list[Outcome]:
    """Read a request of whatever API; an empty list where none knows it."""
    return _read(_REQUESTS, body, context)


def read_response(body: dict[str, Any], context: Context) -> list[Outcome]:
    """Read a response of whatever API; an empty list where none knows it."""
    return _read(_RESPONSES, body, context)


def assemble(chunks: list[Any]) -> dict[str, Any] | None:
    """Put the chunks of a streamed response together; None where they are no API's chunks."""
    start = chunks[0] if chunks and isinstance(chunks[0], dict) else {}
    if not CHUNK_MARKS & start.keys():
        return None
    events = [chunk for chunk in chunks if isinstance(chunk, dict)]
    wholes = (row.assemble(events) for row in BODIES if row.assemble)
    return next((whole for whole in wholes if whole is not None), None)


def _table(rows: Iterable[tuple[frozenset[str], Reader]]) -> tuple[tuple[tuple[str, ...], Reader], ...]:
    return tuple((tuple(sorted(marks)), reader) for marks, reader in rows)


_REQUESTS = _table((row.request_marks, row.request) for row in BODIES)
_RESPONSES = _table((row.response_marks, row.response) for row in BODIES)


def _read(table: tuple[tuple[tuple[str, ...], Reader], ...], body: dict[str, Any], context: Context) -> list[Outcome]:
    for marks, reader in table:
        for mark in marks:
            if mark in body:
                if found := reader(body, context):
                    return found
                break
    return []
