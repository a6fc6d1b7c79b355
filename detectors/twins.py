"""Near-duplicates: which rows belong together, and how many have a twin.

Up to `EXACT` rows every pair is compared, block by block. Beyond, rows are compared only within the cells of three
coarse clusterings, and in cells of more than `LARGEST_CELL` rows only within random pieces: cost grows with n, and some
pairs are missed (of planted pairs at cosine .90–.95 in random directions about one in ten, above .95 fewer).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from detectors.blocks import spans
from detectors.kmeans import assign, spherical_kmeans
from detectors.rows import LayerRows

JOIN = 0.90
"""Rows of larger cosine never part: calibration is too easy where a row's near-duplicate was fitted."""

TWIN = 0.95
"""Rows of larger cosine say the same thing."""

EXACT = 100_000
LARGEST_CELL = 8192
ROWS_A_CELL = 500
CLUSTERINGS = 3
BLOCK = 2048
"""Rows compared with as many at a time: at most 4 million pairs, 64 MB, even where all are alike."""


@dataclass(frozen=True, slots=True)
class Twins:
    """Connected components of near-duplicates among n rows.

    Attributes
    ----------
    joined : ndarray of int32, shape (n,)
        Component of each row at cosine ≥ .90.
    twinned : ndarray of int32, shape (n,)
        Component of each row at cosine ≥ .95.
    """

    joined: npt.NDArray[np.int32]
    twinned: npt.NDArray[np.int32]

    @property
    def rate(self) -> float:
        """Share of rows that have a twin at cosine ≥ .95."""
        return float((np.bincount(self.twinned)[self.twinned] > 1).mean())


def merge(*labels: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Join rows that share a label in any of several labellings (n,) each.

    >>> merge(np.array([0, 0, 1, 2, 3]), np.array([7, 8, 8, 9, 5])).tolist()
    [0, 0, 0, 1, 2]
    """
    joined = _renumber(labels[0])
    for other in labels[1:]:
        # each row is an edge between its label here and its label there
        joined = _renumber(_components(joined, len(joined) + _renumber(other), 2 * len(joined))[joined])
    return joined


def find_twins(rows: LayerRows, seed: int) -> Twins:
    """Find the near-duplicates among unit rows.

    >>> rows = np.array([[1, 0], [0.999, 0.04], [0.93, 0.37], [0, 1]], dtype=np.float32)[:, None]
    >>> twins = find_twins(LayerRows(rows, 0, np.arange(4)), seed=0)
    >>> twins.joined.tolist(), twins.twinned.tolist(), twins.rate
    ([0, 0, 0, 1], [0, 0, 1, 2], 0.5)
    """
    joined, twinned = _Components(len(rows)), _Components(len(rows))
    for members in _cells(rows, np.random.default_rng([seed, 1])):
        for first, second, cosine in _pairs(rows, members):
            joined.add(first, second)
            close = cosine >= TWIN
            twinned.add(first[close], second[close])
    return Twins(joined.labels(), twinned.labels())


class _Components:
    """Union of edges that come in batches; memory is bounded whatever their number."""

    def __init__(self, n: int) -> None:
        self._labels = np.arange(n, dtype=np.int32)
        self._pending: list[npt.NDArray[np.int32]] = []
        self._waiting = 0

    def add(self, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> None:
        edges = np.stack([self._labels[first], self._labels[second]])
        edges = edges[:, edges[0] != edges[1]]
        self._pending.append(edges)
        self._waiting += edges.shape[1]
        if self._waiting > len(self._labels) + 1_000_000:
            self.labels()

    def labels(self) -> npt.NDArray[np.int32]:
        if self._waiting:
            first, second = np.concatenate(self._pending, axis=1)
            self._labels = _components(first, second, len(self._labels))[self._labels]
        self._pending, self._waiting = [], 0
        return _renumber(self._labels)


def _renumber(labels: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    return np.unique(labels, return_inverse=True)[1].astype(np.int32)


def _components(first: npt.NDArray[np.int32], second: npt.NDArray[np.int32], n: int) -> npt.NDArray[np.int32]:
    """Component of each of n nodes, given edges."""
    graph = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(n, n))
    found: npt.NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return found


def _cells(rows: LayerRows, rng: np.random.Generator) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the sets of rows within which every pair is compared."""
    if len(rows) <= EXACT:
        yield np.arange(len(rows))
        return
    for _ in range(CLUSTERINGS):
        sample = rows.sample(EXACT, rng).load()
        centroids = spherical_kmeans(sample, min(len(rows) // ROWS_A_CELL, 2048), rng, iterations=3)
        cell = np.concatenate([assign(block, centroids).nearest for block in rows.blocks()])
        shuffled = rng.permutation(len(rows))
        order = shuffled[np.argsort(cell[shuffled], kind="stable")]
        for members in np.split(order, np.cumsum(np.bincount(cell, minlength=len(centroids)))[:-1]):
            for piece in spans(len(members), LARGEST_CELL):
                yield np.sort(members[piece])


def _pairs(
    rows: LayerRows, members: npt.NDArray[np.int64]
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    """Yield (first, second, cosine) of the pairs at cosine ≥ .90 among some rows, a block of pairs at a time."""
    for here in spans(len(members), BLOCK):
        left = rows.take(members[here]).load()
        for there in spans(len(members), BLOCK):
            if there.start < here.start:
                continue
            cosine = left @ (left if there == here else rows.take(members[there]).load()).T
            if there == here:
                cosine[np.tri(len(left), dtype=bool)] = -1
            i, j = np.nonzero(cosine >= JOIN)
            yield members[here][i], members[there][j], cosine[i, j]
