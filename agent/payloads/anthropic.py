"""Anthropic Messages: the bodies of a request and of its response, and the events of a streamed one."""

from __future__ import annotations

from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.fields import count, mapping, name
from agent.payloads.text import content_text, prompt_text
from agent.records import Exchange, Rejected

REQUEST_MARKS = frozenset({"system", "anthropic_version", "max_tokens"})
RESPONSE_MARKS = frozenset({"stop_reason", "content"})
_TEXTLESS = frozenset({"thinking", "redacted_thinking"})
"""Blocks that may be all that there is of an answer, beside calls of tools and their results."""
_EVENTS = frozenset({"message_start", "message_delta", "message_stop", "content_block_start", "content_block_stop"})
_EVENTS |= {"content_block_delta", "ping", "error"}
_OTHER_DELTAS = frozenset({"input_json_delta", "thinking_delta", "signature_delta", "citations_delta"})


def request(body: dict[str, Any], context: Context) -> list[Outcome]:
    """Read ``{"model", "max_tokens", "system", "messages"}``; without Anthropic's own fields it is OpenAI's."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not ("system" in body or "anthropic_version" in body or _has_blocks(messages)):
        return []
    which = context.options.which
    turns = [{"role": "system", "content": body.get("system")}, *messages] if which == "all" else messages
    prompt = prompt_text(turns, which)
    if prompt is None:
        return [Rejected("no_prompt")]
    session = name(mapping(body.get("metadata")).get("user_id"))
    return [Exchange(prompt=prompt, shape="anthropic", model_asked=name(body.get("model")), session=session)]


def response(body: dict[str, Any], context: Context) -> list[Outcome]:  # noqa: ARG001 - readers have one signature
    """Read ``{"type": "message", "id", "model", "content", "stop_reason", "usage"}``."""
    blocks = body.get("content")
    if not isinstance(blocks, list) or not (body.get("type") == "message" or "stop_reason" in body):
        return []
    usage = mapping(body.get("usage"))
    calls = sum(isinstance(block, dict) and block.get("type") == "tool_use" for block in blocks)
    text = content_text(blocks)
    if text is None and any(_moved(block) or (not calls and _unknown(block)) for block in blocks):
        return []
    return [
        Exchange(
            id=name(body.get("id")),
            response=text or "",
            shape="anthropic",
            model=name(body.get("model")),
            finish_reason=name(body.get("stop_reason")),
            prompt_tokens=count(usage.get("input_tokens")),
            completion_tokens=count(usage.get("output_tokens")),
            tool_calls=calls or None,
        )
    ]


def assemble(events: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Put the events of a stream together into the response's body; None says that they are not Anthropic's."""
    start = next((mapping(event.get("message")) for event in events if event.get("type") == "message_start"), None)
    if start is None:
        return None
    blocks: dict[Any, dict[str, Any]] = {}
    ends: dict[str, Any] = {}
    for event in events:
        index, delta = name(event.get("index")) or "0", mapping(event.get("delta"))
        if event.get("type") == "content_block_start":
            blocks[index] = dict(mapping(event.get("content_block")))
        elif event.get("type") == "content_block_delta" and name(delta.get("type")) not in _OTHER_DELTAS:
            piece = delta.get("text") if delta.get("type") == "text_delta" else None
            blocks.setdefault(index, {"type": "text"}).setdefault("pieces", []).append(piece)
        elif name(event.get("type")) not in _EVENTS:  # an event that has another name now: its text is not found
            blocks.setdefault(None, {})
        elif event.get("type") == "message_delta":
            counted = {key: value for key, value in mapping(event.get("usage")).items() if value is not None}
            ends |= delta | {"usage": mapping(start.get("usage")) | counted}
    return {**start, **ends, "content": [_whole(block) for block in blocks.values()]}


def _whole(block: dict[str, Any]) -> dict[str, Any]:
    pieces = block.pop("pieces", None)
    if pieces is None:
        return block
    return {**block, "text": "".join(pieces) if all(isinstance(piece, str) for piece in pieces) else None}


def _has_blocks(messages: list[Any]) -> bool:
    """Say whether a message has a block that only Anthropic knows."""
    contents = [message.get("content") for message in messages if isinstance(message, dict)]
    blocks = [
        block for content in contents if isinstance(content, list) for block in content if isinstance(block, dict)
    ]
    return any(block.get("type") in ("tool_use", "tool_result", "thinking") for block in blocks)


def _moved(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "text" and not isinstance(block.get("text"), str)


def _unknown(block: Any) -> bool:
    """Say whether a block is of a kind that may have held the text."""
    kind = block.get("type") if isinstance(block, dict) else None
    return not isinstance(kind, str) or not (
        kind in _TEXTLESS or kind == "text" or kind.endswith(("tool_use", "tool_result"))
    )
