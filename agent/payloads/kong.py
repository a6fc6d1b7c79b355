"""Kong's AI plugins, as its kafka-log plugin writes them: what was asked and answered lies under ``ai``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.fields import count, dig, first, mapping, name
from agent.payloads.halves import answered, asked, pair
from agent.payloads.times import to_seconds
from agent.records import Exchange, Rejected

MARKS = frozenset({"ai"})
_PROMPT_TOKENS = ("prompt_tokens", "prompt_token")
_COMPLETION_TOKENS = ("completion_tokens", "completion_token")


def read(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read ``{"ai": {<plugin>: {"payload", "usage", "meta"}}, "started_at", "request", "response"}``."""
    parts = list(_parts(mapping(document["ai"])))
    payloads = [mapping(part.get("payload")) for part in parts]
    question = next((payload["request"] for payload in payloads if payload.get("request")), None)
    answer = next((payload["response"] for payload in payloads if payload.get("response")), None)
    if question is None and answer is None:
        known = any("usage" in part or "meta" in part for part in parts)
        return [Rejected("unrecognised" if any(payloads) else "no_content")] if known else []
    prompts = asked(question, context) if question is not None else []
    answers = answered(answer, context) if answer is not None else _failure(document)
    found = [_described(each, document, parts) for each in pair(prompts, answers)]
    return found if prompts and answers else [*found, Rejected("unrecognised")]


def _parts(ai: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the object of each plugin; the oldest form has no plugin between."""
    for part in (ai, *ai.values()):
        if isinstance(part, dict):
            yield part


def _failure(document: dict[str, Any]) -> list[Outcome]:
    status = count(dig(document, ("response", "status"))) or 0
    return [Exchange(error=str(status))] if status >= 400 else []


def _described(outcome: Outcome, document: dict[str, Any], parts: list[dict[str, Any]]) -> Outcome:
    if isinstance(outcome, Rejected):
        return outcome
    usage: dict[str, Any] = {}
    meta: dict[str, Any] = {}
    for part in parts:
        usage |= mapping(part.get("usage"))
        meta |= mapping(part.get("meta"))
    milliseconds = count(dig(document, ("latencies", "request")))
    return outcome._replace(
        id=name(dig(document, ("request", "id"))) or outcome.id,
        time=to_seconds(document.get("started_at")) or outcome.time,
        shape="kong",
        model=outcome.model or name(meta.get("response_model")),
        model_asked=outcome.model_asked or name(meta.get("request_model")),
        status=count(dig(document, ("response", "status"))),
        prompt_tokens=count(first(usage, _PROMPT_TOKENS)),
        completion_tokens=count(first(usage, _COMPLETION_TOKENS)),
        latency=None if milliseconds is None else milliseconds / 1e3,
    )
