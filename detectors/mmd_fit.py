"""Fit the comparison of mixes: directions from the reference, thresholds simulated on texts that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from detectors.blocks import spans
from detectors.mix_plan import MixPlan
from detectors.mmd import features

WINDOWS = (50, 200, 500)
FREQUENCIES = 512
DIRECTIONS = 128

RIDGE = 2.0
"""Added to each direction's variance, in mean variances: 0 whitens, infinity leaves the plain MMD. On CLINC150 both
ends are slower on one of the two changes that were tried (one domain more, intents gone)."""

FEWEST = 200
"""Held-out texts: each half stands for production while thresholds are simulated."""

STREAMS = 200
LEAST_STEPS = 4000
"""Texts of a simulated stream, at least: most of it must lie behind the quiet beginning of the longest window."""

ALARMS = 40
"""Run lengths simulated in all, at least, for each threshold."""

Rows = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


def fit_mix(reference: Rows, held_out: Rows, run_length: float, seed: int = 0) -> MixPlan:
    """Fit on embeddings of reference texts (n, d) and of others like them (m, d), unit rows.

    The thresholds keep a run length on streams redrawn from either half of the held-out texts: found on the first,
    checked on the second, the larger one kept. Windows longer than half of a half are left out.

    Raises
    ------
    ValueError
        With too few texts: says how many.
    """
    if len(held_out) < FEWEST or len(reference) < FEWEST:
        raise ValueError(f"{len(reference)} reference and {len(held_out)} held-out texts; each needs {FEWEST}")
    rng = np.random.default_rng(seed)
    frequencies = _frequencies(reference, rng)
    directions, centre = _directions(reference, frequencies)
    windows = np.array([w for w in WINDOWS if w <= max(len(held_out) // 4, WINDOWS[0])], dtype=np.float64)
    plan = MixPlan(frequencies, directions, centre, windows, np.ones(len(windows)), run_length)
    seen = project(held_out, plan)[rng.permutation(len(held_out))]
    halves = [_without_chance(half, len(reference)) for half in (seen[::2], seen[1::2])]
    scales = _scales(plan, halves[0], rng)
    factor = max(_factor(plan, half, scales, rng) for half in halves)
    return replace(plan, thresholds=scales * factor)


def project(rows: Rows, plan: MixPlan) -> Rows:
    """See texts (n, d) as `MixChange` does, shape (n, r): zero on average where nothing changed."""
    frequencies, directions = plan.frequencies.astype(np.float32), plan.directions.astype(np.float32)
    parts = [features(rows[where], frequencies) @ directions for where in spans(len(rows), 8192)]
    seen: Rows = np.vstack(parts) - plan.centre
    return seen


def simulate(plan: MixPlan, draws: Iterator[Rows]) -> Iterator[Floats]:
    """Yield the squared distances (s, w) of s streams after each of `draws`, (s, r) projected texts."""
    gains = np.asarray(2 / (plan.windows + 1), dtype=np.float32)
    means: Rows | None = None
    for drawn in draws:
        if means is None:
            means = np.zeros((len(gains), *drawn.shape), dtype=np.float32)
        for i, gain in enumerate(gains):
            means[i] *= 1 - gain
            means[i] += gain * drawn
        yield np.einsum("wsr,wsr->sw", means, means).astype(np.float64)


def redrawn(rows: Rows, n_streams: int, n_steps: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Yield `n_steps` times one of the rows (n, r) for each of the streams, drawn with replacement."""
    for _ in range(n_steps):
        yield rows[rng.integers(len(rows), size=n_streams)]


def _frequencies(reference: Rows, rng: np.random.Generator) -> npt.NDArray[np.float16]:
    """Draw frequencies of a Gaussian kernel as wide as the median distance between texts, over √2."""
    pairs = rng.integers(len(reference), size=(2, 4000))
    distances = np.linalg.norm(reference[pairs[0]].astype(np.float32) - reference[pairs[1]], axis=1)
    width = float(np.median(distances[distances > 0])) / math.sqrt(2)
    return (rng.standard_normal((reference.shape[1], FREQUENCIES)) / width).astype(np.float16)


def _directions(reference: Rows, frequencies: npt.NDArray[np.float16]) -> tuple[npt.NDArray[np.float16], Rows]:
    """Find the leading directions of the reference's features, (2F, r), scaled, and its mean along them, (r,)."""
    phi_sum, phi_square = np.zeros(2 * FREQUENCIES), np.zeros((2 * FREQUENCIES, 2 * FREQUENCIES))
    for where in spans(len(reference), 8192):
        phi = features(reference[where], frequencies.astype(np.float32))
        phi_sum += phi.sum(axis=0, dtype=np.float64)
        phi_square += phi.T @ phi
    mean = phi_sum / len(reference)
    values, vectors = np.linalg.eigh(phi_square / len(reference) - np.outer(mean, mean))
    values, vectors = values[: -DIRECTIONS - 1 : -1], vectors[:, : -DIRECTIONS - 1 : -1]
    scaled: npt.NDArray[np.float16] = (vectors / np.sqrt(values + RIDGE * values.mean())).astype(np.float16)
    return scaled, (mean @ scaled).astype(np.float32)


def _without_chance(rows: Rows, n_reference: int) -> Rows:
    """Move projected rows (n, r) so that their mean lies off the reference's by no more than is real.

    A mean of n texts is off by chance, and streams redrawn from them would take that for their norm. What remains is
    the distance beyond chance, or the chance error of the reference's own mean, which is real to production.
    """
    offset = rows.mean(axis=0)
    spread = float(np.square(rows - offset).sum(axis=1).mean())
    square = float(offset @ offset)
    kept = max(square - spread / len(rows), spread / n_reference) / square
    moved: Rows = rows - offset * np.float32(1 - np.sqrt(kept))
    return moved


def _scales(plan: MixPlan, rows: Rows, rng: np.random.Generator) -> Floats:
    """Return a high quantile of each window's distance without drift: what makes windows comparable, shape (w,)."""
    settle = int(2 * plan.windows.max())
    steps = simulate(plan, redrawn(rows, STREAMS, 2 * settle, rng))
    settled = [distances for step, distances in enumerate(steps) if step >= settle and step % 10 == 0]
    scales: Floats = np.quantile(np.concatenate(settled), 0.998, axis=0)
    return scales


def _factor(plan: MixPlan, rows: Rows, scales: Floats, rng: np.random.Generator) -> float:
    """Find the multiple of the scales that keeps the run length: messages in all over alarms, streams being cut."""
    n_steps = int(max(LEAST_STEPS, ALARMS * plan.run_length / STREAMS))
    candidates = np.linspace(0.5, 4, 141)
    highest = np.zeros(STREAMS)
    lengths = np.zeros((len(candidates), STREAMS), dtype=np.int64)
    for distances in simulate(plan, redrawn(rows, STREAMS, n_steps, rng)):
        np.maximum(highest, (distances / scales).max(axis=1), out=highest)
        lengths += highest < candidates[:, None]
    alarms = (lengths < n_steps).sum(axis=1)
    run_lengths = lengths.sum(axis=1) / np.maximum(alarms + np.sqrt(alarms), 1)  # an error less, so as to be safe
    return float(candidates[np.argmax(run_lengths >= plan.run_length)])
