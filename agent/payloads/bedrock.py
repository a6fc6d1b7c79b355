"""Amazon Bedrock's model invocation logs."""

from __future__ import annotations

from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.fields import count, dig, name
from agent.payloads.halves import answered, asked, pair
from agent.payloads.times import to_seconds
from agent.records import Exchange, Rejected

MARKS = frozenset({"schemaType", "modelId"})
_BODY_KEYS = ("inputBodyJson", "outputBodyJson")
_ELSEWHERE = ("inputBodyS3Path", "outputBodyS3Path")


def read(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read ``{"schemaType": "ModelInvocationLog", "input": {"inputBodyJson"}, "output": {"outputBodyJson"}, …}``."""
    if document.get("schemaType") != "ModelInvocationLog":
        return []
    question, answer = (dig(document, path) for path in (("input", _BODY_KEYS[0]), ("output", _BODY_KEYS[1])))
    if question is None and dig(document, ("input", _ELSEWHERE[0])):  # too long for the log: it lies in a store
        return [Rejected("no_content")]
    if isinstance(question, dict) and "embed" in (name(document.get("modelId")) or ""):
        return [Rejected("not_llm")]
    prompts = [] if question is None else asked(question, context)
    answers = _answers(document, answer, context)
    found = [_described(each, document) for each in pair(prompts, answers)]
    return found if prompts and answers else [*found, Rejected("unrecognised")]


def _answers(document: dict[str, Any], answer: Any, context: Context) -> list[Outcome]:
    error = name(document.get("errorCode"))
    if error is not None:
        return [Exchange(error=error)]
    if answer is None and dig(document, ("output", _ELSEWHERE[1])):
        return [Exchange()]
    return [] if answer is None else answered(answer, context)


def _described(outcome: Outcome, document: dict[str, Any]) -> Outcome:
    if isinstance(outcome, Rejected):
        return outcome
    return outcome._replace(
        id=name(document.get("requestId")) or outcome.id,
        time=to_seconds(document.get("timestamp")) or outcome.time,
        shape="bedrock",
        model=outcome.model or name(document.get("modelId")),
        model_asked=outcome.model_asked or name(document.get("modelId")),
        trace_id=name(dig(document, ("requestMetadata", "traceId"))),
        prompt_tokens=count(dig(document, ("input", "inputTokenCount"))) or outcome.prompt_tokens,
        completion_tokens=count(dig(document, ("output", "outputTokenCount"))) or outcome.completion_tokens,
    )
