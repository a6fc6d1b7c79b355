"""Where each generation of the OpenTelemetry conventions keeps prompt and response: one row a generation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agent.payloads.fields import mapping
from agent.payloads.halves import unpack

Event = tuple[str, dict[str, Any]]
Finder = Callable[[dict[str, Any], Sequence[Event]], Any]
"""Looks in one place for the text: among the attributes, or in the events."""
_MOST_DIGITS = 4  # of a turn's number
_BODY = "body"


def question_of(attributes: dict[str, Any], events: Sequence[Event]) -> Any:
    """Return the messages or the text of the prompt; None where no generation's place holds any."""
    return next((found for each in _QUESTIONS if (found := each(attributes, events)) is not None), None)


def answer_of(attributes: dict[str, Any], events: Sequence[Event]) -> Any:
    """Return the response's message, as an API's body or as a text; None where no generation's place holds any."""
    return next((found for each in _ANSWERS if (found := each(attributes, events)) is not None), None)


def _attribute(*keys: str) -> Finder:
    def read(attributes: dict[str, Any], _: Sequence[Event]) -> Any:
        return next((attributes[key] for key in keys if attributes.get(key) is not None), None)

    return read


def _in_event(*keys: str) -> Finder:
    """Look at the attributes of all events: 1.27's `gen_ai.content.prompt`, the log event of 1.37 and later."""

    def read(_: dict[str, Any], events: Sequence[Event]) -> Any:
        return next((values[key] for _, values in events for key in keys if values.get(key) is not None), None)

    return read


def _flat(prefix: str, infix: str) -> Finder:
    """Gather ``<prefix>.<i>.<infix>role`` and ``…content`` into messages (OpenLLMetry, OpenInference)."""

    def read(attributes: dict[str, Any], _: Sequence[Event]) -> Any:
        turns: dict[int, dict[str, Any]] = {}
        for key, value in attributes.items():
            if not key.startswith(prefix):
                continue
            index, _dot, field = key[len(prefix) :].partition(".")
            if field.startswith(infix) and len(index) <= _MOST_DIGITS and index.isdecimal():
                _put(turns.setdefault(int(index), {}), field[len(infix) :], value)
        return [turns[place] for place in sorted(turns)] or None

    return read


def _put(turn: dict[str, Any], field: str, value: Any) -> None:
    if field in ("role", "content", "finish_reason"):
        turn[field] = value
    elif field.startswith("contents.") and field.endswith(".message_content.text"):
        turn.setdefault("content", [])
        if isinstance(turn["content"], list):
            turn["content"].append({"type": "text", "text": value})
    elif field.startswith("tool_calls."):
        turn.setdefault("tool_calls", {})[field.split(".")[1]] = True


def _turns(_: dict[str, Any], events: Sequence[Event]) -> Any:
    """Gather the turns that were logged one by one (1.28 to 1.36)."""
    turns = []
    for title, values in events:
        if title.startswith("gen_ai.") and title.endswith(".message"):
            turns.append({"role": title.split(".")[1]} | mapping(_body(values)))
    return turns or None


def _choice(_: dict[str, Any], events: Sequence[Event]) -> Any:
    for title, values in events:
        if title == "gen_ai.choice":
            body = mapping(_body(values))
            return _as_choice([mapping(body.get("message", body))], body.get("finish_reason"))
    return None


def _body(values: dict[str, Any]) -> Any:
    """Return a turn's body: the log record's, or the attribute that holds it as JSON on a span's event."""
    return unpack(values.get(_BODY) or values.get("gen_ai.event.content") or values)


def _answers_in(
    find: Callable[[dict[str, Any], Sequence[Event]], Any],
) -> Finder:
    """Turn messages of the response into the body of a chat's response, which has a reader."""

    def read(attributes: dict[str, Any], events: Sequence[Event]) -> Any:
        found = unpack(find(attributes, events))
        if isinstance(found, list) and found and isinstance(found[0], dict):
            return _as_choice(found, found[0].get("finish_reason"))
        return found

    return read


def _as_choice(messages: list[Any], finish: Any) -> dict[str, Any]:
    """Return the first answer in the form of a chat completion."""
    message = mapping(messages[0])
    parts = message.get("parts")
    if isinstance(parts, list):
        called = [part for part in parts if isinstance(part, dict) and part.get("type") == "tool_call"]
        texts = [part for part in parts if isinstance(part, dict) and part.get("type") == "text"]
        moved = bool(texts) and not any("content" in part for part in texts)
        message = {} if moved else {"content": parts} | ({"tool_calls": called} if called else {})
    elif isinstance(message.get("tool_calls"), dict):
        message = message | {"tool_calls": list(message["tool_calls"])}
    return {"choices": [{"message": message, "finish_reason": finish}]}


_QUESTIONS = (
    _attribute("gen_ai.input.messages"),  # 1.37 and later, on the span
    _in_event("gen_ai.input.messages"),
    _attribute("langfuse.observation.input"),
    _flat("llm.input_messages.", "message."),  # OpenInference
    _flat("gen_ai.prompt.", ""),  # OpenLLMetry before it took over 1.37
    _flat("llm.prompts.", ""),
    _turns,  # 1.28 to 1.36
    _in_event("gen_ai.prompt"),  # 1.27 and older
    _attribute("gen_ai.prompt"),
    _attribute("input.value"),
)
_ANSWERS = (
    _answers_in(_attribute("gen_ai.output.messages")),
    _answers_in(_in_event("gen_ai.output.messages")),
    _attribute("langfuse.observation.output"),
    _answers_in(_flat("llm.output_messages.", "message.")),
    _answers_in(_flat("gen_ai.completion.", "")),
    _choice,
    _answers_in(_in_event("gen_ai.completion")),
    _answers_in(_attribute("gen_ai.completion")),
    _attribute("output.value"),
)
