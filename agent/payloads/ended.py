"""How an exchange ended, where a log line says it beside the texts: its status, an error, verdicts on the answer."""

from __future__ import annotations

from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.fields import count, dig, first, name, number
from agent.payloads.times import to_seconds
from agent.records import Exchange, Score

IDS = ("id", "request_id", "requestId", "x-request-id", "correlation_id", "correlationId")
TIMES = ("time", "timestamp", "@timestamp", "created", "created_at", "createdAt", "start_time", "startTime", "ts")
TRACES = ("trace_id", "traceId")
MARKS = frozenset({"feedback", "scores"})
"""Keys of verdicts."""
MOST_SCORES = 16
"""Verdicts of one message that are read."""
_STATUSES = ("status_code", "statusCode", "http_status", "status")
_FINISHES = ("finish_reason", "finishReason", "stop_reason", "stopReason")
_ENDS = frozenset({"error", *_STATUSES, *_FINISHES, *MARKS})
_NAMED = ("exchange_id", "response_id", "completion_id", "generation_id", "message_id", *IDS[1:], "id")
"""Where verdicts that come alone name their exchange; what is called just "id" may be their own."""
_BESIDE = frozenset({*_NAMED, *TIMES, *TRACES, *MARKS, "comment", "metadata", "session_id", "type", "user", "user_id"})
"""All that may stand beside them: with anything else the message is rather an exchange whose texts have moved."""


def read(document: dict[str, Any], _context: Context) -> list[Outcome]:
    """Read verdicts that came alone: ``{"id", "feedback"}`` or ``{"id", "scores"}``, of the exchange with this id."""
    if not document.keys() <= _BESIDE:
        return []
    identity, trace, scores = name(first(document, _NAMED)), name(first(document, TRACES)), verdicts(document)
    if scores is None or (identity or trace) is None:
        return []
    time = to_seconds(first(document, TIMES))
    return [Exchange(time=time, trace_id=trace, join_key=identity or trace, scores=scores)]


def with_end(exchange: Exchange, document: dict[str, Any]) -> Exchange:
    """Add what the log line says of the end; a body's own word counts more."""
    if _ENDS.isdisjoint(document):  # by far the most common
        return exchange
    return exchange._replace(
        status=exchange.status or _status(document),
        error=exchange.error or _error(document.get("error")),
        finish_reason=exchange.finish_reason or name(first(document, _FINISHES)),
        scores=exchange.scores or verdicts(document),
    )


def verdicts(document: dict[str, Any]) -> tuple[Score, ...] | None:
    """Read the verdicts of a log line.

    Examples
    --------
    >>> verdicts({"feedback": "thumbs_down"})
    (Score(name='feedback', value=None, label='thumbs_down', judge=None),)
    >>> verdicts({"scores": [{"name": "correctness", "value": 0, "model": "judge-1"}]})
    (Score(name='correctness', value=0.0, label=None, judge='judge-1'),)
    >>> verdicts({"scores": {"helpful": True}})
    (Score(name='helpful', value=None, label='true', judge=None),)
    """
    given, said = document.get("scores"), document.get("feedback")
    each = list(given.items()) if isinstance(given, dict) else []
    each += [(one.get("name"), one) for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    each += [("feedback", said)] if said is not None else []
    found = [score for title, value in each[:MOST_SCORES] if (score := _score(name(title), value)) is not None]
    return tuple(found) or None


def _score(title: str | None, value: Any) -> Score | None:
    judge = None
    if isinstance(value, dict):
        title = name(value.get("name")) or title
        judge = name(first(value, ("model", "judge"))) or name(dig(value, ("metadata", "model")))
        value = first(value, ("value", "score", "label"))
    if isinstance(value, bool):
        value = str(value).lower()
    figure = number(value)
    label = name(value) if isinstance(value, str) and figure is None else None
    return None if title is None or (figure is None and label is None) else Score(title, figure, label, judge)


def _status(document: dict[str, Any]) -> int | None:
    """Return the HTTP status; other words and numbers under these names are something else."""
    found = (count(document.get(key)) for key in _STATUSES)
    return next((status for status in found if status is not None and 100 <= status <= 599), None)


def _error(value: Any) -> str | None:
    """Return a code or a class: what an error says may hold a text."""
    if isinstance(value, dict):
        return (name(value.get("code")) or name(value.get("type")) or "error") if value else None
    return "error" if value is True or (isinstance(value, str) and value.strip()) else None
