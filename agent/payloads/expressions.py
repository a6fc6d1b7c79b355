"""Where the config says that a field stands: the one door to JMESPath, which a plain dotted path does without."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

from agent.payloads.fields import dig

Finder = Callable[[Any], Any]

MOST_STEPS = 20_000
"""Of one expression in one message: a choice among 5,000 turns takes as many. Beyond them nothing is found."""
_MORE_THAN_A_PATH = re.compile(r"""[][{}()|&!<>=*"'`@,?:]""")


def finder(expression: str) -> Finder:
    """Return what finds a field in a parsed message; None where the message has no such field.

    Parameters
    ----------
    expression : str
        A dotted path, whose keys may hold any character but the special ones of JMESPath; else a JMESPath expression.

    Raises
    ------
    ValueError
        For neither.

    Examples
    --------
    >>> finder("x-meta.id")({"x-meta": {"id": 7}})
    7
    >>> finder("turns[?role=='user'] | [-1].text")({"turns": [{"role": "user", "text": "Hi"}, {"role": "bot"}]})
    'Hi'
    >>> finder("join(' ', parts)")({"parts": 7}) is None
    True
    """
    if not _MORE_THAN_A_PATH.search(expression):
        return _dotted(expression)
    try:
        parsed = jmespath.compile(expression).parsed
    except JMESPathError as error:
        raise ValueError(f"{expression!r} is not a JMESPath expression: {_first_line(error)}") from None

    def find(document: Any) -> Any:
        try:
            return _Bounded().visit(parsed, document)
        except JMESPathError:  # a function that met another type than it takes, or too many steps
            return None

    return find


class _Bounded(TreeInterpreter):  # type: ignore[misc]
    """Takes so many steps and no more: how many an expression takes is up to the message."""

    def __init__(self) -> None:
        super().__init__()
        self._left = MOST_STEPS

    def visit(self, node: Any, *arguments: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise JMESPathError("too many steps")
        return super().visit(node, *arguments)


def _dotted(expression: str) -> Finder:
    path = tuple(expression.split("."))
    if not all(path):
        raise ValueError(f"{expression!r} is not a dotted path")
    return lambda document: dig(document, path)


def _first_line(error: JMESPathError) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
