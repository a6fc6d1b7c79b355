"""What windows of training pairs are like: drawn from all, and from what lies near one prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from detectors.pair_measures import Pairs, excess, narrowing, narrowing_variance
from detectors.pair_reference import SIGNS, Flags, Floats, PairReference, Usual

WINDOWS = 60
NARROW = 4
"""Part of all pairs that a narrow window is drawn from."""


def with_windows(
    reference: PairReference, pairs: Pairs, fresh: Flags, sizes: Sequence[int], rng: np.random.Generator
) -> PairReference:
    """Fill in what D and A usually are, how much narrow prompts make of A, and how much signs scatter.

    `fresh` are the pairs that the prototypes have not seen.
    """
    usual = tuple(_usual(reference, pairs, n, rng) for n in sizes)
    yielding = _yielding(reference, pairs, usual[0], rng)
    reference = replace(reference, yielding=yielding)  # the mean bend of windows drawn from all is next to 0
    usual = tuple(_usual(reference, pairs, n, rng) for n in sizes)
    dispersion = _dispersion(reference, pairs.take(fresh), sizes[0], rng)
    return replace(reference, usual=usual, dispersion=dispersion)


def _usual(reference: PairReference, pairs: Pairs, n: int, rng: np.random.Generator) -> Usual:
    m = len(pairs.cell)
    found = np.array([narrowing(_drawn(pairs, np.arange(m), n, rng), reference).values for _ in range(WINDOWS)])
    apart = np.sqrt(1 - n / m)  # two windows share pairs when n comes near m
    return Usual(n, found.mean(axis=0), np.maximum(found.std(axis=0, ddof=1) / apart, 1e-4))


def _yielding(reference: PairReference, pairs: Pairs, usual: Usual, rng: np.random.Generator) -> Floats:
    """Regress A on the bend of the prompts over narrow windows, and find how much more it scatters than it should."""
    m, size = len(pairs.cell), max(usual.n, len(pairs.cell) // NARROW)
    prompts = pairs.prompts.unit()
    bends, excesses, expected = np.empty(WINDOWS), np.empty(WINDOWS), np.empty(WINDOWS)
    for w in range(WINDOWS):
        near = np.argsort(-(prompts @ prompts[rng.integers(m)]), kind="stable")[:size]
        found = narrowing(_drawn(pairs, near, usual.n, rng), reference)
        excesses[w], bends[w] = found.values[1] - usual.mean[1], found.bend
        expected[w] = narrowing_variance(found, usual, np.zeros(2))[1]
    squares = max(float(bends @ bends), 1e-12)
    slope = max(0.0, float(bends @ excesses) / squares)
    left = np.square(excesses - slope * bends) - expected
    return np.array([slope, np.sqrt(max(0.0, float(left.sum()) / squares))])


def _dispersion(reference: PairReference, fresh: Pairs, n: int, rng: np.random.Generator) -> Floats:
    """Variance of the signs' shares over windows, over what chance alone would give; at least 1."""
    m = len(fresh.cell)
    n = min(n, m // 2)
    scores = np.empty((WINDOWS, len(SIGNS)))
    for w in range(WINDOWS):
        found = excess(_drawn(fresh, np.arange(m), n, rng), reference)
        scores[w] = (found.share - found.expected) / found.error
    variance: Floats = np.square(scores).mean(axis=0) / (1 - n / m)
    return np.maximum(variance, 1.0)


def _drawn(pairs: Pairs, among: npt.NDArray[np.intp], n: int, rng: np.random.Generator) -> Pairs:
    return pairs.take(rng.choice(among, size=n, replace=False))
