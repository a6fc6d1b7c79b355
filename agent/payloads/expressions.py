"""Where the config says that a field stands: the one door to JMESPath, which a plain dotted path does without."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from agent.payloads.fields import dig

Finder = Callable[[Any], Any]

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
        search = jmespath.compile(expression).search
    except JMESPathError as error:
        raise ValueError(f"{expression!r} is not a JMESPath expression: {_first_line(error)}") from None

    def find(document: Any) -> Any:
        try:
            return search(document)
        except JMESPathError:  # a function that met another type than it takes
            return None

    return find


def _dotted(expression: str) -> Finder:
    path = tuple(expression.split("."))
    if not all(path):
        raise ValueError(f"{expression!r} is not a dotted path")
    return lambda document: dig(document, path)


def _first_line(error: JMESPathError) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
