"""Taking single values out of parsed JSON: of the right type and bounded, or None."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from agent.records import Exchange

LONGEST_NAME = 256
"""Characters of an id, a model's name, a label. Longer ones are cut: no counter or buffer grows with a message."""
LARGEST_COUNT = 2**53
MOST_PARTS = 4_000
"""Exchanges, spans, lines or tensors of one message that are read: one that holds more costs no more."""


def name(value: Any) -> str | None:
    """Return an id, a model's name or a label as text.

    Examples
    --------
    >>> name("gpt-4o"), name(7), name(""), name(["x"])
    ('gpt-4o', '7', None, None)
    """
    if isinstance(value, str):
        return value[:LONGEST_NAME] or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) <= LARGEST_COUNT else None
    return None


def number(value: Any) -> float | None:
    """Return a finite number, also from text.

    Examples
    --------
    >>> number(2), number("2.5"), number("nan"), number(True)
    (2.0, 2.5, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and len(value) > LONGEST_NAME:
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def count(value: Any) -> int | None:
    """Return a whole number ≥ 0, also from text (OTLP writes integers so).

    Examples
    --------
    >>> count(3), count("12"), count(-1), count(1.5)
    (3, 12, None, None)
    """
    if type(value) is int:  # by far the most common
        return value if 0 <= value <= LARGEST_COUNT else None
    found = number(value)
    return int(found) if found is not None and 0 <= found <= LARGEST_COUNT and found.is_integer() else None


def first(document: Mapping[str, Any], keys: Iterable[str]) -> Any:
    """Return the value of the first key that is there and not null."""
    for key in keys:
        value = document.get(key)
        if value is not None:
            return value
    return None


def dig(document: Any, path: Iterable[str]) -> Any:
    """Follow a path through nested objects.

    Examples
    --------
    >>> dig({"a": {"b": 1}}, ("a", "b")), dig({"a": [1]}, ("a", "b"))
    (1, None)
    """
    for key in path:
        if not isinstance(document, dict):
            return None
        document = document.get(key)
    return document


def tagged(exchange: Exchange, document: Mapping[str, Any], paths: Mapping[str, tuple[str, ...]]) -> Exchange:
    """Add the tags that a document has at the given paths: texts, whole numbers, true and false.

    Examples
    --------
    >>> tagged(Exchange(), {"meta": {"tier": "gold"}}, {"meta.tier": ("meta", "tier"), "lost": ("lost",)}).tags
    (('meta.tier', 'gold'),)
    """
    if not paths:
        return exchange
    known = dict(exchange.tags or ())
    found = {
        title: _tag(document[title] if title in document else dig(document, path)) for title, path in paths.items()
    }
    tags = {title: value for title, value in found.items() if value is not None} | known
    return exchange._replace(tags=tuple(tags.items())) if len(tags) > len(known) else exchange


def _tag(value: Any) -> str | None:
    return str(value).lower() if isinstance(value, bool) else name(value)


def mapping(value: Any) -> dict[str, Any]:
    """Return an object, or an empty one."""
    return value if isinstance(value, dict) else {}
