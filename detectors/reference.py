"""What training looked like, as a few arrays that score a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.conformal import Conformal
from detectors.layers import LayerScorer
from detectors.prototypes import Prototypes
from detectors.terms import terms_from_arrays, terms_to_arrays


class Scores(NamedTuple):
    """What `Reference.score` says about n texts.

    Attributes
    ----------
    novelty : ndarray of float64, shape (n,)
        The mixed score, in units of the held-out texts' 90 % − 50 % range; bigger = stranger. NaN for a text without
        chunks.
    cell : ndarray of int32, shape (n,)
        Nearest last-layer prototype, of the first seed, of the text's first chunk; −1 for a text without chunks.
    """

    novelty: npt.NDArray[np.float64]
    cell: npt.NDArray[np.int32]


def default_weights(n_layers: int, n_terms: int = 0) -> npt.NDArray[np.float64]:
    """Weight of each of L layers in order of depth, then of each of T terms, shape (L + T,).

    The last layer 1, the deepest inner one ½, the next ¼ and so on; every term 1.

    >>> default_weights(3, 1).tolist()
    [0.25, 0.5, 1.0, 1.0]
    """
    return np.append(0.5 ** np.arange(n_layers - 1, -1, -1, dtype=np.float64), np.ones(n_terms))


def text_tokens(tokens: npt.NDArray[np.int32], owner: npt.NDArray[np.integer[Any]], n: int) -> npt.NDArray[np.int64]:
    """Word pieces of each of n texts, from those (m,) of their chunks.

    >>> text_tokens(np.array([5, 7, 2], dtype=np.int32), np.array([0, 0, 2], dtype=np.int32), 3).tolist()
    [12, 0, 2]
    """
    return np.bincount(owner, weights=tokens, minlength=n).astype(np.int64)


class Reference:
    """The training distribution of prompts, or of responses: scores texts and turns scores into p-values.

    The same text gives the same bits, whatever stands beside it: rows are scored in zero-padded blocks of fixed height.

    Parameters
    ----------
    scorer : LayerScorer
    constants : ndarray of float64, shape (L + T, 2)
        Median, and 90 % quantile less median, of each layer's distance and of each term on held-out texts.
    weights : ndarray of float64, shape (L + T,)
        Of each of them, standardised, in the mixed score.
    conformal : Conformal
        The mixed scores of calibration texts.
    """

    def __init__(
        self,
        scorer: LayerScorer,
        constants: npt.NDArray[np.float64],
        weights: npt.NDArray[np.float64],
        conformal: Conformal,
    ) -> None:
        self.scorer, self.constants, self.weights, self.conformal = scorer, constants, weights, conformal

    @property
    def n_cells(self) -> int:
        """Prototypes of the last layer's first seed."""
        return self.scorer.last.n_cells

    @property
    def cell_counts(self) -> npt.NDArray[np.int32]:
        """Training chunks in each cell, of those that the last step of k-means saw: shape (n_cells,)."""
        counts: npt.NDArray[np.int32] = self.scorer.last.counts[0]
        return counts

    @property
    def calibration_sizes(self) -> npt.NDArray[np.int32]:
        """Calibration texts of each length bin, shape (b,)."""
        return self.conformal.sizes

    def score(self, layers: npt.NDArray[Any], owner: npt.NDArray[np.int32], n: int) -> Scores:
        """Score n texts of m chunks: `layers` (m, L, d) unit rows, `owner` (m,) ascending in 0..n−1.

        Raises
        ------
        ValueError
            If the rows are not of the shape that the reference was fitted on.
        """
        expected = (len(self.scorer.prototypes), self.scorer.last.dim)
        if layers.ndim != 3 or layers.shape[1:] != expected:
            raise ValueError(f"rows of shape {layers.shape[1:]}; the reference was fitted on {expected}")
        distances, cells = self.scorer.score(layers, owner, n)
        return Scores(mixed(distances, self.constants, self.weights), cells)

    def p_values(self, novelty: npt.NDArray[np.float64], tokens: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Conformal p-value of each text's score (n,) given its word pieces (n,); in (0, 1], NaN for NaN."""
        return self.conformal.p_values(novelty, tokens)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that `from_arrays` needs."""
        prototypes = self.scorer.prototypes
        return {
            "prototypes": np.stack([p.rows for p in prototypes]),
            "scales": np.stack([p.scales for p in prototypes]),
            "radii": np.stack([p.radii for p in prototypes]),
            "counts": np.stack([p.counts for p in prototypes]),
            "maps": self.scorer.maps,
            "constants": self.constants,
            "weights": self.weights,
            "calibration": self.conformal.scores,
            "length_edges": self.conformal.edges,
            "length_starts": self.conformal.starts,
            **terms_to_arrays(self.scorer.terms),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Reference:
        """Build a reference from what `to_arrays` gave.

        Raises
        ------
        ValueError
            If an array is missing or does not belong to the others: says which.
        """
        missing = [name for name in ARRAYS if name not in arrays]
        if missing:
            raise ValueError(f"a reference without {', '.join(missing)}")
        per_layer = [arrays[name] for name in PER_LAYER]
        if len({len(values) for values in per_layer}) != 1 or not len(per_layer[0]):
            raise ValueError("prototypes, scales, radii and counts must have the same number of layers")
        prototypes = [Prototypes(*layer) for layer in zip(*per_layer, strict=True)]
        terms = terms_from_arrays(arrays, len(prototypes), prototypes[-1].dim)
        _check(arrays, len(prototypes), len(terms), prototypes[-1].dim)
        conformal = Conformal(*(arrays[name] for name in CONFORMAL))
        scorer = LayerScorer(prototypes, arrays["maps"], terms)
        return cls(scorer, arrays["constants"], arrays["weights"], conformal)


PER_LAYER = ("prototypes", "scales", "radii", "counts")
CONFORMAL = ("calibration", "length_edges", "length_starts")
ARRAYS = (*PER_LAYER, "maps", "constants", "weights", *CONFORMAL)


def mixed(
    distances: npt.NDArray[np.float64], constants: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Mix each text's distances and terms (n, L + T) into Σ_ℓ w_ℓ·(s_ℓ − q50_ℓ)/(q90_ℓ − q50_ℓ), shape (n,)."""
    total = np.zeros(len(distances))  # summed layer by layer: a matrix product's bits would depend on n
    for column, (middle, spread), weight in zip(distances.T, constants, weights, strict=True):
        total += weight * ((column - middle) / spread)
    return total


def _check(arrays: Mapping[str, npt.NDArray[Any]], n_layers: int, n_terms: int, dim: int) -> None:
    n_columns = n_layers + n_terms
    shapes = {"maps": (n_layers - 1, dim, dim), "constants": (n_columns, 2), "weights": (n_columns,)}
    for name, shape in shapes.items():
        kind = np.float16 if name == "maps" else np.float64
        if arrays[name].shape != shape or arrays[name].dtype != kind or not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} must be finite {np.dtype(kind)} of shape {shape}")
    if (arrays["constants"][:, 1] <= 0).any():
        raise ValueError("the spread of each layer's distance must be positive")
