"""Training rows of one layer, read block by block from arrays that may lie on disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.blocks import spans, unit_rows

READ = 8192
"""Rows read at a time: 12 MB of float32 at 384 columns."""


class LayerRows:
    """Some rows of one layer of an (m, L, d) array, as float32; the array itself is never copied whole.

    Parameters
    ----------
    layers : ndarray or memmap of float16 or float32, shape (m, L, d)
    layer : int
        −1 is the last.
    index : ndarray of int64, shape (n,)
        Ascending: which of the m rows.
    mapping : ndarray, shape (d, d), optional
        Takes the rows to the last layer's (`fit_map`); their length is 1 again afterwards.
    """

    def __init__(
        self,
        layers: npt.NDArray[Any],
        layer: int,
        index: npt.NDArray[np.int64],
        mapping: npt.NDArray[np.floating[Any]] | None = None,
    ) -> None:
        self._layers, self._layer, self._index = layers, layer, index
        self._mapping = None if mapping is None else mapping.astype(np.float32)

    def __len__(self) -> int:
        return len(self._index)

    def mapped(self, mapping: npt.NDArray[np.float16]) -> LayerRows:
        """Return the same rows, each multiplied by the mapping and brought to length 1 as it is read."""
        return LayerRows(self._layers, self._layer, self._index, mapping)

    def of_layer(self, layer: int) -> LayerRows:
        """Return the same chunks' rows of another layer."""
        return LayerRows(self._layers, layer, self._index)

    def take(self, positions: slice | npt.NDArray[np.int64]) -> LayerRows:
        """Return the rows at these positions among these rows, nothing read yet."""
        return LayerRows(self._layers, self._layer, self._index[positions], self._mapping)

    def sample(self, size: int, rng: np.random.Generator) -> LayerRows:
        """Return at most so many of the rows, in their order."""
        if len(self) <= size:
            return self
        return self.take(np.sort(rng.choice(len(self), size=size, replace=False)))

    def blocks(self) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the rows in order, at most `READ` at a time."""
        for where in spans(len(self), READ):
            rows = self._layers[self._index[where], self._layer].astype(np.float32)
            yield rows if self._mapping is None else unit_rows(rows @ self._mapping)

    def load(self) -> npt.NDArray[np.float32]:
        """Return all rows in memory, shape (n, d)."""
        rows = np.empty((len(self), self._layers.shape[2]), dtype=np.float32)
        for where, block in zip(spans(len(self), READ), self.blocks(), strict=True):
            rows[where] = block
        return rows


def fit_map(inner: LayerRows, ridge: float = 0.01) -> npt.NDArray[np.float16]:
    """Ridge regression of the last layer on an inner one: M = (XᵀX + λI)⁻¹XᵀY with λ = ridge·tr(XᵀX)/d.

    Returns
    -------
    ndarray of float16, shape (d, d)
        Rounded, so that fitting and scoring use the very same map.
    """
    gram: npt.NDArray[np.float64] = np.zeros(())
    cross: npt.NDArray[np.float64] = np.zeros(())
    for x, y in zip(inner.blocks(), inner.of_layer(-1).blocks(), strict=True):
        gram = gram + x.T @ x
        cross = cross + x.T @ y
    penalty = ridge * np.trace(gram) / len(gram) * np.eye(len(gram))
    return np.linalg.solve(gram + penalty, cross).astype(np.float16)
