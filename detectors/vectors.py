"""One vector for each text: what mix, diversity and neighbourhoods are measured on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def text_vectors(
    chunks: npt.NDArray[np.floating[Any]], owner: npt.NDArray[np.integer[Any]], n: int
) -> npt.NDArray[np.float16]:
    """Return a unit vector for each of n texts, shape (n, d): the mean direction of its chunks.

    Rounded to float16 wherever it is used, so that what was stored and what is new compare alike. A row's bits depend
    on no other text.

    Parameters
    ----------
    chunks : ndarray, shape (m, d)
        Unit rows of the last layer.
    owner : ndarray of int, shape (m,)
        The text in 0..n−1 that each chunk belongs to.
    n : int

    Returns
    -------
    ndarray of float16, shape (n, d)
        NaN for a text without chunks.

    Examples
    --------
    >>> rows = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], dtype=np.float32)
    >>> text_vectors(rows, np.array([0, 0, 2]), 3).round(2).tolist()
    [[0.7099609375, 0.7099609375], [nan, nan], [0.0, 1.0]]
    """
    total = np.zeros((n, chunks.shape[1]), dtype=np.float32)
    np.add.at(total, owner, chunks)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit: npt.NDArray[np.float32] = total / np.linalg.norm(total, axis=1, keepdims=True)
    return unit.astype(np.float16)
