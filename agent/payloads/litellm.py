"""LiteLLM's StandardLoggingPayload."""

from __future__ import annotations

from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.fields import count, dig, first, mapping, name, number
from agent.payloads.halves import answered, asked, pair
from agent.payloads.times import to_seconds
from agent.records import Exchange, Rejected

MARKS = frozenset({"call_type", "custom_llm_provider", "litellm_call_id", "hidden_params", "model_map_information"})
_CALLS = ("completion", "responses", "generate_content", "anthropic_messages", "chat")
_SESSIONS = ("session_id", "end_user")


def read(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read ``{"call_type", "messages", "response", "status", …}``."""
    if "messages" not in document and "response" not in document:
        return []
    call = name(document.get("call_type"))
    if call is not None and not any(kind in call for kind in _CALLS):
        return [Rejected("not_llm")]
    messages, response = document.get("messages"), document.get("response")
    prompts = _halves(asked, messages, context)
    answers = _halves(answered, response, context)
    error = _error(document)
    if error is not None and not answers:
        answers = [Exchange(error=error)]
    found = [_described(each, document) for each in pair(prompts, answers)]
    if found and prompts and (answers or (not response and "response" in document)):
        return found
    return [*found, Rejected("unrecognised")]


def _halves(reader: Any, value: Any, context: Context) -> list[Outcome]:
    """Read a half; LiteLLM may have packed a text as ``{"text": …}`` or messages as ``{"messages": …}``."""
    if not value:
        return []
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        value = value["text"]
    found: list[Outcome] = reader(value, context)
    return found


def _error(document: dict[str, Any]) -> str | None:
    if document.get("status") != "failure":
        return None
    information = mapping(document.get("error_information"))
    return name(first(information, ("error_class", "error_code"))) or "failure"


def _described(outcome: Outcome, document: dict[str, Any]) -> Outcome:
    if isinstance(outcome, Rejected):
        return outcome
    start, end = number(document.get("startTime")), number(document.get("endTime"))
    return outcome._replace(
        id=name(document.get("id")) or outcome.id,
        time=to_seconds(document.get("startTime")) or outcome.time,
        shape="litellm",
        model=outcome.model or name(document.get("model")),
        model_asked=name(document.get("model_group")) or name(document.get("model")),
        trace_id=name(document.get("trace_id")),
        session=next((found for field in _SESSIONS if (found := name(document.get(field)))), None),
        status=count(dig(document, ("error_information", "error_code"))),
        prompt_tokens=count(document.get("prompt_tokens")),
        completion_tokens=count(document.get("completion_tokens")),
        latency=number(document.get("response_time")) if start is None or end is None else max(0.0, end - start),
    )
