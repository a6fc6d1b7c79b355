"""Files that are there whole or not at all, also after a power cut."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


class OverwriteError(ValueError):
    """An output would destroy an input, or another output."""


def keep_apart(inputs: Iterable[str | Path], outputs: Iterable[Path | None]) -> None:
    """Check, before anything is opened for writing, that no output is an input or another output.

    Raises
    ------
    OverwriteError
        Names the file.

    Examples
    --------
    >>> keep_apart(["log.jsonl"], [Path("./log.jsonl")])
    Traceback (most recent call last):
    ...
    agent.durable.OverwriteError: log.jsonl is an input: writing to it would destroy it; name another output
    """
    taken = {_real(path): "an input" for path in inputs}
    for output in outputs:
        if output is None:
            continue
        if role := taken.get(_real(output)):
            raise OverwriteError(f"{output} is {role}: writing to it would destroy it; name another output")
        taken[_real(output)] = "another output too"


def _real(path: str | Path) -> str:
    return os.path.realpath(path)


def replace_file(path: Path, data: bytes | memoryview) -> None:
    """Write `data` beside the file, force it to the disk, and put it in the file's place in one step.

    Raises
    ------
    OSError
        The file is as it was before.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Force the rename itself to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
