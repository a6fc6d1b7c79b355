"""Spherical k-means: on a sample in memory, then one step over all rows, or very many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.blocks import spans, unit_rows
from detectors.prototypes import Prototypes, shrunk_radii, to_int8
from detectors.rows import LayerRows

ROWS_A_PROTOTYPE = 25
MOST_PROTOTYPES = 2048
SAMPLE = 32 * MOST_PROTOTYPES
"""Rows that the iterations see; more would only make them slower."""

LAST_STEP = 4 * SAMPLE
"""Rows that give the final prototypes, their radii and counts: 128 a prototype."""

ITERATIONS = 6
"""Three cost .0005 of AUROC on CLINC150; ten gain .0001 and take most of the time of a fit."""

ASSIGN = 4096
"""Rows compared with all centroids at a time: 33 MB of similarities at 2,048 centroids."""


def n_prototypes(n_rows: int) -> int:
    """K = n/25, at least 1 and at most 2,048.

    >>> n_prototypes(15_000), n_prototypes(10), n_prototypes(1_000_000)
    (600, 1, 2048)
    """
    return max(1, min(n_rows // ROWS_A_PROTOTYPE, MOST_PROTOTYPES))


class Step(NamedTuple):
    """Rows given to centroids: the nearest (n,), its cosine (n,), and the sums (k, d) and counts (k,) of members."""

    nearest: npt.NDArray[np.int32]
    similarity: npt.NDArray[np.float32]
    sums: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]


def assign(rows: npt.NDArray[np.float32], centroids: npt.NDArray[np.float32]) -> Step:
    """Give each unit row (n, d) to the centroid (k, d) of largest cosine."""
    sums, counts = np.zeros(centroids.shape), np.zeros(len(centroids), dtype=np.int64)
    nearest, similarity = np.empty(len(rows), dtype=np.int32), np.empty(len(rows), dtype=np.float32)
    for where in spans(len(rows), ASSIGN):
        similar = rows[where] @ centroids.T
        mine = similar.argmax(axis=1)
        nearest[where], similarity[where] = mine, similar[np.arange(len(mine)), mine]
        order = np.argsort(mine, kind="stable")
        found, first, size = np.unique(mine[order], return_index=True, return_counts=True)
        sums[found] += np.add.reduceat(rows[where][order], first, axis=0)
        counts[found] += size
    return Step(nearest, similarity, sums, counts)


def spherical_kmeans(
    rows: npt.NDArray[np.float32], k: int, rng: np.random.Generator, iterations: int = ITERATIONS
) -> npt.NDArray[np.float32]:
    """Return k unit centroids (k, d) of unit rows (n, d), n ≥ k (Dhillon and Modha 2001).

    Starts at k random rows; a centroid that loses all members moves to one of the rows that are worst off.

    >>> rows = unit_rows(np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32))
    >>> centroids = spherical_kmeans(rows, 5, np.random.default_rng(1))
    >>> centroids.shape, bool(assign(rows, centroids).similarity.mean() > 0.4)
    ((5, 8), True)
    """
    centroids = rows[np.sort(rng.choice(len(rows), size=k, replace=False))]
    for _ in range(iterations):
        step = assign(rows, centroids)
        means = step.sums.astype(np.float32)
        empty = np.flatnonzero(step.counts == 0)
        means[empty] = rows[np.argsort(step.similarity, kind="stable")[: len(empty)]]
        centroids = unit_rows(means)
    return centroids


def fit_prototypes(rows: LayerRows, k: int, seeds: Sequence[int]) -> Prototypes:
    """Fit k prototypes for each seed: the iterations on at most `SAMPLE` rows, a last step over at most `LAST_STEP`.

    A radius needs no second look at the rows: the mean cosine distance of members to their mean's direction is
    1 − |mean|.
    """
    rng = np.random.default_rng(list(seeds))
    sample = rows.sample(SAMPLE, rng).load()
    starts = [spherical_kmeans(sample, k, np.random.default_rng(seed)) for seed in seeds]
    del sample
    sums, counts = np.zeros((len(seeds), *starts[0].shape)), np.zeros((len(seeds), k), dtype=np.int64)
    for block in rows.sample(LAST_STEP, rng).blocks():
        for i, centroids in enumerate(starts):
            step = assign(block, centroids)
            sums[i] += step.sums
            counts[i] += step.counts
    fitted = [_finish(*parts) for parts in zip(starts, sums, counts, strict=True)]
    return Prototypes(*(np.stack(arrays) for arrays in zip(*fitted, strict=True)))


def _finish(
    start: npt.NDArray[np.float32], sums: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Quantise one seed's prototypes; one without members stays where it started."""
    lengths = np.linalg.norm(sums, axis=1)
    distance = 1 - lengths / np.maximum(counts, 1)
    centroids = np.where(counts[:, None] > 0, sums, start).astype(np.float32)
    overall = float(np.average(distance, weights=counts))
    members = counts.astype(np.int32)
    return *to_int8(unit_rows(centroids)), shrunk_radii(members, distance, overall), members
