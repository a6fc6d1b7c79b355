"""Rows of a Parquet file. The one door to pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from agent.fitting.errors import FitError

_BATCH = 1_000


def read_parquet(path: Path) -> Iterator[tuple[int, dict[str, Any] | None, str]]:
    """Yield row number (from 1), the row, and what is wrong with it, a batch of rows in memory at a time.

    Raises
    ------
    FitError
        Not a Parquet file, or a damaged one.
    """
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                for i in range(batch.num_rows):
                    number += 1
                    yield (number, *_row(batch, i))
    except (pa.ArrowException, OSError) as error:
        raise FitError(f"{path}: is damaged behind row {number} ({error})") from None


def _row(batch: Any, i: int) -> tuple[dict[str, Any] | None, str]:
    try:
        (row,) = batch.slice(i, 1).to_pylist()
    except UnicodeDecodeError:
        return None, "not UTF-8"
    return row, ""
