"""Splits that nothing straddles: neither a group nor near-duplicates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.twins import JOIN, TWIN, Twins, merge

LARGE_SET = 10
"""Members of a set of near-duplicates beyond which a whole mode of the data may be what is joined."""

MOST_IN_LARGE_SETS = 0.25

LARGEST_GROUP = 0.5


@dataclass(frozen=True, slots=True)
class Together:
    """Which texts may not be parted.

    Attributes
    ----------
    labels : ndarray of int32, shape (n,)
    cosine : float or None
        From which cosine near-duplicates are kept together; None where that would have joined too much.
    """

    labels: npt.NDArray[np.int32]
    cosine: float | None

    @property
    def n_groups(self) -> int:
        """Number of sets that may be parted from one another."""
        return int(self.labels.max(initial=-1)) + 1


def keep_together(owner: npt.NDArray[np.int64], twins: Twins, groups: npt.NDArray[Any] | None) -> Together:
    """Join each text's chunks, the given groups, and near-duplicates: at .90, or at .95 or not if that joins too much.

    Chains of near-duplicates percolate where the modes of the data are narrow. Each mode would then be held out whole,
    and calibration would measure how strange a new mode is: far too strict.

    Parameters
    ----------
    owner : ndarray of int64, shape (m,)
        The text in 0..n−1, of each chunk; every text owns one.
    twins : Twins
        Of the m chunks.
    groups : ndarray, shape (n,), optional

    Raises
    ------
    ValueError
        If one given group holds more than half of the texts.
    """
    first = np.unique(owner, return_index=True)[1]
    fixed = (owner,) if groups is None else (owner, groups[owner])
    alone = merge(*fixed)[first]
    if _largest(alone) > LARGEST_GROUP:
        raise ValueError(
            f"one group holds {_largest(alone):.0%} of the {len(alone)} texts; too few are left to calibrate on: "
            "give held-out texts (--calibration) or finer groups"
        )
    for labels, cosine in ((twins.joined, JOIN), (twins.twinned, TWIN)):
        joined = merge(*fixed, labels)[first]
        if _in_large_sets(labels) <= MOST_IN_LARGE_SETS and _largest(joined) <= LARGEST_GROUP:
            return Together(joined, cosine)
    return Together(alone, None)


def split(labels: npt.NDArray[np.int32], n_folds: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return each text's fold (n,) in 0..n_folds−1: whole groups in random order, cut into about equal parts.

    >>> fold = split(np.array([0, 0, 1, 2, 3, 3], dtype=np.int32), 3, np.random.default_rng(0))
    >>> [int((fold == k).sum()) for k in range(3)], bool(fold[0] == fold[1]), bool(fold[4] == fold[5])
    ([1, 3, 2], True, True)
    """
    sizes = np.bincount(labels)
    order = rng.permutation(len(sizes))
    middles = np.cumsum(sizes[order]) - sizes[order] / 2
    fold = np.empty(len(sizes), dtype=np.int64)
    fold[order] = middles * n_folds / len(labels)
    return fold[labels]


def _largest(labels: npt.NDArray[np.int32]) -> float:
    return float(np.bincount(labels).max() / len(labels))


def _in_large_sets(labels: npt.NDArray[np.int32]) -> float:
    return float((np.bincount(labels)[labels] > LARGE_SET).mean())
