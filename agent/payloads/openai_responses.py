"""OpenAI Responses: the bodies of a request and of its response, and the events of a streamed one."""

from __future__ import annotations

from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.fields import count, mapping, name
from agent.payloads.text import content_text, prompt_text
from agent.payloads.times import to_seconds
from agent.records import Exchange, Rejected

REQUEST_MARKS = frozenset({"input"})
RESPONSE_MARKS = frozenset({"output"})
_EMBEDDING = frozenset({"encoding_format", "dimensions", "input_type"})
_CALLS = ("function_call", "custom_tool_call", "mcp_call", "web_search_call", "file_search_call", "computer_call")


def request(body: dict[str, Any], context: Context) -> list[Outcome]:
    """Read ``{"model", "input", "instructions"}``, the input being a text or items."""
    asked = body.get("input")
    if not isinstance(asked, str | list) or "model" not in body or RESPONSE_MARKS & body.keys():
        return []
    if _EMBEDDING & body.keys() or "embed" in (name(body["model"]) or ""):
        return [Rejected("not_llm")]
    which = context.options.which
    turns = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
    if which == "all":
        turns = [{"role": "system", "content": body.get("instructions")}, *turns]
    prompt = prompt_text(turns, which)
    if prompt is None:
        return [Rejected("no_prompt")]
    conversation = body.get("conversation")
    sessions = (mapping(conversation).get("id"), conversation, body.get("user"), body.get("safety_identifier"))
    session = next((found for each in sessions if (found := name(each))), None)
    return [Exchange(prompt=prompt, shape="openai_responses", model_asked=name(body.get("model")), session=session)]


def response(body: dict[str, Any], context: Context) -> list[Outcome]:  # noqa: ARG001 - readers have one signature
    """Read ``{"object": "response", "id", "created_at", "model", "output", "usage"}``."""
    items = body.get("output")
    if not isinstance(items, list) or not (body.get("object") == "response" or "created_at" in body):
        return []
    items = [item for item in items if isinstance(item, dict)]
    parts = [part for item in items if item.get("type") == "message" for part in _parts(item)]
    refusal = next((part["refusal"] for part in parts if isinstance(part.get("refusal"), str)), None)
    text = content_text(parts)
    if text is None and refusal is None and any(_moved(item) for item in items):
        return []
    usage = mapping(body.get("usage"))
    return [
        Exchange(
            id=name(body.get("id")),
            time=to_seconds(body.get("created_at")),
            response=refusal or text or "",
            shape="openai_responses",
            model=name(body.get("model")),
            finish_reason="refusal" if refusal else _finish(body),
            error=name(mapping(body.get("error")).get("code")),
            prompt_tokens=count(usage.get("input_tokens")),
            completion_tokens=count(usage.get("output_tokens")),
            tool_calls=sum(item.get("type") in _CALLS for item in items) or None,
        )
    ]


def assemble(events: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Take the whole response from the last event of a stream, its text from the deltas where the stream was cut."""
    bodies: list[dict[str, Any]] = [event["response"] for event in events if isinstance(event.get("response"), dict)]
    if not bodies or not any(str(event.get("type")).startswith("response.") for event in events[:3]):
        return None
    if bodies[-1].get("output"):
        return bodies[-1]
    deltas = [event.get("delta") for event in events if event.get("type") == "response.output_text.delta"]
    text = "".join(delta for delta in deltas if isinstance(delta, str))
    return bodies[-1] | {"output": [{"type": "message", "content": [{"type": "output_text", "text": text}]}]}


def _parts(item: dict[str, Any]) -> list[dict[str, Any]]:
    content = item.get("content")
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _moved(item: dict[str, Any]) -> bool:
    """Say whether an item is a message whose text is not where it was."""
    return item.get("type") == "message" and content_text(_parts(item)) is None and item.get("content") != []


def _finish(body: dict[str, Any]) -> str | None:
    return name(mapping(body.get("incomplete_details")).get("reason")) or name(body.get("status"))
