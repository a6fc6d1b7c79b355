"""How far a text is from its nearest training texts, for how far these are from one another."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.blocks import padded_blocks, spans

NEIGHBOURS = 10

MOST_ROWS = 20_000
"""Training rows that a text is compared with at most: beyond, the term costs more than embedding the text."""

SMALLEST_SPREAD = 1e-4
"""Keeps the distance finite where training rows are one and the same."""

SLAB = 1024
"""Training rows compared at a time: as float32 they stay in the cache, and are never all in memory."""

_GROUP = 32
_BELOW_ALL = np.float32(-2)


class LocalTerm:
    """Distance to the nearest training rows of the last layer, relative to the spread of these.

    loc(q) = d(q)/√(mean of d(x) over the 10 rows x that are nearest to q), d = mean cosine distance to the 10 nearest
    training rows other than itself. The root keeps a text between dense modes strange; the full ratio (as in the local
    outlier factor of Breunig et al. 2000) loses .02 of AUPR on CLINC150.

    Parameters
    ----------
    rows : ndarray of int8, shape (n, d)
        Training rows as whole numbers (`to_int8`); only their directions count.
    spreads : ndarray of float32, shape (n,)
        d of each training row; positive.

    Raises
    ------
    ValueError
        If the arrays do not belong together, or there are too few rows.
    """

    def __init__(self, rows: npt.NDArray[np.int8], spreads: npt.NDArray[np.float32]) -> None:
        if rows.ndim != 2 or rows.dtype != np.int8 or len(rows) <= NEIGHBOURS:
            raise ValueError(f"local rows must be int8 of shape (more than {NEIGHBOURS}, d), not {rows.shape}")
        if spreads.shape != rows.shape[:1] or spreads.dtype != np.float32:
            raise ValueError(f"local spreads must be float32 of shape {rows.shape[:1]}, not {spreads.shape}")
        if not (np.isfinite(spreads) & (spreads > 0)).all():
            raise ValueError("local spreads must be finite and positive")
        self.rows, self.spreads = rows, spreads
        # the squares of whole numbers add up exactly: the same lengths on every machine
        self._scales = 1 / np.maximum(np.linalg.norm(rows.astype(np.float32), axis=1), np.float32(1))

    def distances(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return loc of each chunk of a block (BLOCK, L, d), shape (BLOCK,): 0 or more but for rounding."""
        cosines, nearest = _largest(self._cosines(np.ascontiguousarray(block[:, -1])), NEIGHBOURS)
        spread = self.spreads[nearest].mean(axis=1, dtype=np.float64)
        distance: npt.NDArray[np.float64] = 1 - cosines.mean(axis=1, dtype=np.float64)
        distance /= np.sqrt(spread)
        return distance

    def _cosines(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the cosine of each row with each training row: (BLOCK, n)."""
        cosines = np.empty((len(block), len(self.rows)), dtype=np.float32)
        for where in spans(len(self.rows), SLAB):
            cosines[:, where] = block @ self.rows[where].astype(np.float32).T
        cosines *= self._scales
        return cosines


def own_spreads(rows: npt.NDArray[np.int8], unit: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Mean distance of each training row to the 10 nearest others, shape (n,); `unit` (n, d) are the rows unquantised.

    A row's nearest is itself, and left out.
    """
    term = LocalTerm(rows, np.ones(len(rows), dtype=np.float32))
    spreads = np.empty(len(rows), dtype=np.float32)
    for where, block in padded_blocks(unit):
        found, _ = _largest(term._cosines(block), NEIGHBOURS + 1)  # noqa: SLF001  of this module
        others = (found.sum(axis=1) - found.max(axis=1)) / NEIGHBOURS
        spreads[where] = 1 - others[: where.stop - where.start]
    return np.maximum(spreads, np.float32(SMALLEST_SPREAD))


def _largest(values: npt.NDArray[np.float32], k: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.integer[Any]]]:
    """Return the k largest of each row and their columns, (m, k) each, in no order.

    They lie in the k groups of columns whose largest value is largest: few groups are looked into.

    >>> found, where = _largest(np.array([[3, 9, 1, 7, 5]], dtype=np.float32), 2)
    >>> sorted(found[0].tolist()), sorted(where[0].tolist())
    ([7.0, 9.0], [1, 3])
    """
    n = values.shape[1]
    height = max(1, min(_GROUP, n // (4 * k)))
    n_groups = -(-n // height)
    padded = np.full((len(values), height * n_groups), _BELOW_ALL)
    padded[:, :n] = values
    # group g holds the columns g, g + n_groups, g + 2·n_groups …: its maximum is taken along whole rows of memory
    highest = padded.reshape(len(values), height, n_groups).max(axis=1)
    groups = np.argpartition(highest, n_groups - k, axis=1)[:, n_groups - k :]
    columns = (groups[:, None, :] + n_groups * np.arange(height)[:, None]).reshape(len(values), -1)
    inside = np.take_along_axis(padded, columns, axis=1)
    best = np.argpartition(inside, inside.shape[1] - k, axis=1)[:, inside.shape[1] - k :]
    return np.take_along_axis(inside, best, axis=1), np.take_along_axis(columns, best, axis=1)
