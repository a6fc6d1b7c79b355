"""What diversity accepted texts have at equal n."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from detectors.diversity import DiversityBaseline, vendi_scores

SIZES = (256, 512, 1024)
WINDOWS = 40


def fit_diversity(
    rows: npt.NDArray[np.float32], seed: int = 0, sizes: Sequence[int] = SIZES
) -> dict[int, DiversityBaseline]:
    """Measure windows drawn from the embeddings (m, d) of accepted texts, unit rows, for each n that is fit for.

    Windows are drawn without replacement; as two of them share texts when n comes near m, their spread is divided by
    √(1 − n/m). Sizes above m/2 are left out: an empty result says that there are fewer than 512 texts.
    """
    rng = np.random.default_rng(seed)
    return {n: _baseline(rows, n, rng) for n in sizes if n <= len(rows) // 2}


def _baseline(rows: npt.NDArray[np.float32], n: int, rng: np.random.Generator) -> DiversityBaseline:
    logs = np.empty((WINDOWS, 3))
    for window in logs:
        drawn = rows[rng.choice(len(rows), size=n, replace=False)].astype(np.float64)
        window[:] = np.log(vendi_scores(drawn.T @ drawn / n, n))
    return DiversityBaseline(n, logs.mean(axis=0), logs.std(axis=0, ddof=1) / np.sqrt(1 - n / len(rows)))
