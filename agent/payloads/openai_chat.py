"""OpenAI chat completions and the older completions: the bodies of a request and of its response.

Also what vLLM, LiteLLM's proxy, Azure and most gateways speak.
"""

from __future__ import annotations

from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.fields import MOST_PARTS, count, mapping, name
from agent.payloads.text import content_text, prompt_text
from agent.payloads.times import to_seconds
from agent.records import Exchange, Rejected

REQUEST_MARKS = frozenset({"messages", "prompt"})
RESPONSE_MARKS = frozenset({"choices"})


def request(body: dict[str, Any], context: Context) -> list[Outcome]:
    """Read ``{"model", "messages"}``, or ``{"model", "prompt"}`` with one prompt or several."""
    messages = body.get("messages")
    if isinstance(messages, list):
        return [_asked(body, messages, context)]
    prompts = body.get("prompt")
    if isinstance(prompts, str):
        return [_asked(body, prompts, context)]
    return [_asked(body, prompt, context) for prompt in prompts[: MOST_PARTS + 1]] if isinstance(prompts, list) else []


def response(body: dict[str, Any], context: Context) -> list[Outcome]:  # noqa: ARG001 - readers have one signature
    """Read ``{"id", "created", "choices", "usage"}``: of a chat the first choice, of completions every one."""
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return []
    message = choices[0].get("message")
    if isinstance(message, dict):
        known = "content" in message or "tool_calls" in message or "refusal" in message
        return [_answered(body, choices[0], message)] if known else []
    texts = [(each, each.get("text")) for each in choices[: MOST_PARTS + 1] if isinstance(each, dict)]
    return [_answered(body, choice, {"content": text}) for choice, text in texts if isinstance(text, str)]


def assemble(chunks: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Put the chunks of a stream together into the response's body; None says that they are not OpenAI's."""
    if any(chunk.get("id") != chunks[0].get("id") for chunk in chunks):
        return None  # several responses, not one in pieces
    whole: dict[str, Any] = {}
    streams: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if isinstance(choice, dict):
                _add(streams.setdefault(count(choice.get("index")) or 0, {}), choice)
        whole |= {field: chunk[field] for field in ("id", "created", "model", "usage") if chunk.get(field)}
    if not streams:
        return None
    return whole | {"choices": [_closed(streams[index]) for index in sorted(streams)]}


def _add(stream: dict[str, Any], choice: dict[str, Any]) -> None:
    """Add one chunk's choice to what came before."""
    delta = choice.get("delta")
    for holder, field in ((delta, "content"), (delta, "refusal"), (choice, "text")):
        piece = holder.get(field) if isinstance(holder, dict) else None
        if isinstance(piece, str):
            stream.setdefault(field, []).append(piece)
    calls = delta.get("tool_calls") if isinstance(delta, dict) else None
    if isinstance(calls, list):
        indexes = (count(call.get("index")) for call in calls if isinstance(call, dict))
        stream.setdefault("calls", set()).update(indexes)
    if choice.get("finish_reason"):
        stream["finish_reason"] = choice["finish_reason"]


def _closed(stream: dict[str, Any]) -> dict[str, Any]:
    texts = {field: "".join(stream[field]) for field in ("content", "refusal", "text") if field in stream}
    ended = {"finish_reason": stream.get("finish_reason")}
    if "text" in texts:
        return ended | {"text": texts["text"]}
    calls: list[dict[str, Any]] = [{} for _ in stream.get("calls", ())]
    return ended | {"message": texts | ({"tool_calls": calls} if calls else {})}


def _asked(body: dict[str, Any], messages: Any, context: Context) -> Outcome:
    prompt = prompt_text(messages, context.options.which)
    if prompt is None:
        return Rejected("no_prompt")
    session = body.get("user") or body.get("safety_identifier")
    return Exchange(prompt=prompt, shape="openai_chat", model_asked=name(body.get("model")), session=name(session))


def _answered(body: dict[str, Any], choice: dict[str, Any], message: dict[str, Any]) -> Exchange:
    refusal, calls, usage = message.get("refusal"), message.get("tool_calls"), mapping(body.get("usage"))
    refused = isinstance(refusal, str) and bool(refusal)
    return Exchange(
        id=name(body.get("id")),
        time=to_seconds(body.get("created")),
        response=refusal if refused else content_text(message.get("content")) or "",
        shape="openai_chat",
        model=name(body.get("model")),
        finish_reason="refusal" if refused else name(choice.get("finish_reason")),
        prompt_tokens=count(usage.get("prompt_tokens")),
        completion_tokens=count(usage.get("completion_tokens")),
        tool_calls=len(calls) if isinstance(calls, list) else None,
    )
