"""Train the classifier of the training labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.blocks import spans, unit_rows
from detectors.heads import SHARPNESS, LabelHead, joined

MOST_LABELS = 1000
"""Labels that a head tells apart at most."""

FEWEST_OF_LABEL = 5
"""Texts that a label needs; those of rarer ones count as unlabelled."""

BATCH = 256
STEPS = 600
"""Ten times over CLINC150's 15,000 texts; fixed, so that a large training set costs no more."""

STEP_SIZE = 0.01
SMOOTHING = 0.05
"""Share of the target that is spread over all labels: without it the head is sure of what it has never seen."""

_DECAYS = (0.9, 0.999)


def usable_labels(labels: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], int]:
    """Return the labels numbered 0..C−1, and C; rare ones and those below 0 become −1 (unlabelled).

    Raises
    ------
    ValueError
        If fewer than two or more than `MOST_LABELS` are left: says how many.

    Examples
    --------
    >>> usable_labels(np.array([7] * 5 + [9] * 6 + [-1, 3]))[0].tolist()
    [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, -1, -1]
    """
    found, number, counts = np.unique(labels, return_inverse=True, return_counts=True)
    usable = (found >= 0) & (counts >= FEWEST_OF_LABEL)
    n_labels = int(usable.sum())
    if not 2 <= n_labels <= MOST_LABELS:
        raise ValueError(
            f"{n_labels} labels with at least {FEWEST_OF_LABEL} texts each, of {int((found >= 0).sum())}; "
            f"from 2 to {MOST_LABELS} can be used"
        )
    return np.where(usable, np.cumsum(usable) - 1, -1)[number], n_labels


def fit_head(
    layers: npt.NDArray[Any], index: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], seed: int
) -> LabelHead:
    """Train a head on some chunks, by Adam (Kingma and Ba 2015) on the cross-entropy, the step falling as a cosine.

    Parameters
    ----------
    layers : ndarray or memmap, shape (m, L, d)
        Unit rows; `BATCH` of them are read at a time.
    index : ndarray of int64, shape (n,)
        Which of the m rows.
    labels : ndarray of int64, shape (n,)
        Of these rows; −1 is left out.
    seed : int

    Raises
    ------
    ValueError
        If these rows have fewer than two labels.
    """
    labelled = labels >= 0
    index, labels = index[labelled], np.unique(labels[labelled], return_inverse=True)[1]
    if labels.max(initial=0) < 1:
        raise ValueError("all labels but one fall into one part of the split: give finer groups, or no labels")
    head = _Trainer(_means(layers, index, labels))
    rng = np.random.default_rng([seed, 3])
    order = np.concatenate([rng.permutation(len(index)) for _ in range(-(-STEPS * BATCH // len(index)))])
    for step, where in zip(range(STEPS), spans(len(order), BATCH), strict=False):
        chosen = np.sort(order[where])
        size = 0.5 * STEP_SIZE * (1 + np.cos(np.pi * step / STEPS))
        head.step(joined(layers[index[chosen]].astype(np.float32)), labels[chosen], size)
    return LabelHead(unit_rows(head.weights).astype(np.float16))


def _means(
    layers: npt.NDArray[Any], index: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Start at the mean direction of each label's rows."""
    sums = np.zeros((int(labels.max()) + 1, layers.shape[1] * layers.shape[2]), dtype=np.float32)
    for where in spans(len(index), 8 * BATCH):
        np.add.at(sums, labels[where], joined(layers[index[where]].astype(np.float32)))
    return unit_rows(sums)


class _Trainer:
    """Weights (C, D) that one step after the other brings nearer to telling the labels apart."""

    def __init__(self, weights: npt.NDArray[np.float32]) -> None:
        self.weights = weights
        self._mean, self._square = np.zeros_like(weights), np.zeros_like(weights)
        self._steps = 0

    def step(self, rows: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], size: float) -> None:
        """Move by Adam's step of this size on one batch: unit rows (b, D) and labels (b,)."""
        slope = self._slope(rows, labels)
        self._steps += 1
        self._mean += (1 - _DECAYS[0]) * (slope - self._mean)
        self._square += (1 - _DECAYS[1]) * (slope * slope - self._square)
        mean, square = (part / (1 - decay**self._steps) for part, decay in zip(self._moments, _DECAYS, strict=True))
        self.weights -= np.float32(size) * mean / (np.sqrt(square) + np.float32(1e-8))

    @property
    def _moments(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        return self._mean, self._square

    def _slope(self, rows: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Gradient of the smoothed cross-entropy; along a weight there is none, for only its direction counts."""
        lengths = np.linalg.norm(self.weights, axis=1, keepdims=True)
        directions = self.weights / lengths
        error = np.exp(SHARPNESS * (rows @ directions.T - 1))
        error /= error.sum(axis=1, keepdims=True)
        error -= SMOOTHING / len(directions)
        error[np.arange(len(rows)), labels] -= 1 - SMOOTHING
        slope = (error.T @ rows) * np.float32(SHARPNESS / len(rows))
        slope -= (slope * directions).sum(axis=1, keepdims=True) * directions
        found: npt.NDArray[np.float32] = slope / lengths
        return found
