"""Rows of a training file, one at a time, whatever it is packed in: recognised by its first bytes, not by its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from agent.fitting.errors import FitError
from agent.payloads.jsontext import loads
from agent.payloads.reasons import UnreadableError
from agent.sources.documents import TABLES, read_messages
from agent.sources.errors import SourceError
from agent.sources.lines import PARQUET

MAX_LINE = 64 * 2**20
"""Longest line read, in bytes."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_WORDS = {"not_utf8": "not UTF-8", "not_json": "not JSON", "too_deep": "nested too deep"}


class Document(NamedTuple):
    """One row as it stands in the file.

    Attributes
    ----------
    line : int
        Counted from 1.
    value : dict or None
        None where it could not be read.
    problem : str
        Why not; empty where it could.
    """

    line: int
    value: dict[str, Any] | None
    problem: str = ""


def unit(path: Path) -> str:
    """Return what is counted in a file, from 1: the rows of a table without its heading may take several lines.

    Examples
    --------
    >>> unit(Path("faq.csv")), unit(Path("chats.jsonl"))
    ('row', 'line')
    """
    return "row" if path.name.endswith((*TABLES, ".parquet")) else "line"


def read_documents(path: Path) -> Iterator[Document]:
    """Yield the rows of a JSONL or CSV file (plain, gzip, zstd) or a Parquet file. Blank lines are skipped.

    Raises
    ------
    FitError
        The file cannot be read at all. A bad row among good ones is a `Document` with a `problem`.
    """
    head = _head(path)
    if head.startswith(PARQUET):
        from agent.fitting.parquet import read_parquet  # noqa: PLC0415  pyarrow takes 0.2 s and is needed here only

        yield from (Document(*row) for row in read_parquet(path))
    else:
        yield from _read_lines(path)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise FitError(f"{path}: cannot be read: {error.strerror}") from None
    if not head:
        raise FitError(f"{path}: is empty")
    if head.startswith(_UTF16):
        raise FitError(f"{path}: is UTF-16 text: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)")
    return head


def _read_lines(path: Path) -> Iterator[Document]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(read_messages(file, MAX_LINE), start=1):
                if number == 1 and line is not None and line.lstrip()[:1] == b"[":
                    raise FitError(f"{path}: is a JSON array: write one object a line (jq -c '.[]')")
                if line is None:
                    yield Document(number, None, f"longer than {MAX_LINE:,} bytes")
                elif line.strip():
                    yield _parse(number, line)
    except SourceError as error:
        raise FitError(str(error)) from None


def _parse(number: int, line: bytes) -> Document:
    try:
        value = loads(line)
    except UnreadableError as error:
        return Document(number, None, _WORDS[error.reason])
    return Document(number, value) if isinstance(value, dict) else Document(number, None, "not a JSON object")
