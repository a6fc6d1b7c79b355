"""How exchanges end by the training cell of their prompt: in rare cells, and in cells that a model mostly wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agent.crowd_watch import ON_MAP
from agent.metric_row import BANDS
from agent.outcome_book import band
from agent.outcome_kinds import Kind
from detectors.interval import anytime_interval
from detectors.rare import rare_cells, survival, survival_change

if TYPE_CHECKING:
    from agent.join_entry import Numbers
    from agent.join_known import Known
    from agent.tally import State, Tally
    from agent.watch import Measured

SYNTHETIC = (0.3, 0.7, 1.0)
"""Upper ends of the bands of a cell's synthetic share; the 30 % is the field's rule of thumb, and no more."""

ACCEPTED = "accepted_endings"
"""The array of a profile with a baseline that holds how its exchanges ended: `RareCells.ended`."""

FEWEST = 15
"""Exchanges in rare cells below which nothing is said of how they end."""


def counted(known: Sequence[Known]) -> Iterator[tuple[Known, Numbers, bool, bool]]:
    """Yield those that count, with their prompt's scores, whether the exchange is new, and whether its failure is."""
    for one in known:
        failed = bool(one.fresh & Kind.ANY)
        if one.prompt is not None and one.kinds & Kind.COUNTED and (one.completed or failed):
            yield one, one.prompt, one.completed, failed


class RareCells:
    """Whether prompts still come to the rare cells of training, and whether these exchanges end as well as others.

    Only prompts on the map are looked at: which cell the others are nearest to says nothing about them.

    Parameters
    ----------
    counts : ndarray of float64, shape (C,)
        Fair counts of the cells (`detectors.coverage_fit.fair_counts`): the shares that fresh texts like training take.
    alpha : float
        Of the bounds.
    accepted : ndarray of int64, shape (2, 2), optional
        `ended` of the accepted baseline.

    Attributes
    ----------
    ended : ndarray of int64, shape (2, 2)
        Rare cells and common ones: exchanges, and failures among them.
    """

    def __init__(
        self, counts: npt.NDArray[np.float64], alpha: float, accepted: npt.NDArray[np.int64] | None = None
    ) -> None:
        self._rare = rare_cells(counts)
        self._expected = float(counts[self._rare].sum() / max(counts.sum(), 1e-12))
        self._alpha = alpha
        self._accepted = accepted
        self.ended = np.zeros((2, 2), dtype=np.int64)

    def update(self, known: Sequence[Known], tally: Tally) -> None:
        """Count exchanges and failures."""
        for _, prompt, new, failed in counted(known):
            if prompt.p_value <= ON_MAP:
                continue
            row = 0 if self._rare[prompt.cell] else 1
            self.ended[row] += (new, failed)
            for name, amount in (("exchanges", new), ("failures", failed)):
                if amount:
                    tally.add(f"offmap_cell_{name}", ("common" if row else "rare",))

    def measure(self) -> Measured:
        """Return the rare cells' share of traffic, and how their exchanges end beside the others."""
        n, failed = self.ended.T
        found: Measured = {"offmap_rare_share_expected": {(): self._expected}}
        if not n.sum():
            return found
        bounds = anytime_interval(n[0], n[1], self._alpha)
        found |= _interval("offmap_rare_share", float(n[0] / n.sum()), *map(float, bounds))
        if n.min() >= FEWEST:
            found |= _interval("offmap_survival", *survival(n - failed, n, self._alpha)) | self._since_accepted()
        return found

    def _since_accepted(self) -> Measured:
        """Return what survival was in accepted traffic and how far it has moved, where enough of that was recorded."""
        if self._accepted is None or self._accepted[:, 0].min() < FEWEST:
            return {}
        (n, failed), (n_before, failed_before) = self.ended.T, self._accepted.T
        before = survival(n_before - failed_before, n_before, self._alpha / 2)
        change = survival_change(survival(n - failed, n, self._alpha / 2), before)
        found: Measured = {"offmap_survival_expected": {(): before[0]}}
        return found | _interval("offmap_survival_change", *change)

    def get_state(self) -> State:
        """Return the counts, and how many cells they are of."""
        return {"ended": self.ended.copy(), "cells": np.array(len(self._rare))}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on, if the reference has as many cells."""
        if int(state["cells"]) == len(self._rare):
            self.ended = state["ended"].astype(np.int64)


class Provenance:
    """How much traffic lands on training cells of which a model wrote much, and how it ends there: counters only.

    Parameters
    ----------
    shares : ndarray of float32, shape (C,)
        Synthetic share of each cell.
    """

    def __init__(self, shares: npt.NDArray[np.float32]) -> None:
        ends = np.array(SYNTHETIC[:-1], shares.dtype)  # 0.3 in float32 is above 0.3
        self._band = np.searchsorted(ends, shares, side="left")

    def update(self, known: Sequence[Known], tally: Tally) -> None:
        """Count exchanges and failures by the band of the synthetic share, and by the band of the p-value."""
        for _, prompt, new, failed in counted(known):
            labels = (f"{SYNTHETIC[self._band[prompt.cell]]:g}", f"{BANDS[band(prompt.p_value)]:g}")
            for name, amount in (("exchanges", new), ("failures", failed)):
                if amount:
                    tally.add(f"offmap_provenance_{name}", labels)

    def measure(self) -> Measured:
        """Return nothing: counters add up over agents."""
        return {}

    def get_state(self) -> State:
        """Return nothing."""
        return {}

    def set_state(self, _state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Do nothing."""


class RegionEndings:
    """How exchanges end by the region off the map that their prompt lies in: counters only."""

    def update(self, known: Sequence[Known], tally: Tally) -> None:
        """Count exchanges and failures of those regions that have a name."""
        for one, _, new, failed in counted(known):
            for name, amount in (("exchanges", new), ("failures", failed)):
                if one.region and amount:
                    tally.add(f"offmap_region_{name}", (f"r{one.region}",))

    def measure(self) -> Measured:
        """Return nothing: counters add up over agents."""
        return {}

    def get_state(self) -> State:
        """Return nothing."""
        return {}

    def set_state(self, _state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Do nothing."""


def _interval(name: str, value: float, lower: float, upper: float) -> Measured:
    values = (("", value), ("_lower", lower), ("_upper", upper))
    return {f"{name}{suffix}": {(): each} for suffix, each in values}
