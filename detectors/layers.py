"""Distances of texts to the prototypes of each layer, and further terms of the score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from detectors.blocks import padded_blocks, unit_rows
from detectors.prototypes import Prototypes


class Term(Protocol):
    """A further number about each chunk."""

    def distances(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return it for each chunk of a block (BLOCK, L, d), shape (BLOCK,); bigger = stranger."""


class LayerScorer:
    """Prototypes for each layer, the inner layers mapped on to the last, and further terms where there are any.

    Parameters
    ----------
    prototypes : sequence of Prototypes, length L
        In order of depth, the last layer's last; all of one shape.
    maps : ndarray of float16, shape (L − 1, d, d)
        x ↦ x @ map takes an inner layer's row near the same text's last-layer row.
    terms : sequence of Term, length T
    """

    def __init__(
        self, prototypes: Sequence[Prototypes], maps: npt.NDArray[np.float16], terms: Sequence[Term] = ()
    ) -> None:
        self.prototypes, self.maps, self.terms = prototypes, maps, terms
        self._maps = maps.astype(np.float32)

    @property
    def last(self) -> Prototypes:
        """The last layer's prototypes: its first seed's are the cells."""
        return self.prototypes[-1]

    @property
    def n_columns(self) -> int:
        """L + T."""
        return len(self.prototypes) + len(self.terms)

    def score(
        self, layers: npt.NDArray[Any], owner: npt.NDArray[np.int32], n: int
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
        """Score n texts layer by layer and term by term.

        Parameters
        ----------
        layers : ndarray, shape (m, L, d)
            Unit rows of m chunks.
        owner : ndarray of int32, shape (m,)
            Ascending: the text in 0..n−1 that each chunk belongs to.
        n : int

        Returns
        -------
        distances : ndarray of float64, shape (n, L + T)
            Mean over a text's chunks; NaN without chunks.
        cells : ndarray of int32, shape (n,)
            The first chunk's; −1 without chunks.
        """
        of_chunks = np.empty((len(layers), self.n_columns))
        chunk_cells = np.empty(len(layers), dtype=np.int32)
        for where, block in padded_blocks(layers):
            found, cells = self._score_block(block)
            size = where.stop - where.start
            of_chunks[where], chunk_cells[where] = found[:size], cells[:size]
        chunks = np.bincount(owner, minlength=n)
        sums = [np.bincount(owner, weights=column, minlength=n) for column in of_chunks.T]
        distances = np.full((n, self.n_columns), np.nan)
        np.divide(np.stack(sums, axis=1), chunks[:, None], out=distances, where=chunks[:, None] > 0)
        cells = np.full(n, -1, dtype=np.int32)
        owners, first = np.unique(owner, return_index=True)
        cells[owners] = chunk_cells[first]
        return distances, cells

    def _score_block(self, block: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
        distances = np.empty((len(block), self.n_columns))
        for layer, mapping in enumerate(self._maps):
            rows = unit_rows(np.ascontiguousarray(block[:, layer]) @ mapping)
            distances[:, layer], _ = self.prototypes[layer].distances(rows)
        n_layers = len(self.prototypes)
        distances[:, n_layers - 1], cells = self.last.distances(np.ascontiguousarray(block[:, -1]))
        for column, term in enumerate(self.terms, start=n_layers):
            distances[:, column] = term.distances(block)
        return distances, cells
