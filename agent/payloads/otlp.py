"""Spans and log records of OpenTelemetry, whichever encoding they came in, and how those of one call find together."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple

from agent.payloads import genai
from agent.payloads.context import Context, Outcome
from agent.payloads.fields import MOST_PARTS, name, tagged
from agent.records import Exchange, Rejected


class Item(NamedTuple):
    """One span or one log record.

    Attributes
    ----------
    trace_id, span_id : str
        Hexadecimal; empty where unknown.
    start, end : float or None
        Seconds since the epoch; a log record has no end.
    attributes : dict
        Those that `wanted` names, as plain values.
    events : list of (str, dict)
        A span's events: name and attributes. A log record is its own only event, its body among the attributes.
    failed : bool
        The span's status is an error.
    log : bool
        A log record, not a span.
    """

    trace_id: str
    span_id: str
    start: float | None
    end: float | None
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    failed: bool = False
    log: bool = False


WANTED = (
    "gen_ai.",
    "llm.",
    "input.",
    "output.",
    "langfuse.",
    "openinference.",
    "session.",
    "user.",
    "error.",
    "event.",
)
"""Prefixes of the attributes that are decoded; the rest is skipped."""
BODY = "body"
"""The key under which a log record's body stands among the attributes of its event."""


def wanted(context: Context) -> tuple[str, ...]:
    """Return the prefixes of the attributes that are to be decoded: those of the conventions, and the tags."""
    return (*WANTED, *context.options.tags)


def read_items(items: Iterable[Item], context: Context) -> list[Outcome]:
    """Read all spans and log records of one message; events of the same span become one exchange."""
    found: list[Outcome] = []
    logs: dict[tuple[str, str], list[Item]] = {}
    for item in islice(items, MOST_PARTS + 1):
        if item.log and genai.is_turn(item.events[0][0]):
            logs.setdefault((item.trace_id, item.span_id), []).append(item)
        elif not item.attributes and not item.events:  # a span of something else: most of what a service traces
            found.append(Rejected("not_llm"))
        else:
            found += _placed(genai.read(item.attributes, item.events, context), item, context)
    for same in logs.values():
        events = [event for item in same for event in item.events]
        attributes = {key: value for item in same for key, value in item.attributes.items()}
        found += _placed(genai.read(attributes, events, context), same[0]._replace(attributes=attributes), context)
    return found or [Rejected("not_llm")]


def _placed(outcomes: list[Outcome], item: Item, context: Context) -> list[Outcome]:
    """Add time, trace, tags and what joins a half to its other half: the span."""
    paths = context.options.tag_paths
    return [
        each if isinstance(each, Rejected) else tagged(_one(each, item), item.attributes, paths) for each in outcomes
    ]


def _one(exchange: Exchange, item: Item) -> Exchange:
    error = exchange.error or ("error" if item.failed else None)
    whole = exchange.prompt is not None and (exchange.response is not None or error is not None)
    span = f"{item.trace_id}:{item.span_id}" if item.span_id else None
    return exchange._replace(
        id=exchange.id or span,
        time=item.start,
        shape="otlp",
        error=error,
        join_key=None if whole else span or exchange.id,
        trace_id=name(item.trace_id),
        latency=None if item.start is None or item.end is None else max(0.0, item.end - item.start),
    )
