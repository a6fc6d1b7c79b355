"""Server-sent events: the form in which a streamed response is logged when nobody put it together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from agent.payloads import jsontext
from agent.payloads.reasons import UnreadableError

_START = re.compile(rb"\s*(?:data|event|id|retry)?:")
_END = b"[DONE]"
_MOST_EVENTS = 20_000  # where one of them is damaged


def is_stream(value: bytes) -> bool:
    """Say whether bytes look like server-sent events.

    Examples
    --------
    >>> is_stream(b'data: {"choices": []}'), is_stream(b'{"data": 1}')
    (True, False)
    """
    return _START.match(value[:64]) is not None


def chunks(value: bytes) -> list[Any]:
    r"""Return the JSON documents of a stream in order; an event that is not JSON (a ping, a cut end) is left out.

    Examples
    --------
    >>> chunks(b'event: a\ndata: {"n": 1}\n\ndata: {"n":\r\ndata: 2}\n\n: ping\n\ndata: [DONE]\n\n')
    [{'n': 1}, {'n': 2}]
    """
    events = list(_events(value))
    try:
        whole = jsontext.loads(b"[" + b",".join(events) + b"]")  # at once: many times faster than one by one
    except UnreadableError:
        whole = [_one(event) for event in events[:_MOST_EVENTS]]
    return [chunk for chunk in whole if chunk is not None] if isinstance(whole, list) else []


def _one(event: bytes) -> Any:
    try:
        return jsontext.loads(event)
    except UnreadableError:
        return None


def _events(value: bytes) -> Iterator[bytes]:
    """Yield the data of each event: its data lines, joined."""
    lines: list[bytes] = []
    for line in value.split(b"\n"):
        if line.startswith(b"data:"):
            lines.append(line[5:].strip())
        elif lines and not line.strip():
            yield from _data(lines)
            lines = []
    yield from _data(lines)


def _data(lines: list[bytes]) -> Iterator[bytes]:
    data = lines[0] if len(lines) == 1 else b"\n".join(line for line in lines if line != _END)
    if data and data != _END:
        yield data
