"""Make the comparison of mixes tolerate the ups and downs that accepted traffic had of itself: its days and nights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from detectors.beta import t_quantile
from detectors.mix_plan import MixPlan
from detectors.mmd_fit import project, simulate

Rows = npt.NDArray[np.floating]
Floats = npt.NDArray[np.float64]

FEWEST = 3
"""Stretches, at least: with fewer nothing is known about how much they differ."""


SHUFFLES = 4

SURE = 2.5


def tolerate_stretches(plan: MixPlan, stretches: Sequence[Rows], seed: int = 0) -> MixPlan:
    """Raise the thresholds by what stretches of accepted traffic moved beyond chance.

    The thresholds hold for texts drawn at random. Traffic that asks by day for other things than by night never is: its
    windows lie farther from the mean of all. So the largest distance of each stretch is compared with that of the same
    texts shuffled over all stretches; where it is larger by `SURE` standard errors, the threshold is raised by what it
    is larger and scatters more, up to the prediction bound (Student's t) for another stretch: as the pager does with
    its rates.

    Parameters
    ----------
    plan : MixPlan
        Fitted on traffic of the same time.
    stretches : sequence of ndarray, shape (n, d)
        Texts in the order in which they came, of the same number in each stretch, at least twice the longest window.

    Returns
    -------
    MixPlan
        The same one, where there are fewer than `FEWEST` stretches.
    """
    if len(stretches) < FEWEST:
        return plan
    seen = np.stack([project(rows.astype(np.float32), plan) for rows in stretches])
    rng = np.random.default_rng(seed)
    texts = seen.reshape(-1, seen.shape[2])
    chance = np.vstack([_highest(plan, rng.permutation(texts).reshape(seen.shape)) for _ in range(SHUFFLES)])
    moved, n = _highest(plan, seen), len(stretches)
    farther = moved.mean(axis=0) - chance.mean(axis=0)
    spread, by_chance = moved.var(axis=0, ddof=1), chance.var(axis=0, ddof=1)
    wider = np.sqrt(np.maximum(spread - by_chance, 0))
    claims = len(plan.windows) * max(plan.run_length / seen.shape[1], 1)
    more = farther + t_quantile(1 - 1 / (claims + 1), n - 1) * wider * np.sqrt(1 + 1 / n)
    real = farther > SURE * np.sqrt(spread / n + by_chance / len(chance))
    return replace(plan, thresholds=plan.thresholds + np.where(real, more, 0))


def _highest(plan: MixPlan, seen: npt.NDArray[np.float32]) -> Floats:
    """Return the largest squared distance of each stretch, (s, n, r) projected texts, over each window: (s, w)."""
    highest = np.zeros((len(seen), len(plan.windows)))
    for distances in simulate(plan, iter(seen.swapaxes(0, 1))):
        np.maximum(highest, distances, out=highest)
    return highest
