"""The regions off the map of one side, as metrics and state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from detectors.region_radius import region_radius
from detectors.regions import Regions

if TYPE_CHECKING:
    from agent.region_terms import RegionTerms
    from agent.tally import State, Tally
    from agent.watch import Measured, SideScores
    from config import RegionSettings
    from detectors.reference import Reference

OTHER = "other"


def make_regions(
    side: str, settings: RegionSettings, reference: Reference, terms: RegionTerms | None = None
) -> RegionWatch:
    """Make the watcher of a side's regions; `terms` collects the words of each, where that is wanted."""
    cells = reference.scorer.last
    radius = region_radius(cells) if settings.radius is None else settings.radius
    regions = Regions(radius, cells.dim, settings.max_regions, settings.recent)
    return RegionWatch(side, regions, settings.level, terms)


class RegionWatch:
    """Sorts the texts that are off the map into regions.

    Parameters
    ----------
    side : str
    regions : Regions
    level : float
        Texts with a p-value of at most this are off the map.
    terms : RegionTerms or None
    """

    def __init__(self, side: str, regions: Regions, level: float, terms: RegionTerms | None = None) -> None:
        self._side = side
        self._regions = regions
        self._level = level
        self._terms = terms

    def update(self, times: npt.NDArray[np.float64], scores: SideScores, tally: Tally) -> None:
        """Sort in what lies off the map, count it by region, and write the regions to `scores`."""
        off = scores.p_value <= self._level
        slots = self._regions.update(scores.vector, times, off)
        if scores.region is not None:
            scores.region[off] = slots + 1
        for slot, count in zip(*np.unique(slots, return_counts=True), strict=True):
            tally.add("offmap_region_texts", (self._side, _name(slot)), float(count))
        if self._terms is not None and scores.words is not None:
            self._terms.renew({_name(slot): int(times) for slot, times in enumerate(self._regions.named)})
            for slot, words in zip(slots, scores.words[off], strict=True):
                self._terms.add(_name(slot), words)

    def measure(self) -> Measured:
        """Return the size, share, trend and age of each region, and how much of what is off the map is new."""
        found: Measured = {}
        for measured in self._regions.measure():
            labels = (self._side, measured.field) if measured.field else (self._side,)
            found.setdefault(_METRICS[measured.name], {})[labels] = measured.value
        return found

    def get_state(self) -> State:
        """Return the regions; never a word."""
        return self._regions.get_state()

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on, if the regions have the same radius and are as many."""
        self._regions.set_state(state)


def _name(slot: int) -> str:
    return OTHER if slot < 0 else f"r{slot + 1}"


_METRICS = {
    "new_region_rate": "offmap_new_region_rate",
    "region_size": "offmap_region_size",
    "region_share": "offmap_region_share",
    "region_share_lower": "offmap_region_share_lower",
    "region_share_upper": "offmap_region_share_upper",
    "region_trend": "offmap_region_trend",
    "region_first_seen": "offmap_region_first_seen_timestamp_seconds",
    "region_last_seen": "offmap_region_last_seen_timestamp_seconds",
}
