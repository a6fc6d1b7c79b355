"""Server-sent events: the form in which a streamed response is logged when nobody put it together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from agent.payloads import jsontext
from agent.payloads.reasons import UnreadableError

_START = re.compile(rb"\s*(?:data|event|id|retry)?:")
_END = b"[DONE]"


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
    found = []
    for data in _events(value):
        try:
            found.append(jsontext.loads(data))
        except UnreadableError:
            continue
    return found


def _events(value: bytes) -> Iterator[bytes]:
    """Yield the data of each event: its data lines, joined."""
    lines: list[bytes] = []
    for line in value.splitlines():
        if line.startswith(b"data:"):
            lines.append(line[5:].removeprefix(b" "))
        elif not line.strip() and lines:
            yield b"\n".join(lines)
            lines = []
        if lines and lines[-1].strip() == _END:
            lines.pop()
    if lines:
        yield b"\n".join(lines)
