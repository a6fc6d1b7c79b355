"""KServe's (and TensorFlow Serving's) V1 protocol: ``{"instances": […]}`` and ``{"predictions": […]}``, one a text."""

from __future__ import annotations

from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.fields import MOST_PARTS, first, name
from agent.payloads.text import prompt_text
from agent.records import Exchange, Rejected

REQUEST_MARKS = frozenset({"instances"})
RESPONSE_MARKS = frozenset({"predictions"})
PROMPTS = ("prompt", "text", "input", "inputs", "query", "question", "messages", "content", "text_input")
ANSWERS = ("generated_text", "output", "text", "answer", "response", "completion", "content", "text_output")


def request(body: dict[str, Any], context: Context) -> list[Outcome]:
    """Read ``{"instances"}``: texts, or objects that hold one."""
    instances = body.get("instances")
    if not isinstance(instances, list):
        return []
    return [_asked(instance, context) for instance in instances[: MOST_PARTS + 1]]


def response(body: dict[str, Any], context: Context) -> list[Outcome]:  # noqa: ARG001 - readers have one signature
    """Read ``{"predictions"}``: texts, or objects that hold one; numbers are no answer of a language model."""
    predictions = body.get("predictions")
    if not isinstance(predictions, list):
        return []
    predictions = predictions[: MOST_PARTS + 1]
    texts = [pick(prediction, ANSWERS) for prediction in predictions]
    model = name(body.get("model_name"))
    return [
        Rejected("not_llm" if isinstance(prediction, int | float | list) else "unrecognised")
        if text is None
        else Exchange(response=text, shape="predict_v1", model=model)
        for prediction, text in zip(predictions, texts, strict=True)
    ]


def pick(value: Any, names: tuple[str, ...]) -> str | None:
    """Return a text, or the first of an object's usual fields that is one."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    found = first(value, names) if isinstance(value, dict) else value
    return found if isinstance(found, str) else None


def _asked(instance: Any, context: Context) -> Outcome:
    found = first(instance, PROMPTS) if isinstance(instance, dict) else instance
    if isinstance(found, int | float) or (
        isinstance(found, list) and found and isinstance(found[0], int | float | list)
    ):
        return Rejected("not_llm")
    if not isinstance(found, str | list):
        return Rejected("unrecognised")
    prompt = prompt_text(found, context.options.which)
    return Rejected("no_prompt") if prompt is None else Exchange(prompt=prompt, shape="predict_v1")
