"""A request and its response in one message, under whatever names a gateway gave them; and either of them alone."""

from __future__ import annotations

from typing import Any

from agent.payloads.bodies import REQUEST_MARKS, RESPONSE_MARKS, read_request, read_response
from agent.payloads.context import Context, Outcome
from agent.payloads.ended import IDS, TIMES, TRACES, with_end
from agent.payloads.fields import dig, first, name, number
from agent.payloads.halves import answered, asked, pair
from agent.payloads.times import to_seconds
from agent.records import Exchange, Rejected

REQUESTS = ("request", "req", "input", "requestBody", "request_body")
RESPONSES = ("response", "res", "output", "responseBody", "response_body")
PAIR_MARKS = frozenset({*REQUESTS, *RESPONSES, "body"})
BODY_MARKS = frozenset({"choices", "object", "model"})
"""With one of these a message may be an API's own body although it has "input" or "output" too."""
ALONE_MARKS = REQUEST_MARKS | RESPONSE_MARKS

_SESSIONS = ("session_id", "sessionId", "conversation_id", "conversationId")
_MILLISECONDS = ("latency_ms", "latencyMs", "duration_ms", "durationMs")


def read_pair(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read a log line with a request, a response or both; an empty list says that it is not that."""
    question, answer = first(document, REQUESTS), first(document, RESPONSES)
    if question is None and answer is None:
        question, answer = dig(document, ("body", "request")), dig(document, ("body", "response"))
    found = read_both(document, question, answer, context)
    halved = _absent(question) or _absent(answer)
    if not found or not halved or any(isinstance(each, Rejected) for each in found):
        return found
    if _absent(question) and not any(isinstance(each, Exchange) and (each.shape or each.error) for each in found):
        return []  # a bare text under a usual name: an answer of what, nobody knows
    # a half is logged alone only where something joins it; else the other half is here under a name that has moved
    return found if name(first(document, IDS)) else [*found, Rejected("unrecognised")]


def read_body(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read an API's own body where it has keys that pairs have too: "output" of a response, "input" of a request."""
    if "choices" in document or document.get("object") == "response":
        return read_alone(document, context)
    return read_alone(document, context) if "model" in document and first(document, RESPONSES) is None else []


def read_alone(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read the body of a request or of a response that stands by itself."""
    found = read_response(document, context) or read_request(document, context)
    return [each if isinstance(each, Rejected) else each._replace(join_key=each.id) for each in found]


def is_request(document: dict[str, Any]) -> bool:
    """Say whether a prompt is that of a completion's request: it names its model, and nothing that a log would add."""
    return "model" in document and "prompt" in document and first(document, (*IDS, *TIMES)) is None


def read_both(document: dict[str, Any], question: Any, answer: Any, context: Context) -> list[Outcome]:
    """Read the two halves that were found in a document; what the document says around them is added."""
    halves = (asked, question), (answered, answer)
    prompts, answers = ([] if _absent(value) else _inner(reader, value, context) for reader, value in halves)
    found = [_with_envelope(each, document, whole=bool(prompts and answers)) for each in pair(prompts, answers)]
    if not found or ((_absent(question) or prompts) and (_absent(answer) or answers)):
        return found
    # a half was there and not understood: its fields have moved, and that must be seen
    return [*found, Rejected("unrecognised")]


def _absent(value: Any) -> bool:
    """Say whether a half is not there; an empty text is there: an empty answer, or a prompt without text."""
    return value is None or (isinstance(value, dict | list) and not value)


def _inner(reader: Any, value: Any, context: Context) -> list[Outcome]:
    found: list[Outcome] = reader(value, context)
    if not found and isinstance(value, dict) and "body" in value:  # {"request": {"headers", "body"}}
        return reader(value["body"], context)  # type: ignore[no-any-return]
    return found


def _with_envelope(outcome: Outcome, document: dict[str, Any], *, whole: bool) -> Outcome:
    """Add what the log line says around the bodies; a body's own word counts more."""
    if isinstance(outcome, Rejected):
        return outcome
    identity = name(first(document, IDS))
    other = identity if outcome.id is not None and identity != outcome.id else None
    milliseconds = number(first(document, _MILLISECONDS))
    ended = with_end(outcome, document)
    failed = ended.error is not None or (ended.status or 0) >= 400
    whole = whole or (failed and ended.prompt is not None)  # no answer will come
    return ended._replace(
        id=outcome.id or identity,
        time=outcome.time or to_seconds(first(document, TIMES)),
        trace_id=name(first(document, TRACES)) or other,  # feedback may name either id
        session=name(first(document, _SESSIONS)) or outcome.session,
        model=outcome.model or name(document.get("model")),
        latency=None if milliseconds is None else milliseconds / 1e3,
        join_key=None if whole else identity or outcome.id,
    )
