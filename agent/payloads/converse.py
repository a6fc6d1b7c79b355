"""Amazon Bedrock's Converse, and the bodies of its models that speak neither Anthropic nor OpenAI."""

from __future__ import annotations

from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.fields import count, dig, first, mapping, name
from agent.payloads.text import content_text, prompt_text
from agent.records import Exchange, Rejected

REQUEST_MARKS = frozenset({"inferenceConfig", "inputText"})
_ENDS = ("stopReason", "stop_reason", "completionReason")
RESPONSE_MARKS = frozenset({"stopReason", "results", "generation", "outputs"})


def request(body: dict[str, Any], context: Context) -> list[Outcome]:
    """Read ``{"messages": [{"role", "content": [{"text"}]}]}`` or Titan's ``{"inputText"}``."""
    asked = first(body, ("messages", "inputText"))
    if not isinstance(asked, str | list):
        return []
    prompt = prompt_text(asked, context.options.which)
    return [Rejected("no_prompt") if prompt is None else Exchange(prompt=prompt, shape="converse")]


def response(body: dict[str, Any], context: Context) -> list[Outcome]:  # noqa: ARG001 - readers have one signature
    """Read ``{"output": {"message": {"content": [{"text"}]}}, "stopReason", "usage"}``, Titan's and Llama's answers."""
    blocks = dig(body, ("output", "message", "content"))
    calls = sum(isinstance(block, dict) and "toolUse" in block for block in blocks) if isinstance(blocks, list) else 0
    text = content_text(blocks) if isinstance(blocks, list) else _older(body)
    if text is None and not calls and blocks != []:
        return []
    usage = mapping(body.get("usage"))
    milliseconds = count(dig(body, ("metrics", "latencyMs")))
    return [
        Exchange(
            response=text or "",
            shape="converse",
            finish_reason=name(first(body, _ENDS) or first(_row(body), _ENDS)),
            prompt_tokens=count(first(usage, ("inputTokens",)) or body.get("prompt_token_count")),
            completion_tokens=count(first(usage, ("outputTokens",)) or body.get("generation_token_count")),
            latency=None if milliseconds is None else milliseconds / 1e3,
            tool_calls=calls or None,
        )
    ]


def assemble(events: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Put the events of a streamed answer together; None says that they are not Converse's."""
    texts = [dig(event, ("contentBlockDelta", "delta", "text")) for event in events]
    if not any("messageStop" in event or "contentBlockDelta" in event for event in events):
        return None
    whole: dict[str, Any] = {}
    for event in events:
        whole |= mapping(event.get("messageStop")) | mapping(event.get("metadata"))
    content = [{"text": "".join(text for text in texts if isinstance(text, str))}]
    return whole | {"output": {"message": {"content": content if any(texts) else None}}}


def _older(body: dict[str, Any]) -> str | None:
    """Return the answer of Titan (`results`), Llama (`generation`) or Mistral (`outputs`)."""
    row = _row(body)
    found = first(row, ("outputText", "text")) if row else body.get("generation")
    return found if isinstance(found, str) else None


def _row(body: dict[str, Any]) -> dict[str, Any]:
    rows = first(body, ("results", "outputs"))
    return mapping(rows[0]) if isinstance(rows, list) and rows else {}
