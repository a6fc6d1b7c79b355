"""The score of one layer as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from detectors.blocks import unit_rows
from detectors.fit_scorer import Texts, fit_scorer, out_of_fold
from detectors.folds import split

FOLDS = 5


class NoveltyDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """Novelty by cosine distance to the nearest spherical k-means prototype, each with a radius of its own.

    Parameters
    ----------
    level : float
        Share of rows like the training rows that `predict` calls outliers, set by 5-fold cross-fitting; in (0, 1).
    random_state : int
        0 or more.

    Attributes
    ----------
    scorer_ : LayerScorer
        What the running agent scores with.
    offset_ : float
        `decision_function` is `score_samples` less this.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> known = rng.normal(size=(300, 8)) + 3 * np.eye(8)[rng.integers(4, size=300)]
    >>> detector = NoveltyDetector().fit(known)
    >>> detector.predict(3 * np.eye(8)[[0, 7]]).tolist()
    [1, -1]
    """

    def __init__(self, level: float = 0.05, random_state: int = 0) -> None:
        self.level = level
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:  # noqa: N803, ARG002  scikit-learn's names
        """Fit on rows (n, d), n ≥ 2, of any length: only their direction counts."""
        rows = validate_data(self, X, dtype=np.float32, ensure_min_samples=2)
        texts = Texts(_SingleRows(rows))
        fold = split(np.arange(len(rows), dtype=np.int32), min(FOLDS, len(rows)), self._rng())
        folds = [np.flatnonzero(fold == k) for k in np.unique(fold)]
        self.scorer_ = fit_scorer(texts, np.arange(len(rows)), self.random_state)
        unseen = out_of_fold(texts, folds, self.random_state)[0][:, 0]
        self.offset_ = -float(np.quantile(unseen, 1 - self.level))
        return self

    def score_samples(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:  # noqa: N803
        """Return the negative distance of each row (n,): bigger = more like training."""
        check_is_fitted(self)
        rows = _SingleRows(validate_data(self, X, dtype=np.float32, reset=False))
        distances: npt.NDArray[np.float64] = self.scorer_.score(rows.layers, rows.owner, len(rows.owner))[0][:, 0]
        return -distances

    def decision_function(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:  # noqa: N803
        """Return `score_samples` less the offset (n,): negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[np.int64]:  # noqa: N803
        """Return −1 for outliers and 1 for the others (n,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(self.random_state)


class _SingleRows:
    """Rows (n, d) as texts of one chunk and one layer."""

    def __init__(self, rows: npt.NDArray[np.float32]) -> None:
        self.layers: npt.NDArray[Any] = unit_rows(rows)[:, None]
        self.tokens = np.ones(len(rows), dtype=np.int32)
        self.owner = np.arange(len(rows), dtype=np.int32)
