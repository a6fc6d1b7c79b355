"""Whether answers narrow, repeat themselves, replay training or lose their tails, given what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.blocks import BLOCK, spans
from detectors.measurement import Measurement
from detectors.near import Whole, unlike
from detectors.pair_measures import Pairs, excess, narrowing, narrowing_variance
from detectors.pair_reference import SIGNS, Flags, Floats, PairReference, Usual

SAME_PROMPT = np.float32(0.95)
"""Prompts of larger cosine are one and the same question: only the first of them counts in a window."""

PATIENCE = 16
"""A window that is not full after so many times its size is given up: what is asked hardly varies."""

DOWN = frozenset({"diversity", "tail"})
"""What falls in a collapse; everything else rises."""

METRICS = ("diversity", "likeness", *(name for name in SIGNS))


class CollapseWindow:
    """Measures each full window of exchanges with different prompts, of each size that the reference knows.

    Measurements, each with the size as its field: for each of `METRICS` ``NAME`` (D and A less what training windows
    reach; the share of a sign), ``NAME_z`` (the difference to what is expected in standard errors); for signs also
    ``NAME_expected``. Those of `DOWN` fall in a collapse, the others rise. ``NAME_alarm`` (no field) is 1 once the z of
    two full windows of one size in a row have passed the threshold that way: windows come all day, and one of them does
    by chance before long. Verbatim answers alarm as echoes do and have none.

    Parameters
    ----------
    reference : PairReference
    threshold : float
        z at which a metric alarms, the second time in a row.

    Attributes
    ----------
    alarms : ndarray of int64, shape (6,)
        The number of the exchange that made each of `METRICS` alarm, counted from 1; 0 for none.
    """

    def __init__(self, reference: PairReference, threshold: float = 4.0) -> None:
        self.reference, self.threshold = reference, threshold
        nothing = Whole(np.zeros((0, reference.dim), np.int8), np.zeros(0, np.float32))
        self._empty = Pairs(nothing, nothing, np.zeros(0, np.int64), np.zeros((0, len(SIGNS)), np.bool_))
        self._window = self._empty
        self._seen, self._waited = 0, 0
        self.alarms = np.zeros(len(METRICS), dtype=np.int64)
        self._found = np.full((len(reference.usual), 3, len(METRICS)), np.nan)  # value, z, expected

    def update(self, pairs: Pairs) -> None:
        """Take in exchanges, in order; how they are cut into batches does not matter."""
        for where in spans(len(pairs.cell), BLOCK):
            block = pairs.take(where)
            while len(block.cell):
                block = block.take(slice(self._fill(block), None))

    def measure(self) -> list[Measurement]:
        """Return what the last full window of each size says, and the alarms."""
        found = []
        for usual, (values, scores, expected) in zip(self.reference.usual, self._found, strict=True):
            for name, value, z, usually in zip(METRICS, values, scores, expected, strict=True):
                measured = {name: value, f"{name}_z": z, f"{name}_expected": usually}
                known = {key: float(each) for key, each in measured.items() if np.isfinite(each)}
                found += [Measurement(key, each, usual.n, str(usual.n)) for key, each in known.items()]
        alarms = {name: at for name, at in zip(METRICS, self.alarms, strict=True) if name != "verbatim"}
        return found + [Measurement(f"{name}_alarm", float(at > 0), self._seen) for name, at in alarms.items()]

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that `update` changes: the vectors of the window that is filling, as whole numbers."""
        return {
            "prompts": self._window.prompts.rows,
            "responses": self._window.responses.rows,
            "cell": self._window.cell,
            "signs": self._window.signs,
            "numbers": np.array([self._seen, self._waited]),
            "alarms": self.alarms.copy(),
            "found": self._found.copy(),
            "sizes": np.array([usual.n for usual in self.reference.usual]),
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Go on from `get_state`; False, and nothing changed, where that had other windows."""
        mine = self.get_state()
        if not np.array_equal(state["sizes"], mine["sizes"]) or state["alarms"].shape != self.alarms.shape:
            return False
        prompts, responses = (Whole.from_rows(state[name]) for name in ("prompts", "responses"))
        self._window = Pairs(prompts, responses, state["cell"].astype(np.int64), state["signs"].astype(np.bool_))
        self._seen, self._waited = state["numbers"].tolist()
        self.alarms, self._found = state["alarms"].copy(), state["found"].copy()
        return True

    def _fill(self, block: Pairs) -> int:
        """Take in the block's exchanges up to the one that fills the window; return how many that were."""
        room = self.reference.usual[-1].n - len(self._window.cell)
        patience = PATIENCE * self.reference.usual[-1].n - self._waited
        block = block.take(slice(patience))
        fresh = unlike(block.prompts, self._window.prompts, SAME_PROMPT)
        taken = int(np.flatnonzero(fresh)[room - 1]) + 1 if fresh.sum() >= room else len(fresh)
        fresh[taken:] = False
        before = len(self._window.cell)
        self._window = self._window.joined(block.take(fresh))
        places = self._seen + 1 + np.flatnonzero(fresh)
        for k, usual in enumerate(self.reference.usual):
            for end in range((before // usual.n + 1) * usual.n, len(self._window.cell) + 1, usual.n):
                self._look(k, usual, self._window.take(slice(end - usual.n, end)), int(places[end - before - 1]))
        self._seen += taken
        self._waited += taken
        if len(self._window.cell) == self.reference.usual[-1].n or taken == patience:
            self._window, self._waited = self._empty, 0
        return taken

    def _look(self, k: int, usual: Usual, pairs: Pairs, place: int) -> None:
        """Measure a full window of one size; what the one before it said too is an alarm."""
        values, scores, expected = self._found[k]
        before = self._beyond(scores)
        found, signs = narrowing(pairs, self.reference), excess(pairs, self.reference)
        values[:2] = found.values - usual.mean
        scores[:2] = values[:2] / np.sqrt(narrowing_variance(found, usual, self.reference.yielding))
        values[2:], expected[2:] = signs.share, signs.expected
        scores[2:] = (signs.share - signs.expected) / signs.error
        self.alarms[before & self._beyond(scores) & (self.alarms == 0)] = place

    def _beyond(self, scores: Floats) -> Flags:
        """Say which of `METRICS` lie off so far towards a collapse; NaN does not."""
        towards = np.where([name in DOWN for name in METRICS], -scores, scores) >= self.threshold
        towards[METRICS.index("verbatim")] = False
        return towards
