"""Where the texts, numbers and names of an unknown message stand: each leaf with the expression that finds it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

DEEPEST = 8
MOST_LEAVES = 400
"""Of one message; what is behind them is not looked at."""

_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ROLES = ("role", "who", "speaker", "sender", "author", "from", "type", "side", "source", "participant")
_USERS = ("user", "human", "customer", "client", "visitor", "caller", "guest", "member", "person")
_ASSISTANTS = ("assistant", "bot", "ai", "agent", "model", "gpt", "chatbot", "operator", "system")


def leaves(document: Any) -> dict[str, Any]:
    """Return every leaf by the expression that finds it: a dotted path, or JMESPath where a path does not reach.

    A list of turns gives the last text of each role; of any other list only the first item is looked at.

    Examples
    --------
    >>> leaves({"a": {"b-c": 1}, "log": [{"who": "customer", "text": "Hi"}, {"who": "bot", "text": "Hello!"}]})
    {'a.b-c': 1, "log[?who=='customer'] | [-1].text": 'Hi', "log[?who=='bot'] | [-1].text": 'Hello!'}
    """
    found: dict[str, Any] = {}
    for expression, value in _walk(document, (), 0):
        found[expression] = value
        if len(found) >= MOST_LEAVES:
            break
    return found


def _walk(value: Any, path: tuple[str, ...], depth: int) -> Iterator[tuple[str, Any]]:
    if depth > DEEPEST:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, (*path, key), depth + 1)
    elif isinstance(value, list):
        yield from _turns(value, path) or _first(value, path, depth)
    elif path:
        yield _join(path), value


def _turns(items: list[Any], path: tuple[str, ...]) -> list[tuple[str, Any]]:
    """Return the last text of the user and of the assistant, where the items are turns of a conversation."""
    if not items or not all(isinstance(item, dict) for item in items):
        return []
    found = []
    for key in (key for key in _ROLES if all(isinstance(item.get(key), str) for item in items)):
        for roles in (_USERS, _ASSISTANTS):
            said = [item for item in items if item[key].lower() in roles]
            for text in [name for name, value in said[-1].items() if name != key and _is_text(value)] if said else ():
                role = said[-1][key]
                found.append((f"{_join(path)}[?{_quote(key)}=='{role}'] | [-1].{_quote(text)}", said[-1][text]))
    return found


def _first(items: list[Any], path: tuple[str, ...], depth: int) -> Iterator[tuple[str, Any]]:
    if not items or not path:
        return
    start = f"{_join(path, strict=True)}[0]"
    if not isinstance(items[0], dict):
        yield start, items[0]
        return
    for rest, value in _walk(items[0], (), depth + 1):
        if "[" not in rest:  # a list in a list is no place that a producer keeps its text
            yield f"{start}.{_join(tuple(rest.split('.')), strict=True)}", value


def _join(path: tuple[str, ...], *, strict: bool = False) -> str:
    """Write a path: dotted where its keys allow that, else with the keys quoted as JMESPath wants them."""
    quoted = strict or any("." in key or re.search(r"""[][{}()|&!<>=*"'`@,?:]""", key) or not key for key in path)
    return ".".join(_quote(key) for key in path) if quoted else ".".join(path)


def _quote(key: str) -> str:
    if _SIMPLE.fullmatch(key):
        return key
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
