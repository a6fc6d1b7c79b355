"""Run lengths of the pager on streams of ranks: distribution-free, because ranks are uniform whatever the scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detectors.evidence_plan import EvidencePlan

STEPS = 64
"""Messages simulated between two looks at the thresholds."""


def draw_rates(
    counts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], n_draws: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Draw the true rate at which fresh messages reach each level, over redrawn calibration sets.

    The m-th largest of n held-out scores is exceeded with a probability of law Beta(m, n + 1 − m), jointly over m the
    partial sums of uniform spacings; bins are mixed by their size.

    Parameters
    ----------
    counts : ndarray of int64, shape (b, L)
        Rank m of each level in each bin of the calibration set, descending along L; 0 where a bin cannot reach it.
    sizes : ndarray of int64, shape (b,)
        Calibration rows in each bin.

    Returns
    -------
    ndarray of float64, shape (n_draws, L)
    """
    total = np.zeros((n_draws, counts.shape[1]))
    for ranks, size in zip(counts, sizes, strict=True):
        steps = np.diff(np.concatenate([[0], ranks[::-1], [size + 1]]))
        sums = np.cumsum(rng.standard_gamma(steps, size=(n_draws, len(steps))), axis=1)
        total += size * (sums[:, :-1] / sums[:, -1:])[:, ::-1]
    total /= sizes.sum()
    return total


def run_lengths(
    plan: EvidencePlan,
    rates: npt.NDArray[np.float64],
    log_thresholds: npt.NDArray[np.float64],
    n_steps: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """Simulate streams without sessions and count messages before each threshold is reached.

    Parameters
    ----------
    rates : ndarray of float64, shape (s, L)
        True probability of reaching each level, in each of s streams.
    log_thresholds : ndarray of float64, shape (k,)
        Candidates; the plan's own is not looked at.
    n_steps : int
        Messages after which a stream ends; its run length is then this (censored).

    Returns
    -------
    ndarray of int64, shape (k, s)
    """
    factors = plan.factors()
    n_bets = factors.shape[1]
    pages_at = n_bets * np.exp(log_thresholds)
    evidence, highest = np.zeros((len(rates), n_bets)), np.zeros(len(rates))
    lengths = np.zeros((len(log_thresholds), len(rates)), dtype=np.int64)
    for done in range(0, n_steps, STEPS):
        n = min(STEPS, n_steps - done)
        reached = (rng.random((n, len(rates)))[:, :, None] < rates).sum(axis=2)
        totals = np.empty((n, len(rates)))
        for step in range(n):
            evidence += 1
            evidence *= factors[reached[step]]
            evidence.sum(axis=1, out=totals[step])
        np.minimum(evidence, 1e100, out=evidence)
        np.maximum(totals[0], highest, out=totals[0])
        np.maximum.accumulate(totals, axis=0, out=totals)
        highest = totals[-1]
        lengths += (totals < pages_at[:, None, None]).sum(axis=1)
        if highest.min() >= pages_at.max():
            break
    return np.minimum(lengths + 1, n_steps)
