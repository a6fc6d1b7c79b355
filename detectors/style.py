"""Where a text comes from and how it is written: the second channel, on the states of single word pieces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.blocks import unit_rows
from detectors.conformal import Conformal
from detectors.prototypes import Prototypes

Floats = npt.NDArray[np.float64]


class StyleReference:
    """What the word pieces of training texts looked like, each in its context.

    t(text) = mean over its chunks of the mean over their word pieces of min_m (1 − q·c_m)/r_m^.3, where q is the state
    of a word piece in an inner layer, at length 1, and the c_m are prototypes of such states with a radius each. A new
    topic in known words hardly moves it; another source or way of writing does at once.

    Parameters
    ----------
    prototypes : Prototypes
        Of one seed.
    constants : ndarray of float64, shape (2,)
        Median, and 90 % quantile less median, of t on calibration texts.
    conformal : Conformal
        t of calibration texts, standardised by these.
    """

    def __init__(self, prototypes: Prototypes, constants: Floats, conformal: Conformal) -> None:
        self.prototypes, self.constants, self.conformal = prototypes, constants, conformal

    @property
    def calibration_sizes(self) -> npt.NDArray[np.int32]:
        """Calibration texts of each length bin, shape (b,)."""
        return self.conformal.sizes

    def of_chunk(self, states: npt.NDArray[np.float32]) -> Floats:
        """Distance of one chunk, from the states (t, d) of its word pieces, t ≥ 1; shape (), bigger = stranger.

        A chunk is scored by itself: the same one gives the same bits, whatever stands beside it.
        """
        return chunk_distance(self.prototypes, states)

    def novelty(self, of_chunks: Floats, owner: npt.NDArray[np.integer[Any]], n: int) -> Floats:
        """Return the standardised novelty of n texts from the distances of their chunks (m,); NaN without chunks."""
        return standardised(text_means(of_chunks, owner, n), self.constants)

    def p_values(self, novelty: Floats, tokens: npt.ArrayLike) -> Floats:
        """Conformal p-value of each text's novelty (n,) given its word pieces (n,); in (0, 1], NaN for NaN."""
        return self.conformal.p_values(novelty, tokens)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that `from_arrays` needs."""
        found = self.prototypes, self.conformal
        return {
            **{name: getattr(found[0], name) for name in PROTOTYPES},
            "constants": self.constants,
            "calibration": self.conformal.scores,
            "length_edges": self.conformal.edges,
            "length_starts": self.conformal.starts,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> StyleReference:
        """Build a reference from what `to_arrays` gave.

        Raises
        ------
        ValueError
            If an array is missing or does not belong to the others: says which.
        """
        missing = [name for name in (*PROTOTYPES, "constants", *CONFORMAL) if name not in arrays]
        if missing:
            raise ValueError(f"a reference of style without {', '.join(missing)}")
        constants = arrays["constants"]
        if constants.shape != (2,) or constants.dtype != np.float64 or not constants[1] > 0:
            raise ValueError("constants of style must be two float64, the second positive")
        prototypes = Prototypes(*(arrays[name] for name in PROTOTYPES))
        return cls(prototypes, constants, Conformal(*(arrays[name] for name in CONFORMAL)))


PROTOTYPES = ("rows", "scales", "radii", "counts")
CONFORMAL = ("calibration", "length_edges", "length_starts")


def chunk_distance(prototypes: Prototypes, states: npt.NDArray[np.float32]) -> Floats:
    """Mean over the word pieces of one chunk of the distance of each state (t, d) to its prototype; shape ().

    >>> states = np.array([[1.0, 0.0], [0.0, 3.0]], dtype=np.float32)
    >>> rows, ones = np.array([[[127, 0]]], dtype=np.int8), np.ones((1, 1), dtype=np.float32)
    >>> chunk_distance(Prototypes(rows, ones / 127, ones, ones.astype(np.int32)), states).round(6).tolist()
    0.5
    """
    return np.asarray(prototypes.nearest(unit_rows(states)).mean())


def text_means(of_chunks: Floats, owner: npt.NDArray[np.integer[Any]], n: int) -> Floats:
    """Mean over the chunks (m,) of each of n texts; NaN without chunks.

    >>> text_means(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 2]), 3).tolist()
    [2.0, nan, 5.0]
    """
    sums, chunks = np.bincount(owner, weights=of_chunks, minlength=n), np.bincount(owner, minlength=n)
    means: Floats = np.divide(sums, chunks, out=np.full(n, np.nan), where=chunks > 0)
    return means


def standardised(means: Floats, constants: Floats) -> Floats:
    """Return (t − q50)/(q90 − q50)."""
    found: Floats = (means - constants[0]) / constants[1]
    return found
