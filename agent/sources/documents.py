"""The messages in a file: a line each, or a document over several lines, or a row of a table."""

from __future__ import annotations

import csv
import json
import re
from itertools import chain
from typing import TYPE_CHECKING, Any

from agent.payloads import jsontext
from agent.payloads.reasons import UnreadableError
from agent.sources.lines import read_lines

if TYPE_CHECKING:
    import io
    from collections.abc import Iterable, Iterator

TABLES = (".csv", ".csv.gz", ".csv.zst")
"""How the names of tables end: their content says nothing."""
_STARTS = frozenset({b"{", b"[", b"[{"})
"""The first line of JSON that is laid out for people; a line of JSON lines is longer."""
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+"')
_BETWEEN = frozenset({b"]", b","})
_BRACKETS = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}


def read_messages(file: io.BufferedReader, longest: int) -> Iterator[bytes | None]:
    r"""Yield each message of `file`, or None for one of more than `longest` bytes, which is not held.

    Of JSON over several lines each document is one, and of a list of documents each item. A row of a table is an object
    with the names of its columns; cells that hold JSON are read as such, empty ones are left out.

    Raises
    ------
    SourceError
        As `read_lines` does.

    Examples
    --------
    >>> import io
    >>> list(read_messages(io.BufferedReader(io.BytesIO(b'[\n {\n  "a": 1\n },\n {}\n]\n')), longest=100))
    [b' {\n  "a": 1\n }', b' {}']
    """
    lines = read_lines(file, longest)
    if str(getattr(file, "name", "")).endswith(TABLES):
        return _rows(lines, longest)
    return _documents(lines, longest)


def _documents(lines: Iterator[bytes | None], longest: int) -> Iterator[bytes | None]:
    before: list[bytes | None] = []
    for line in lines:
        before.append(line)
        if line is None or line.strip():
            break
    start = before[-1] if before else None
    if start is None or start.strip() not in _STARTS:
        return chain(before, lines)
    first, outer = start.strip(), 0
    if first.startswith(b"["):  # a list of documents
        first, outer = first[1:], 1
    return _over_lines(chain([first], lines), outer, longest)


def _over_lines(lines: Iterable[bytes | None], outer: int, longest: int) -> Iterator[bytes | None]:
    """Put the lines of each document together: it ends where as many brackets are closed as were opened."""
    held: list[bytes] = []
    size, depth = 0, outer
    for line in lines:
        text = b"" if line is None else line.strip()
        size += longest + 1 if line is None else len(line) + 1 if text else 0
        if line is None or not text or (depth == outer and text in _BETWEEN):
            continue
        if size <= longest:
            held.append(line)
        depth += sum(_BRACKETS.get(sign, 0) for sign in _TEXT.sub(b"", text))
        if depth <= outer:
            yield b"\n".join(held).rstrip().removesuffix(b",") if size <= longest else None
            held, size = [], 0
    if held:
        yield b"\n".join(held) if size <= longest else None


def _rows(lines: Iterable[bytes | None], longest: int) -> Iterator[bytes | None]:
    csv.field_size_limit(longest)
    rows = csv.reader((line or b"").decode("utf-8", "replace") + "\n" for line in lines)
    columns = next(rows, [])
    while True:
        try:
            row = next(rows, None)
        except csv.Error:
            yield None
            continue
        if row is None:
            return
        if row:
            found = {column: _cell(cell) for column, cell in zip(columns, row, strict=False) if cell}
            yield json.dumps(found).encode()


def _cell(cell: str) -> Any:
    if not cell.startswith(("{", "[")):
        return cell
    try:
        return jsontext.loads(cell)
    except UnreadableError:
        return cell
