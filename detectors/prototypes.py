"""Distance to the nearest of many prototypes, each with a radius of its own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

EXPONENT = 0.3
"""How much a prototype's radius counts: 0 ignores it, 1 divides by it (0.3 is best on leave-modes-out data)."""

PRIOR = 3.0
"""Pseudo-members at the global mean distance: a prototype of few members borrows the radius of all."""

SMALLEST_RADIUS = 1e-4
"""Keeps the distance finite where all members of a prototype are one and the same."""


def shrunk_radii(
    counts: npt.NDArray[np.int32], means: npt.NDArray[np.float64], overall: float
) -> npt.NDArray[np.float32]:
    """Radius of each prototype: its members' mean cosine distance, shrunk towards the overall mean.

    r_k = (n_k·mean_k + 3·overall) / (n_k + 3)

    >>> shrunk_radii(np.array([0, 9], dtype=np.int32), np.array([0.0, 0.2]), 0.4).round(3).tolist()
    [0.4000000059604645, 0.25]
    """
    radii = (counts * means + PRIOR * overall) / (counts + PRIOR)
    return np.maximum(radii, SMALLEST_RADIUS).astype(np.float32)


def to_int8(rows: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Return rows of the last axis as int8, and the scale that gives each the length 1 again.

    >>> whole, scale = to_int8(np.array([[0.6, -0.8]], dtype=np.float32))
    >>> whole.tolist(), (whole * scale[:, None]).round(2).tolist()
    ([[95, -127]], [[0.6000000238418579, -0.800000011920929]])
    """
    largest = np.maximum(np.abs(rows).max(axis=-1, keepdims=True), np.float32(1e-12))
    whole = np.rint(rows * (np.float32(127) / largest)).astype(np.int8)
    lengths = np.linalg.norm(whole.astype(np.float32), axis=-1)
    return whole, (1 / np.maximum(lengths, 1)).astype(np.float32)


class Prototypes:
    """The prototypes of one layer: K of each of S seeds.

    Parameters
    ----------
    rows : ndarray of int8, shape (S, K, d)
        Directions, quantised.
    scales : ndarray of float32, shape (S, K)
        What each row is multiplied by to have the length 1; positive.
    radii : ndarray of float32, shape (S, K)
        Shrunk mean cosine distance of the members (`shrunk_radii`); positive.
    counts : ndarray of int32, shape (S, K)
        Training rows that are nearest to each, of those that the last step of k-means saw.

    Attributes
    ----------
    n_cells : int
        K, prototypes of one seed.
    dim : int
        d.

    Raises
    ------
    ValueError
        If shapes or dtypes do not belong together, or a number is not finite or not positive.
    """

    def __init__(
        self,
        rows: npt.NDArray[np.int8],
        scales: npt.NDArray[np.float32],
        radii: npt.NDArray[np.float32],
        counts: npt.NDArray[np.int32],
    ) -> None:
        _check(rows, scales, radii, counts)
        self.rows, self.scales, self.radii, self.counts = rows, scales, radii, counts
        n_seeds, n_cells, dim = rows.shape
        # (1 − q·c)/r^e = b − q·(b c) with b = r^−e: folded into the matrix, a block costs a product and a subtraction
        self._offsets = (radii**-EXPONENT).reshape(-1)
        scaled = rows.reshape(-1, dim) * (scales.reshape(-1) * self._offsets)[:, None]
        self._weights = np.ascontiguousarray(scaled.T)
        self._first_radii = radii[0] ** EXPONENT
        self._shape = (n_seeds, n_cells)
        self.n_cells, self.dim = int(n_cells), int(dim)

    def distances(self, block: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
        """Distance of each row, and its cell.

        Parameters
        ----------
        block : ndarray of float32, shape (BLOCK, d)
            Unit rows. The height must always be the same: BLAS gives other bits for other shapes.

        Returns
        -------
        distances : ndarray of float64, shape (BLOCK,)
            S(q) = min_k (1 − q·c_k)/r_k^.3, averaged over the seeds; 0 or more but for rounding, bigger = stranger.
        cells : ndarray of int32, shape (BLOCK,)
            The prototype of the first seed with the largest cosine.
        """
        grid = self._grid(block)
        cells = (grid[:, : self.n_cells] * self._first_radii).argmin(axis=1)
        return self._nearest(grid), cells.astype(np.int32)

    def nearest(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Distance alone of rows (n, d): what `distances` says where n is its height."""
        return self._nearest(self._grid(rows))

    def _grid(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        grid: npt.NDArray[np.float32] = rows @ self._weights
        np.subtract(self._offsets, grid, out=grid)
        return grid

    def _nearest(self, grid: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        by_seed: npt.NDArray[np.float32] = grid.reshape(len(grid), *self._shape).min(axis=2)
        means: npt.NDArray[np.float64] = by_seed.mean(axis=1, dtype=np.float64)
        return means


def _check(
    rows: npt.NDArray[np.int8],
    scales: npt.NDArray[np.float32],
    radii: npt.NDArray[np.float32],
    counts: npt.NDArray[np.int32],
) -> None:
    if rows.ndim != 3 or 0 in rows.shape or rows.dtype != np.int8:
        raise ValueError(f"prototypes must be int8 of shape (seeds, K, d), not {rows.dtype} {rows.shape}")
    for name, values in (("scales", scales), ("radii", radii), ("counts", counts)):
        if values.shape != rows.shape[:2]:
            raise ValueError(f"{name} of shape {values.shape} do not belong to prototypes of shape {rows.shape}")
    for name, values in (("scales", scales), ("radii", radii)):
        if values.dtype != np.float32 or not (np.isfinite(values) & (values > 0)).all():
            raise ValueError(f"{name} of prototypes must be finite and positive float32")
    if counts.dtype != np.int32 or counts.min() < 0:
        raise ValueError("counts of prototypes must be int32, 0 or more")
