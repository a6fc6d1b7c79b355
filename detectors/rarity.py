"""How many reference documents a word occurs in, from a table of hashed words: why a text is novel, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.uint64]

DEPTH = 4
WIDEST, NARROWEST = 1 << 18, 1 << 8

FULLEST = 0.25
"""Share of a row's places in use at most, unless it is as wide as can be: then a word that never occurred looks known
with a probability of FULLEST^DEPTH = .004."""

_LARGEST = np.iinfo(np.uint16).max


class WordCounter:
    """Counts in how many documents each word occurs, in a count-min table of fixed size (Cormode and Muthukrishnan).

    Examples
    --------
    >>> counter, hashes = WordCounter(), np.random.default_rng(0).integers(1 << 64, size=9, dtype=np.uint64)
    >>> for document in ([3, 5], [5], [5, 8]):
    ...     counter.add(hashes[document])
    >>> WordRarity.from_arrays(counter.to_arrays()).documents_with(hashes[[3, 5, 7]]).tolist()
    [1, 3, 0]
    """

    def __init__(self) -> None:
        self._counts = np.zeros((DEPTH, WIDEST), dtype=np.uint32)
        self.documents = 0

    def add(self, ids: Ids) -> None:
        """Count one document, given the hashes (m,) of its words, each once."""
        self.documents += 1
        for row, places in zip(self._counts, _places(ids, WIDEST), strict=True):
            np.add.at(row, places, 1)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that `WordRarity.from_arrays` needs; as narrow a table as errs seldom."""
        counts = self._counts
        while counts.shape[1] > NARROWEST:
            # the place in a table of half the width is the same one less its highest bit
            folded = counts.reshape(DEPTH, 2, -1).sum(axis=1)
            if (folded > 0).mean() > FULLEST:
                break
            counts = folded
        return {
            "word_counts": np.minimum(counts, _LARGEST).astype(np.uint16),
            "word_documents": np.array(self.documents, dtype=np.int64),
        }


class WordRarity:
    """Says how rare words are among the reference's documents.

    Parameters
    ----------
    counts : ndarray of uint16, shape (DEPTH, width)
        A count-min table; the width is a power of two.
    documents : int

    Raises
    ------
    ValueError
        If these do not belong together.
    """

    def __init__(self, counts: npt.NDArray[np.uint16], documents: int) -> None:
        width = counts.shape[1] if counts.ndim == 2 else 0
        if counts.dtype != np.uint16 or len(counts) != DEPTH or width < 1 or width & (width - 1) or documents < 1:
            raise ValueError(f"word counts of {counts.dtype} {counts.shape} for {documents} documents")
        self._counts = counts
        self.documents = documents

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> WordRarity | None:
        """Build it from what `WordCounter.to_arrays` gave; None where that is not there."""
        if not {"word_counts", "word_documents"} <= set(arrays):
            return None
        return cls(arrays["word_counts"], int(arrays["word_documents"]))

    def documents_with(self, ids: Ids) -> npt.NDArray[np.int64]:
        """Return in how many documents each word (m,) occurs: never too few (up to 65,535), seldom too many."""
        places = _places(ids, self._counts.shape[1])
        found: npt.NDArray[np.uint16] = np.take_along_axis(self._counts, places, axis=1).min(axis=0)
        return found.astype(np.int64)

    def rarest(self, ids: Ids, most: int, share: float) -> npt.NDArray[np.intp]:
        """Return which words (m,) of a text are the rarest: at most so many, each in at most that share of documents.

        The rarest comes first, among equals the one that stands first.
        """
        found = self.documents_with(ids)
        order: npt.NDArray[np.intp] = np.argsort(found, kind="stable")[:most]
        return order[found[order] <= share * self.documents]


def _places(ids: Ids, width: int) -> npt.NDArray[np.intp]:
    """Return the place of each word in each row, shape (DEPTH, m), from the two halves of its hash."""
    first, step = ids & np.uint64(0xFFFFFFFF), (ids >> np.uint64(32)) | np.uint64(1)
    rows = np.arange(DEPTH, dtype=np.uint64)[:, None]
    return ((first + rows * step) & np.uint64(width - 1)).astype(np.intp)
