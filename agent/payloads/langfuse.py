"""Langfuse: batches of its ingestion API, rows of its exports, and scores; its newer SDKs send OTLP instead."""

from __future__ import annotations

from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.fields import MOST_PARTS, count, dig, first, mapping, name, number
from agent.payloads.halves import answered, asked, pair
from agent.payloads.times import to_seconds
from agent.records import Exchange, Rejected, Score

BATCH_MARKS = frozenset({"batch"})
EVENT_MARKS = frozenset({"body"})
ROW_MARKS = frozenset({"trace_id", "traceId", "observation_id", "observationId"})
_GENERATION_EVENTS = frozenset({"generation-create", "generation-update"})
_EVENTS = _GENERATION_EVENTS | {"trace-create", "score-create", "span-create", "span-update", "event-create", "sdk-log"}
_EVENTS |= {"observation-create", "observation-update"}
_INPUTS = ("input", "input_tokens", "prompt_tokens", "promptTokens")
_OUTPUTS = ("output", "output_tokens", "completion_tokens", "completionTokens")


def read_batch(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read ``{"batch": [{"type", "timestamp", "body"}]}``; a create and its update in one batch become one exchange."""
    batch = document["batch"]
    if not isinstance(batch, list) or not all(isinstance(event, dict) and "type" in event for event in batch):
        return []
    return [
        each
        for event in _together(batch[: MOST_PARTS + 1])
        for each in read_event(event, context) or [Rejected("unrecognised")]
    ]


def _together(batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put an update's body into its create's."""
    merged: dict[Any, dict[str, Any]] = {}
    for i, event in enumerate(batch):
        body = mapping(event.get("body"))
        place = name(body.get("id")) if name(event.get("type")) in _GENERATION_EVENTS else None
        earlier = merged.get(place) if place else None
        if earlier is None:
            merged[place or i] = event
        else:
            known = {key: value for key, value in body.items() if value is not None}
            merged[place] = earlier | {"body": mapping(earlier.get("body")) | known}
    return list(merged.values())


def read_event(event: dict[str, Any], context: Context) -> list[Outcome]:
    """Read one event of a batch."""
    kind, body = name(event.get("type")), mapping(event.get("body"))
    if kind not in _EVENTS or not body:
        return []
    if kind == "score-create":
        return _score(body, event.get("timestamp"))
    if kind not in _GENERATION_EVENTS and body.get("type") != "GENERATION":
        return [Rejected("not_llm")]
    ended = first(body, ("endTime", "completionStartTime")) is not None and body.get("level") != "ERROR"
    whole = kind != "generation-update"
    return _observation(body, event.get("timestamp"), context, needs=(whole, whole and ended))


def read_row(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read one row of an export: an observation, of which generations count, or a score."""
    kind = document.get("type")
    if isinstance(kind, str) and ("start_time" in document or "startTime" in document):
        return _observation(document, None, context) if kind == "GENERATION" else [Rejected("not_llm")]
    if "value" in document and "name" in document:
        return _score(document, document.get("timestamp"))
    return []


def _observation(
    body: dict[str, Any], timestamp: Any, context: Context, needs: tuple[bool, bool] = (True, True)
) -> list[Outcome]:
    """Read an observation; `needs` says whether it must have an input and an output, be they null."""
    question, answer = body.get("input"), body.get("output")
    prompts = [] if question is None else asked(_inside(question), context)
    answers = [] if answer is None else answered(answer, context)
    found = [_described(each, body, timestamp) for each in pair(prompts, answers)]
    moved = (needs[0] and "input" not in body) or (needs[1] and "output" not in body)
    if moved or (question is not None and not prompts) or (answer is not None and not answers):
        found.append(Rejected("unrecognised"))
    return found or [_described(Exchange(), body, timestamp)]  # an update without text: times, tokens, a status


def _inside(question: Any) -> Any:
    """Return the messages where the input is an object that holds nothing else of interest."""
    return question["messages"] if isinstance(question, dict) and "messages" in question else question


def _described(outcome: Outcome, body: dict[str, Any], timestamp: Any) -> Outcome:
    if isinstance(outcome, Rejected):
        return outcome
    usage = mapping(first(body, ("usageDetails", "usage_details", "usage")))
    start = to_seconds(first(body, ("startTime", "start_time")))
    end = to_seconds(first(body, ("endTime", "end_time")))
    identity = name(body.get("id"))
    level = name(body.get("level"))
    whole = outcome.prompt is not None and (outcome.response is not None or level == "ERROR")
    return outcome._replace(
        id=identity,
        time=start or outcome.time or (to_seconds(timestamp) if outcome.prompt is not None else None),
        shape="langfuse",
        model=name(first(body, ("model", "providedModelName", "provided_model_name"))) or outcome.model,
        error=level if level == "ERROR" else outcome.error,
        trace_id=name(first(body, ("traceId", "trace_id"))),
        session=name(first(body, ("sessionId", "session_id", "userId", "user_id"))),
        join_key=None if whole else identity,
        prompt_tokens=count(first(usage, _INPUTS)),
        completion_tokens=count(first(usage, _OUTPUTS)),
        latency=number(body.get("latency")) if start is None or end is None else max(0.0, end - start),
    )


def _score(body: dict[str, Any], timestamp: Any) -> list[Outcome]:
    """Read ``{"name", "value", "traceId", "observationId"}``; a person's and a program's score look alike."""
    title, value = name(body.get("name")), first(body, ("value", "stringValue", "string_value"))
    shared = name(first(body, ("observationId", "observation_id", "traceId", "trace_id")))
    if title is None or value is None or shared is None:
        return []
    label = first(body, ("stringValue", "string_value")) or (value if isinstance(value, str) else None)
    judge = name(dig(body, ("metadata", "model")))
    score = Score(title, number(value), name(label), judge)
    trace = name(first(body, ("traceId", "trace_id")))
    time = to_seconds(timestamp)
    return [Exchange(shape="langfuse", time=time, trace_id=trace, join_key=shared, scores=(score,))]
