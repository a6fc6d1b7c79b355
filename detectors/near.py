"""Cosines between rows of whole numbers: exact sums, so that the same two rows give the same bits in any company."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.prototypes import to_int8


class Whole(NamedTuple):
    """n directions as whole numbers: a quarter of the room of float32, at cosines that are off by .0002 at most.

    Attributes
    ----------
    rows : ndarray of int8, shape (n, d)
    scales : ndarray of float32, shape (n,)
        What each row is multiplied by to have the length 1.
    """

    rows: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]

    @classmethod
    def of(cls, vectors: npt.NDArray[np.floating[Any]]) -> Whole:
        """Round vectors (n, d); their length is lost."""
        return cls(*to_int8(vectors.astype(np.float32)))

    @classmethod
    def from_rows(cls, rows: npt.NDArray[np.int8]) -> Whole:
        """Find the scales again of rows that were kept without them."""
        squares = np.einsum("ij,ij->i", rows, rows, dtype=np.int64)  # in small pieces: never all rows as floats
        lengths = np.sqrt(squares.astype(np.float32))
        return cls(rows, (1 / np.maximum(lengths, 1)).astype(np.float32))

    def take(self, chosen: slice | npt.NDArray[Any]) -> Whole:
        """Return some of the rows."""
        return Whole(self.rows[chosen], self.scales[chosen])

    def joined(self, other: Whole) -> Whole:
        """Return these rows and the other ones behind them."""
        return Whole(np.concatenate([self.rows, other.rows]), np.concatenate([self.scales, other.scales]))

    def unit(self) -> npt.NDArray[np.float32]:
        """Return unit rows, shape (n, d)."""
        return self.rows * self.scales[:, None]

    def cosines(self, other: Whole) -> npt.NDArray[np.float32]:
        """Return the cosine of each row with each of the other (m, d): shape (n, m).

        Up to 1,000 dimensions the products of whole numbers add up to less than 2²⁴, and float32 is exact.

        Examples
        --------
        >>> rows = Whole.of(np.array([[1.0, 0.0], [0.6, 0.8]]))
        >>> rows.cosines(rows).round(2).tolist()
        [[1.0, 0.6000000238418579], [0.6000000238418579, 1.0]]
        """
        products = self.rows.astype(np.float32) @ other.rows.astype(np.float32).T
        products *= self.scales[:, None]
        products *= other.scales
        return products


def unlike(rows: Whole, known: Whole, cosine: np.float32) -> npt.NDArray[np.bool_]:
    """Say which rows (n, d), in order, are less than so alike to all known ones and to those said yes to before.

    >>> rows = Whole.of(np.array([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]]))
    >>> unlike(rows, rows.take(slice(1)), np.float32(0.95)).tolist()
    [False, True, False]
    """
    found: npt.NDArray[np.bool_] = rows.cosines(known).max(axis=1, initial=-1) < cosine
    among = np.tril(rows.cosines(rows) >= cosine, -1)
    for i in np.flatnonzero(among.any(axis=1)):
        found[i] &= not (among[i] & found).any()
    return found
