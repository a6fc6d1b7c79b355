"""The one door to the JSON parser: bytes or text in, plain Python values out, or a reason."""

from __future__ import annotations

import gc
import json
import re
from typing import Any

import orjson

from agent.payloads.reasons import UnreadableError

_LONE_SURROGATE = re.compile(
    rb"(?:\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u(?![dD][89a-fA-F])|[^u]))+"  # what may stay
    rb"|\\(u[dD][89a-fA-F][0-9a-fA-F]{2})",
    re.DOTALL,
)
_OFF_STANDARD = (b"NaN", b"Infinity", b"\\ud", b"\\uD", b"\xef\xbb\xbf")
_LONGEST_INTEGER = 20
_LONG = 100_000


def loads(data: bytes | str) -> Any:
    r"""Parse one JSON document.

    What real producers write beside the standard is read too: NaN and Infinity become None, half of a surrogate pair
    (an emoji cut in two) becomes U+FFFD, a byte order mark is skipped. Of duplicate keys the last one counts.

    Raises
    ------
    UnreadableError
        With reason "not_utf8", "not_json" or "too_deep" (more than 1024 levels).

    Examples
    --------
    >>> loads(b'{"a": [1, NaN, "cut \\ud83d"]}')
    {'a': [1, None, 'cut �']}
    """
    try:
        return orjson.loads(data) if len(data) < _LONG else _uncollected(data)
    except orjson.JSONDecodeError as problem:
        if "depth" in problem.msg:
            raise UnreadableError("too_deep") from None
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if not any(sign in raw for sign in _OFF_STANDARD):
        raise UnreadableError(_why_not(raw))
    return _lenient(raw)


def _uncollected(data: bytes | str) -> Any:
    """Parse a long document without the garbage collector, which else walks the whole heap many times meanwhile."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        return orjson.loads(data)
    finally:
        if collecting:
            gc.enable()


def _lenient(raw: bytes) -> Any:
    mended = _LONE_SURROGATE.sub(lambda found: b"\\ufffd" if found[1] else found[0], raw)
    try:
        return json.loads(mended.decode("utf-8-sig"), parse_constant=lambda _: None, parse_int=_integer)
    except RecursionError:
        raise UnreadableError("too_deep") from None
    except ValueError:
        raise UnreadableError(_why_not(raw)) from None


def _integer(digits: str) -> int | float:
    """Read long integers as orjson does: a float, so that no number grows with the message."""
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


def _why_not(raw: bytes) -> str:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "not_utf8"
    return "not_json"
