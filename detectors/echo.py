"""Training responses, to find out whether an answer echoes one."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from detectors.near import Whole

DECILES = 10


FIELDS = ("rows", "starts", "edges", "limits", "hashes")
"""Of `EchoRows`, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class EchoRows:
    """Training responses to look for an echo among, those of one response cell together.

    Attributes
    ----------
    rows : ndarray of int8, shape (m, d)
    starts : ndarray of int32, shape (C + 1,)
        Where each cell's rows begin, and m.
    edges : ndarray of float32, shape (9,)
        Deciles of the distance of fresh prompts to the nearest training prototype.
    limits : ndarray of float32, shape (10,)
        In each decile, the distance that 5 % of fresh answers keep to the nearest of the rows in their cell.
    hashes : ndarray of uint64, shape (h,)
        Of the words of training responses, ascending.
    """

    rows: npt.NDArray[np.int8]
    starts: npt.NDArray[np.int32]
    edges: npt.NDArray[np.float32]
    limits: npt.NDArray[np.float32]
    hashes: npt.NDArray[np.uint64]
    _whole: Whole = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Find the rows' lengths once."""
        object.__setattr__(self, "_whole", Whole.from_rows(self.rows))

    def nearest(
        self, responses: Whole, cells: npt.NDArray[np.intp], *, others: bool = False
    ) -> npt.NDArray[np.float32]:
        """Return the largest cosine of each answer (n, d) to a training response of its cell; −1 where it has none.

        Only the answer's own cell is searched: an answer close enough to a training response to echo it nearly always
        lies in the same one, and the limits were found by the same search. With `others` the answers are training
        responses themselves, and each is compared with the others.
        """
        found = np.full(len(cells), -1, dtype=np.float32)
        order = np.argsort(cells, kind="stable")
        bounds = np.flatnonzero(np.diff(cells[order], prepend=-1, append=-1))
        for first, last in itertools.pairwise(bounds):
            members = order[first:last]
            start, end = self.starts[cells[members[0]]], self.starts[cells[members[0]] + 1]
            if end - start > others:
                cosines = responses.take(members).cosines(self._whole.take(slice(start, end)))
                found[members] = np.partition(cosines, -2, axis=1)[:, -2] if others else cosines.max(axis=1)
        return found

    def has(self, hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Say which hashes (n,) are those of training responses; 0 is none."""
        if not len(self.hashes):
            return np.zeros(len(hashes), dtype=np.bool_)
        place = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        known: npt.NDArray[np.bool_] = self.hashes[place] == hashes
        return known & (hashes > 0)
