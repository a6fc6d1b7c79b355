"""How wide a region off the map is, by the measure of the training cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.prototypes import Prototypes

COARSER = 0.6
"""On CLINC150 eight intents that are new, among half as many odd texts, become 8.9 regions of this size (mean of ten
draws): .95 of a region's texts are of one intent, and .95 of an intent's lie in one region."""

NARROWEST, WIDEST = 0.05, 0.8


def region_radius(cells: Prototypes) -> float:
    """Choose the radius of regions: coarser than a training cell, finer than all of training.

    `COARSER` of the way from the median radius of a cell to the mean distance of a training text from the middle of
    all of them; a cosine distance.

    Examples
    --------
    >>> rows = (127 * np.eye(2)).astype(np.int8)[None]
    >>> ones = np.ones((1, 2), dtype=np.float32)
    >>> round(region_radius(Prototypes(rows, ones / 127, 0.2 * ones, np.array([[5, 5]], dtype=np.int32))), 3)
    0.341
    """
    directions: npt.NDArray[Any] = cells.rows[0] * cells.scales[0][:, None].astype(np.float64)
    radii, counts = cells.radii[0].astype(np.float64), np.maximum(cells.counts[0], 1)
    middle = counts @ directions
    middle = middle / max(float(np.linalg.norm(middle)), 1e-12)
    whole = float(np.average(1 - (1 - radii) * (directions @ middle), weights=counts))
    cell = float(np.median(radii))
    return float(np.clip(cell + COARSER * (whole - cell), NARROWEST, WIDEST))
