"""OTLP in JSON: ``{"resourceSpans"}`` and ``{"resourceLogs"}``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.fields import MOST_PARTS, mapping, name
from agent.payloads.otlp import BODY, Item, read_items, wanted
from agent.payloads.times import to_seconds

MARKS = frozenset({"resourceSpans", "resourceLogs"})
_DEEPEST = 32
_ERROR_STATUS = (2, "2", "STATUS_CODE_ERROR")


def read(document: dict[str, Any], context: Context) -> list[Outcome]:
    """Read a batch of spans, of log records or of both."""
    keys = wanted(context)
    spans = (_span(span, keys) for span in _leaves(document, "resourceSpans", "scopeSpans", "spans"))
    logs = (_log(record, keys) for record in _leaves(document, "resourceLogs", "scopeLogs", "logRecords"))
    return read_items(chain(spans, logs), context)


def value_of(value: Any, depth: int = 0) -> Any:
    """Return the plain value of an AnyValue.

    Examples
    --------
    >>> value_of({"arrayValue": {"values": [{"intValue": "3"}, {"stringValue": "a"}]}})
    ['3', 'a']
    """
    if not isinstance(value, dict) or not value or depth > _DEEPEST:
        return None
    kind, inner = next(iter(value.items()))
    if kind == "arrayValue":
        return [value_of(each, depth + 1) for each in _list(mapping(inner).get("values"))]
    if kind == "kvlistValue":
        return _pairs(mapping(inner).get("values"), depth + 1)
    return inner if kind in ("stringValue", "intValue", "doubleValue", "boolValue") else None


def _pairs(entries: Any, depth: int = 0, keys: tuple[str, ...] = ("",)) -> dict[str, Any]:
    """Return a list of keys and values as a dict; only keys that begin with one of `keys`."""
    return {
        entry["key"]: value_of(entry.get("value"), depth)
        for entry in _list(entries)
        if isinstance(entry, dict) and isinstance(entry.get("key"), str) and entry["key"].startswith(keys)
    }


def _span(span: dict[str, Any], keys: tuple[str, ...]) -> Item:
    events = [
        (name(event.get("name")) or "", _pairs(event.get("attributes"), keys=keys))
        for event in _list(span.get("events"))
        if isinstance(event, dict)
    ]
    return Item(
        trace_id=name(span.get("traceId")) or "",
        span_id=name(span.get("spanId")) or "",
        start=to_seconds(span.get("startTimeUnixNano")),
        end=to_seconds(span.get("endTimeUnixNano")),
        attributes=_pairs(span.get("attributes"), keys=keys),
        events=events,
        failed=mapping(span.get("status")).get("code") in _ERROR_STATUS,
    )


def _log(record: dict[str, Any], keys: tuple[str, ...]) -> Item:
    attributes = _pairs(record.get("attributes"), keys=keys)
    title = name(record.get("eventName")) or name(attributes.get("event.name")) or ""
    body = value_of(record.get("body"))
    inside = body if isinstance(body, dict) else {}
    return Item(
        trace_id=name(record.get("traceId")) or "",
        span_id=name(record.get("spanId")) or "",
        start=to_seconds(record.get("timeUnixNano")) or to_seconds(record.get("observedTimeUnixNano")),
        end=None,
        attributes=attributes,
        events=[(title, inside | {BODY: body})],
        log=True,
    )


def _leaves(document: dict[str, Any], *path: str) -> Iterator[dict[str, Any]]:
    """Yield the objects three lists down."""
    level: Iterable[Any] = (document,)
    for key in path:
        level = chain.from_iterable(_inside(level, key))
    return (each for each in level if isinstance(each, dict))


def _inside(holders: Iterable[Any], key: str) -> Iterator[list[Any]]:
    return (_list(holder.get(key)) for holder in islice(holders, MOST_PARTS + 1) if isinstance(holder, dict))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
