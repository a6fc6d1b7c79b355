"""The table of API bodies: what a model server is asked and answers, whatever container logs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from agent.payloads import openai_chat
from agent.payloads.context import Context, Outcome

Reader = Callable[[dict[str, Any], Context], list[Outcome]]
"""Reads one object; an empty list says that it is not of this shape."""


@dataclass(frozen=True, slots=True)
class Body:
    """One API: the keys of which a request and a response have at least one, and who reads them."""

    name: str
    request_marks: frozenset[str]
    request: Reader
    response_marks: frozenset[str]
    response: Reader


BODIES: tuple[Body, ...] = (
    Body(
        "openai_chat",
        openai_chat.REQUEST_MARKS,
        openai_chat.request,
        openai_chat.RESPONSE_MARKS,
        openai_chat.response,
    ),
)


def _by_mark(rows: Iterable[tuple[frozenset[str], Reader]]) -> dict[str, tuple[Reader, ...]]:
    rows = list(rows)
    return {mark: tuple(reader for marks, reader in rows if mark in marks) for marks, _ in rows for mark in marks}


_REQUESTS = _by_mark((row.request_marks, row.request) for row in BODIES)
_RESPONSES = _by_mark((row.response_marks, row.response) for row in BODIES)


def read_request(body: dict[str, Any], context: Context) -> list[Outcome]:
    """Read a request of whatever API; an empty list where none knows it."""
    return _read(_REQUESTS, body, context)


def read_response(body: dict[str, Any], context: Context) -> list[Outcome]:
    """Read a response of whatever API; an empty list where none knows it."""
    return _read(_RESPONSES, body, context)


def _read(table: dict[str, tuple[Reader, ...]], body: dict[str, Any], context: Context) -> list[Outcome]:
    for mark, readers in table.items():
        if mark in body:
            for reader in readers:
                if found := reader(body, context):
                    return found
    return []
