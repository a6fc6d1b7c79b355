"""Settings from the environment: ``OFFMAP_SECTION__KEY``, such as ``OFFMAP_KAFKA__GROUP_ID``.

Written here rather than taken from pydantic-settings: that one ignores variables it does not know, and its import alone
costs 0.3 s and 17 MB of the agent's start and memory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

PREFIX = "OFFMAP_"
RESERVED = frozenset({"OFFMAP_CACHE", "OFFMAP_DATA", "OFFMAP_BENCH_CACHE", "OFFMAP_BENCH_SEEDS"})
"""Variables with our prefix that are no settings: where tests keep what they fetch, and what benchmarks are told."""


class Variable(NamedTuple):
    """A setting from the environment: the variable's name, as it is spelt there, and its value."""

    name: str
    value: Any


def read_environment(
    environ: Mapping[str, str], known: Mapping[str, frozenset[str]]
) -> tuple[dict[str, dict[str, Variable]], list[str]]:
    """Pick the settings out of the environment.

    Parameters
    ----------
    environ : mapping of str to str
    known : mapping of str to frozenset of str
        The keys of each section.

    Returns
    -------
    dict, list of str
        Variables by section and key, and what is wrong with others.

    Examples
    --------
    >>> read_environment({"OFFMAP_SERVER__PORT": "80", "HOME": "/"}, {"server": frozenset({"port"})})
    ({'server': {'port': Variable(name='OFFMAP_SERVER__PORT', value='80')}}, [])
    """
    values: dict[str, dict[str, Variable]] = {}
    problems: list[str] = []
    for name in sorted(environ):
        if not name.upper().startswith(PREFIX) or name in RESERVED:
            continue
        section, _, key = name[len(PREFIX) :].lower().partition("__")
        if key in known.get(section, ()):
            values.setdefault(section, {})[key] = Variable(name, _value(environ[name]))
        else:
            problems.append(f"{name}: {_unknown(section, key, known)}")
    return values, problems


def _value(text: str) -> Any:
    if not text.startswith("["):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _unknown(section: str, key: str, known: Mapping[str, frozenset[str]]) -> str:
    if not key:
        return (
            "is no setting; settings are named OFFMAP_SECTION__KEY. "
            "If Kubernetes sets it for a service, use enableServiceLinks: false"
        )
    names = [f"{PREFIX}{one}__{name}".upper() for one, keys in known.items() for name in keys]
    close = get_close_matches(f"{PREFIX}{section}__{key}".upper(), names, n=1)
    return f"is no setting; did you mean {close[0]}?" if close else "is no setting; see the configuration reference"
