"""Log files as a source: JSON and tables, plain or compressed, one file after the other."""

from __future__ import annotations

import glob
from io import BufferedReader, FileIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from agent.records import Batch, Partition, Record
from agent.sources.documents import read_messages
from agent.sources.errors import SourceError
from agent.sources.lines import BUFFER

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

SUFFIXES = tuple(
    kind + packed for kind in (".jsonl", ".ndjson", ".json", ".csv", ".log") for packed in ("", ".gz", ".zst")
)
"""What is read of a directory."""
OVERSIZED = (("offmap-oversized", b""),)
"""The header of a line too long to hold; its value is empty. `agent.payloads` counts it as oversized."""


def expand(paths: Sequence[str | Path]) -> list[str]:
    """Return the files that `paths` name, each once.

    A file stands for itself; a directory for the files in it, at any depth, whose names end in one of `SUFFIXES`; a
    pattern with `*`, `?` or `[` for what it matches, `**` over directories. What a directory or a pattern brings is
    sorted.

    Raises
    ------
    SourceError
        Where one of them names no file.

    Examples
    --------
    >>> expand(["no-such.jsonl"])
    Traceback (most recent call last):
    ...
    agent.sources.errors.SourceError: no-such.jsonl: no such file
    """
    if not paths:
        raise SourceError("no log file is named")
    return list(dict.fromkeys(file for path in paths for file in _expand_one(str(path))))


def _expand_one(path: str) -> list[str]:
    if Path(path).is_dir():
        found = sorted(str(file) for file in Path(path).rglob("*") if file.name.endswith(SUFFIXES) and file.is_file())
        if not found:
            raise SourceError(f"{path}: no file in this directory ends in {', '.join(SUFFIXES)}: name the files")
        return found
    if Path(path).exists():
        return [path]
    if any(sign in path for sign in "*?["):
        matches = glob.glob(path, recursive=True)  # noqa: PTH207 - Path.glob wants the root and the pattern apart
        if found := sorted(file for file in matches if Path(file).is_file()):
            return found
        raise SourceError(f"{path}: no file matches")
    raise SourceError(f"{path}: no such file")


class FileSource:
    r"""JSON lines from files, in the order given.

    Parameters
    ----------
    paths : sequence of str or Path
        Files, directories, patterns: see `expand`.
    positions : mapping of (path, 0) to int, optional
        The line (from 0) to go on with, for each file that an earlier run has begun.
    batch_size : int
        Most lines of one poll.
    longest_line : int
        Bytes; of a longer line nothing is held, and it is handed over as an empty record with the header `OVERSIZED`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "a.jsonl")
    ...     _ = file.write_text('{"prompt": "Hi"}\n{"prompt": "Ho"}\n')
    ...     records, end = FileSource([folder], {(str(file), 0): 1}).poll()
    >>> [(record.offset, record.value) for record in records], end
    ([(1, b'{"prompt": "Ho"}')], True)
    """

    status = "ok"

    def __init__(
        self,
        paths: Sequence[str | Path],
        positions: Mapping[Partition, int] | None = None,
        *,
        batch_size: int = 500,
        longest_line: int = 4 * 2**20,
    ) -> None:
        self.paths = expand(paths)
        self._positions = dict(positions or {})
        self._batch_size = batch_size
        self._longest = longest_line
        self._total_bytes = sum(Path(path).stat().st_size for path in self.paths)
        self._done_bytes = 0
        self._file: BufferedReader | None = None
        self._records = self._read_all()
        self._failure: SourceError | None = None

    def poll(self) -> Batch:
        """Return the next lines, and whether these were the last.

        Raises
        ------
        SourceError
            For a file that cannot be read or is damaged (the lines before the damage come first), and when no file has
            any line.
        """
        if self._failure is not None:
            raise self._failure
        records: list[Record] = []
        try:
            for record in islice(self._records, self._batch_size):
                records.append(record)  # noqa: PERF402 - what came before an error is kept
        except SourceError as error:
            self._failure = error
            return Batch(records) if records else self.poll()
        return Batch(records, end=len(records) < self._batch_size)

    def progress(self) -> tuple[int, int]:
        """Bytes read so far, and bytes of all files, both as they lie on the disk."""
        here = self._file.tell() if self._file and not self._file.closed else 0
        return self._done_bytes + here, self._total_bytes

    def commit(self, positions: Mapping[Partition, int]) -> None:
        """Do nothing: a file keeps no positions."""

    def lag(self) -> Mapping[Partition, int]:
        """Return nothing: how many lines are left is not known before they are read."""
        return {}

    def close(self) -> None:
        """Close the file that is open."""
        self._records.close()

    def _read_all(self) -> Generator[Record]:
        empty = True
        for path in self.paths:
            start = self._positions.get((path, 0), 0)
            with _open(path) as self._file:
                for number, line in enumerate(read_messages(self._file, self._longest)):
                    empty = False
                    if number >= start:
                        yield Record(path, 0, number, line or b"", headers=OVERSIZED if line is None else ())
                self._done_bytes += self._file.tell()
        if empty:
            raise SourceError(f"{', '.join(self.paths[:3])}: nothing to read: no line in {len(self.paths)} file(s)")


def _open(path: str) -> BufferedReader:
    try:
        return BufferedReader(FileIO(path), BUFFER)
    except OSError as error:
        raise SourceError(f"{path}: cannot be opened: {error.strerror}") from error
