"""Streams of messages for the pager and for the warning of a changed mix, many at once."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from detectors.evidence_plan import EvidencePlan
from detectors.evidence_simulation import run_lengths
from detectors.mix_plan import MixPlan
from detectors.mmd_fit import simulate

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], npt.NDArray[np.intp]]
"""Gives the indices of the texts that so many streams get next."""


def reached(plan: EvidencePlan, p_values: Floats) -> Floats:
    """Share of texts that reach each level, shape (L,)."""
    shares: Floats = (p_values[:, None] <= plan.levels).mean(axis=0)
    return shares


def pager_lengths(plan: EvidencePlan, rates: Floats, n_steps: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Messages until the page in each of s streams, cut at `n_steps`; `rates` (s, L): chance to reach each level."""
    thresholds = np.array([plan.log_threshold])
    lengths: npt.NDArray[np.int64] = run_lengths(plan, rates, thresholds, n_steps, np.random.default_rng(seed))[0]
    return lengths


def mix_lengths(
    plan: MixPlan, seen: npt.NDArray[np.float32], draws: tuple[Draw, Draw], steps: tuple[int, int], n_streams: int
) -> npt.NDArray[np.int64]:
    """Texts until the warning in each stream, cut; (n_streams,).

    Parameters
    ----------
    seen : ndarray of float32, shape (n, r)
        Projected texts that the streams are drawn from.
    draws : pair of Draw
        Before the change and after it.
    steps : pair of int
        Texts before the change, in which a warning is not looked at, and at most after it.
    """
    rng = np.random.default_rng(0)
    texts = (seen[draws[step >= steps[0]](rng, n_streams)] for step in range(sum(steps)))
    lengths = np.full(n_streams, steps[1], dtype=np.int64)
    warned = np.zeros(n_streams, dtype=np.bool_)
    for step, distances in enumerate(simulate(plan, texts)):
        if step < steps[0]:
            continue
        new = ~warned & (distances >= plan.thresholds).any(axis=1)
        lengths[new] = step - steps[0] + 1
        warned |= new
        if warned.all():
            break
    return lengths


def anything(n: int) -> Draw:
    """Draw any of n texts."""
    return lambda rng, size: rng.integers(n, size=size)


def each_once(n: int) -> Draw:
    """Draw each of n texts once a stream: as fresh texts would come, whose mean is not that of a few drawn again."""
    orders: list[npt.NDArray[np.intp]] = []

    def draw(rng: np.random.Generator, size: int) -> npt.NDArray[np.intp]:
        if not orders:
            orders.extend(rng.permuted(np.tile(np.arange(n), (size, 1)), axis=1).T)
        return orders.pop()

    return draw


def more_of(part: npt.NDArray[np.intp], n: int, share: float) -> Draw:
    """Draw one of `part` in this share, else any of n texts."""
    return lambda rng, size: np.where(rng.random(size) < share, rng.choice(part, size), rng.integers(n, size=size))
