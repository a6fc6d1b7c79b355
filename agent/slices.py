"""Several models, tenants or languages on one topic: each named one is counted, and paged for, on its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agent.metric_row import BANDS
from agent.pager import Pager, PagerOff, pager_plan
from agent.watch import below

if TYPE_CHECKING:
    from agent.records import Exchange
    from agent.tally import State, Tally
    from agent.watch import Measured, SideScores, Watcher
    from config import PagerSettings, SliceSettings

OTHER = "other"


def make_slices(
    slices: SliceSettings,
    settings: PagerSettings,
    arrays: Mapping[str, npt.NDArray[Any]],
    calibration_sizes: npt.NDArray[np.int32],
) -> Slices:
    """Make the slices of the prompts.

    They share one budget of false alarms: each has the run length A counted in its own prompts, and these add up to
    all (of n prompts, n_i of them of slice i, a false page comes with a chance of at most Σ n_i/A = n/A). Always in the
    guaranteed mode: to simulate each would take long. Each accepts what its own traffic was like in the recorded
    baseline; one of which that knows too little, what the pager of all traffic accepts.
    """
    shared = settings.model_copy(update={"mode": "guaranteed"})
    whole = pager_plan(shared, arrays, calibration_sizes)
    pagers: dict[str, Watcher] = {}
    for name in slices.names:
        own = below(arrays, baseline_prefix(slices, name))
        found = pager_plan(shared, own, calibration_sizes) if own else whole
        if found is None:
            pagers[name] = PagerOff("prompt")
        else:
            reference = "slice_baseline" if own else found[1]
            pagers[name] = Pager("prompt", found[0], reference, settings.acknowledged)
    return Slices(slices.field, pagers)


BASELINE = "slice_"
"""What the names of all slices' arrays in a profile begin with."""


def baseline_prefix(slices: SliceSettings, name: str) -> str:
    """Return what the names of one slice's arrays begin with; the rest of other values is another slice.

    >>> from config import SliceSettings
    >>> baseline_prefix(SliceSettings(field="tenant", values=("a",)), "a")
    'slice_7f9ed3c150ed3537_'
    """
    whose = (slices.field, name, *(sorted(slices.values) if name == OTHER else ()))
    return f"{BASELINE}{_key(json.dumps(whose))}_"


class Slices:
    """Counts the prompts of each slice by how novel they are, and bets on them.

    Parameters
    ----------
    field : str
        "model", or the name of a tag.
    pagers : mapping of str to Watcher
        By the slice's name; the last stands for all the rest. The names are labels: they come from the settings alone.

    Attributes
    ----------
    also : mapping of str to Watcher
        Who is shown the prompts of a slice too.
    """

    def __init__(self, field: str, pagers: Mapping[str, Watcher]) -> None:
        self._field = field
        self._pagers = pagers
        self.also: Mapping[str, Watcher] = {}
        self._numbers = {name: i for i, name in enumerate(pagers)}

    def update(
        self, exchanges: Sequence[Exchange | None], times: npt.NDArray[np.float64], scores: SideScores, tally: Tally
    ) -> None:
        """Take in n prompts that were scored, with the exchanges that they are of."""
        numbers = np.array([self._number(exchange) for exchange in exchanges])
        numbers[scores.cell < 0] = -1
        for i, (name, pager) in enumerate(self._pagers.items()):
            mine = np.flatnonzero(numbers == i)
            if not len(mine):
                continue
            part = scores.at(mine)
            bands = np.bincount(np.searchsorted(BANDS, part.p_value), minlength=len(BANDS))
            for band, count in zip(BANDS, bands.tolist(), strict=True):
                if count:
                    tally.add("offmap_slice_texts", (name, f"{band:g}"), count)
            pager.update(times[mine], part, tally)
            if name in self.also:
                self.also[name].update(times[mine], part, tally)

    def measure(self) -> Measured:
        """Return the pagers' metrics by slice; none where the pager is off."""
        found: Measured = {}
        for name, pager in self._pagers.items():
            measured = pager.measure()
            for metric in METRICS:
                for (_, reference), value in measured.get(f"offmap_pager_{metric}", {}).items():
                    found.setdefault(f"offmap_slice_pager_{metric}", {})[name, reference] = value
        return found

    def get_state(self) -> State:
        """Return the pagers' state."""
        return {
            f"{_key(name)}/{key}": array
            for name, pager in self._pagers.items()
            for key, array in pager.get_state().items()
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`; a slice that was not there before begins now."""
        for name, pager in self._pagers.items():
            if part := below(state, f"{_key(name)}/"):
                pager.set_state(part)

    def _number(self, exchange: Exchange | None) -> int:
        if exchange is None:
            value = None
        elif self._field == "model":
            value = exchange.model or exchange.model_asked
        else:
            value = dict(exchange.tags or ()).get(self._field)
        return self._numbers.get(value or OTHER, len(self._numbers) - 1)


METRICS = ("evidence", "threshold", "alarm", "alarm_timestamp_seconds", "change_timestamp_seconds")


def _key(name: str) -> str:
    """Names may hold any sign, keys of the state may not."""
    return blake2b(name.encode(), digest_size=8).hexdigest()
