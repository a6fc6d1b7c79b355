"""Sequential evidence that the tail of the novelty has grown heavier than what was accepted: the pager.

An e-detector (Shin, Ramdas and Rinaldo 2023) of Shiryaev–Roberts form over several levels of the p-value and several
bets: for a level g that accepted traffic reaches with probability at most r,

    e = 1 + λ·(1{p ≤ g}/r − 1),    M ← (1 + M)·e,    E = mean of M over g and λ.

While nothing drifts, M minus the number of messages is a supermartingale, so the expected number of messages until
E ≥ A is at least A, however the messages depend on each other, as long as none reaches g with a probability above r
given those before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.evidence_plan import EvidencePlan
from detectors.measurement import Measurement

Floats = npt.NDArray[np.float64]


class TailEvidence:
    """Bets on every message against the accepted tail; pages once and stays so until acknowledged.

    Measurements: ``evidence`` (ln E), ``evidence_threshold`` (the ln E that pages), ``evidence_alarm`` (0 or 1) and,
    while that is 1, ``evidence_alarm_message`` (how many messages in) and ``evidence_change_message`` (how many had
    come before the drift began: the likeliest start under the bet that grew most) with their times,
    ``evidence_alarm_timestamp`` and ``evidence_change_timestamp``, where times were given.

    Parameters
    ----------
    plan : EvidencePlan

    Examples
    --------
    >>> plan = EvidencePlan(np.array([0.1]), np.array([0.12]), np.array([0.2, 0.6]), np.log(5000.0), 5000.0)
    >>> pager = TailEvidence(plan)
    >>> pager.update(np.tile(np.linspace(0.05, 1, 20), 25))
    >>> pager.alarm
    False
    >>> pager.update(np.full(40, 0.001))
    >>> pager.alarm, pager.change_message
    (True, 500)
    """

    def __init__(self, plan: EvidencePlan) -> None:
        self.plan = plan
        self._log_factors = np.log(plan.factors())
        self.acknowledge()

    def acknowledge(self) -> None:
        """Take the alarm back and begin anew, as after a new baseline."""
        n_bets = self._log_factors.shape[1]
        self._n = 0
        # With S_t the sum of ln e so far, M_t = Σ_j exp(S_t − S_j) over starts j < t. Kept are S and ln Σ_j exp(−S_j):
        # both grow by accumulation only, so that the bits do not depend on how messages are cut into batches.
        self._sum, self._starts = np.zeros(n_bets), np.full(n_bets, -np.inf)
        self._low = np.full(n_bets, np.inf)  # the lowest S_j: the drift most likely began after it
        self._began = np.zeros((2, n_bets))  # that j, and the time of the message after it
        self._log_evidence = -np.inf
        self._alarm = np.full(4, np.nan)  # message count and time of the page, then of the change

    @property
    def alarm(self) -> bool:
        """Whether E has ever reached the threshold since the start or the last acknowledgement."""
        return bool(np.isfinite(self._alarm[0]))

    @property
    def alarm_message(self) -> int | None:
        """Messages that had come when it paged, the last one included; None without a page."""
        return int(self._alarm[0]) if self.alarm else None

    @property
    def change_message(self) -> int | None:
        """Messages that had come before the drift began, as estimated at the page; None without one."""
        return int(self._alarm[2]) if self.alarm else None

    def update(self, p_values: Floats, times: Floats | None = None, bets: npt.NDArray[np.bool_] | None = None) -> None:
        """Bet on each message in order; the result does not depend on how messages are cut into batches.

        Parameters
        ----------
        p_values : ndarray of float64, shape (n,)
            In (0, 1]; messages with NaN are left out.
        times : ndarray of float64, shape (n,), optional
            Event times in seconds; they date the alarm and the change.
        bets : ndarray of bool, shape (n,), optional
            Which messages are betted on; all by default. Of a burst (see `detectors.sessions`) only one is: the rest
            depends on that one, so that bets on it would break the promise. They count as messages.
        """
        known = ~np.isnan(p_values)
        if not known.any():
            return
        reached = (p_values[known, None] <= self.plan.levels).sum(axis=1)
        if bets is not None:
            reached[~bets[known]] = -1  # the row of ones: no bet
        self._bet(self._log_factors[reached], np.full(len(reached), np.nan) if times is None else times[known])

    def measure(self) -> list[Measurement]:
        """Return what is known so far; nothing before the first message."""
        values = {
            "evidence": self._log_evidence,
            "evidence_threshold": self.plan.log_threshold,
            "evidence_alarm": float(self.alarm),
        }
        names = ("alarm_message", "alarm_timestamp", "change_message", "change_timestamp")
        values |= {f"evidence_{name}": value for name, value in zip(names, self._alarm, strict=True)}
        finite = {name: float(value) for name, value in values.items() if np.isfinite(value)}
        return [Measurement(name, value, self._n) for name, value in finite.items()] if self._n else []

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that `update` changes as arrays, and what they belong to."""
        return {
            "plan": self._plan_key(),
            "n": np.array(self._n),
            "bets": np.stack([self._sum, self._starts, self._low, *self._began]),
            "log_evidence": np.array(self._log_evidence),
            "alarm": self._alarm.copy(),
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Go on from `get_state`; False, and nothing changed, where that betted on other levels, rates or bets."""
        if not np.array_equal(state["plan"], self._plan_key()):
            return False
        self._n, self._log_evidence = int(state["n"]), float(state["log_evidence"])
        self._sum, self._starts, self._low, *began = (row.copy() for row in state["bets"])
        self._began, self._alarm = np.stack(began), state["alarm"].copy()
        return True

    def _plan_key(self) -> Floats:
        return np.concatenate([self.plan.levels, self.plan.rates, self.plan.bets])

    def _bet(self, logs: Floats, times: Floats) -> None:
        sums = np.cumsum(np.vstack([self._sum, logs]), axis=0)
        starts = np.logaddexp.accumulate(np.vstack([self._starts, -sums[:-1]]), axis=0)[1:]
        evidence = np.logaddexp.reduce(sums[1:] + starts, axis=1) - np.log(logs.shape[1])
        lows = np.minimum.accumulate(np.vstack([self._low, sums[:-1]]), axis=0)
        self._log_evidence, self._sum, self._starts = float(evidence[-1]), sums[-1], starts[-1]
        paged = np.flatnonzero(evidence >= self.plan.log_threshold)
        if len(paged) and not self.alarm:
            k = paged[0]
            self._mark(sums[: k + 1], lows[: k + 2], times)
            best = int(np.argmax(sums[k + 1] - lows[k + 1]))
            self._alarm[:] = self._n + k + 1, times[k], *self._began[:, best]
        self._mark(sums[:-1], lows, times)
        self._low = lows[-1]
        self._n += len(logs)

    def _mark(self, sums: Floats, lows: Floats, times: Floats) -> None:
        """Note for each bet the last j at which S_j (n, B) was its lowest so far, `lows` (n + 1, B)."""
        n = len(sums)
        lowest = sums <= lows[:-1]
        last = n - 1 - np.argmax(lowest[::-1], axis=0)
        found = lowest.any(axis=0)
        self._began[0] = np.where(found, self._n + last, self._began[0])
        self._began[1] = np.where(found, times[last], self._began[1])


def pooled_evidence(log_evidence: npt.ArrayLike) -> float:
    """Pool ln E of several agents that see parts of one stream: ln of the mean of E.

    The mean of e-detectors is one, so a page at the same threshold keeps the same expected run length, counted in
    messages per agent.

    >>> round(float(np.exp(pooled_evidence([0.0, np.log(3.0)]))), 9)
    2.0
    """
    return float(np.logaddexp.reduce(log_evidence) - np.log(np.size(log_evidence)))
