"""Rows in blocks: fixed ones where bits matter, large ones where memory does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

BLOCK = 64
"""Rows of a scoring block: BLAS gives other bits for other shapes, so a row is always scored in this height."""


def unit_rows(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the rows of an (n, d) matrix at length 1; a zero row stays zero.

    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32)).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    lengths = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    unit: npt.NDArray[np.float32] = rows / np.maximum(lengths, np.float32(1e-12))
    return unit


def padded_blocks(rows: npt.NDArray[Any]) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
    """Yield (where, block): consecutive rows as float32 blocks of exactly `BLOCK` rows, the last filled with zeros.

    >>> [(where, block.shape) for where, block in padded_blocks(np.ones((70, 2)))]
    [(slice(0, 64, None), (64, 2)), (slice(64, 70, None), (64, 2))]
    """
    for start in range(0, len(rows), BLOCK):
        where = slice(start, min(start + BLOCK, len(rows)))
        block = np.zeros((BLOCK, *rows.shape[1:]), dtype=np.float32)
        block[: where.stop - start] = rows[where]
        yield where, block


def spans(n: int, size: int) -> Iterator[slice]:
    """Yield slices of at most `size` that cover 0..n−1 in order.

    >>> list(spans(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))
