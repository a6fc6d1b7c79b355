"""Choose the pager's tolerated rates and threshold for an expected number of messages between false alarms."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from detectors.evidence_accepted import Accepted, upper_rates
from detectors.evidence_plan import EvidencePlan
from detectors.evidence_simulation import draw_rates, run_lengths

BETS = (0.02, 0.06, 0.2, 0.6)

STREAMS = 1000
MOST_CALIBRATED = 200_000
"""Longest run length that is simulated: beyond it the draw of any usual calibration set outweighs the messages."""

CAUTION = 0.1
"""Chance that a level's true rate lies above the one betted against, in calibrated mode. The simulated threshold makes
up for it; smaller pays at run lengths far above the calibration set's size, larger at small ones."""

MARGIN = 1.05
"""The simulated mean run length aimed at, in run lengths: above 1 by about twice its standard error."""


def guaranteed(accepted: Accepted, run_length: float, delta: float = 0.05) -> EvidencePlan:
    """Page at E ≥ A: then at least A messages pass between false alarms on average.

    With confidence 1 − δ over the accepted texts. Holds for messages that depend on each other, too; on independent
    ones the run length comes out far longer.
    """
    rates = upper_rates(accepted, delta / len(accepted.levels))
    return _plan(accepted, rates, math.log(run_length), run_length)


def calibrated(accepted: Accepted, run_length: float, seed: int = 0) -> EvidencePlan:
    """Page where simulated streams without drift do after A messages on average.

    The mean is over redrawn calibration sets and streams of independent messages, each stream cut at 2A, so that a few
    lucky calibration sets do not carry it. Nothing is promised for messages that depend on each other.

    Raises
    ------
    ValueError
        Above `MOST_CALIBRATED` messages: use `guaranteed` there.
    """
    if run_length > MOST_CALIBRATED:
        raise ValueError(f"a calibrated run length of {run_length:g}; above {MOST_CALIBRATED} use guaranteed mode")
    plan = _plan(accepted, upper_rates(accepted, CAUTION), math.log(run_length), run_length)
    rng = np.random.default_rng(seed)
    rates = draw_rates(accepted.counts, accepted.sizes, STREAMS, rng)
    streams = accepted.off_map + (1 - accepted.off_map) * rates
    candidates = math.log(run_length) + np.linspace(-4, 4, 33)
    means = run_lengths(plan, streams, candidates, int(2 * run_length), rng).mean(axis=1)
    threshold = float(np.interp(math.log(run_length * MARGIN), np.log(means), candidates))
    return replace(plan, log_threshold=threshold)


def _plan(accepted: Accepted, rates: npt.NDArray[np.float64], log_threshold: float, run_length: float) -> EvidencePlan:
    below = rates < 1  # a level that everything reaches says nothing
    return EvidencePlan(accepted.levels[below], rates[below], np.array(BETS), log_threshold, run_length)
