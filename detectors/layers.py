"""Distances of texts to the prototypes of each layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.blocks import padded_blocks, unit_rows
from detectors.prototypes import Prototypes


class LayerScorer:
    """Prototypes for each layer, the inner layers mapped on to the last.

    Parameters
    ----------
    prototypes : sequence of Prototypes, length L
        In order of depth, the last layer's last; all of one shape.
    maps : ndarray of float16, shape (L − 1, d, d)
        x ↦ x @ map takes an inner layer's row near the same text's last-layer row.
    """

    def __init__(self, prototypes: Sequence[Prototypes], maps: npt.NDArray[np.float16]) -> None:
        self.prototypes, self.maps = prototypes, maps
        self._maps = maps.astype(np.float32)

    @property
    def last(self) -> Prototypes:
        """The last layer's prototypes: its first seed's are the cells."""
        return self.prototypes[-1]

    def score(
        self, layers: npt.NDArray[Any], owner: npt.NDArray[np.int32], n: int
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
        """Score n texts layer by layer.

        Parameters
        ----------
        layers : ndarray, shape (m, L, d)
            Unit rows of m chunks.
        owner : ndarray of int32, shape (m,)
            Ascending: the text in 0..n−1 that each chunk belongs to.
        n : int

        Returns
        -------
        distances : ndarray of float64, shape (n, L)
            Mean over a text's chunks; NaN without chunks.
        cells : ndarray of int32, shape (n,)
            The first chunk's; −1 without chunks.
        """
        of_chunks = np.empty(layers.shape[:2])
        chunk_cells = np.empty(len(layers), dtype=np.int32)
        for where, block in padded_blocks(layers):
            found, cells = self._score_block(block)
            size = where.stop - where.start
            of_chunks[where], chunk_cells[where] = found[:size], cells[:size]
        chunks = np.bincount(owner, minlength=n)
        sums = [np.bincount(owner, weights=column, minlength=n) for column in of_chunks.T]
        distances = np.full((n, layers.shape[1]), np.nan)
        np.divide(np.stack(sums, axis=1), chunks[:, None], out=distances, where=chunks[:, None] > 0)
        cells = np.full(n, -1, dtype=np.int32)
        owners, first = np.unique(owner, return_index=True)
        cells[owners] = chunk_cells[first]
        return distances, cells

    def _score_block(self, block: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
        distances = np.empty(block.shape[:2])
        for layer, mapping in enumerate(self._maps):
            rows = unit_rows(np.ascontiguousarray(block[:, layer]) @ mapping)
            distances[:, layer], _ = self.prototypes[layer].distances(rows)
        distances[:, -1], cells = self.last.distances(np.ascontiguousarray(block[:, -1]))
        return distances, cells
