"""What is kept of accepted traffic while it is replayed: how novel it is and when, and some of it in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agent.collapse_watch import observed
from detectors.collapse_accepted import accept_pairs, accepted_arrays
from detectors.collapse_fit import MOST_PAIRS
from detectors.crowd_fit import SAMPLE
from detectors.pair_measures import Pairs
from detectors.pair_reference import ACCEPTED

if TYPE_CHECKING:
    from agent.join_known import Known
    from agent.tally import State, Tally
    from agent.watch import Floats, Measured, SideScores
    from detectors.pair_reference import PairReference

Rows = npt.NDArray[np.float16]

STRETCH = 1_000
"""Texts of a stretch that is kept in order."""

STRETCHES = 30


class Recorder:
    """Watches without measuring, and keeps nothing across a restart: a replay has none."""

    def measure(self) -> Measured:
        """Return nothing."""
        return {}

    def get_state(self) -> State:
        """Return nothing."""
        return {}

    def set_state(self, _state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Do nothing."""


class RateRecorder(Recorder):
    """Keeps every p-value of both channels with its time; of a session's block the first, as the pager bets.

    `texts` counts all.
    """

    def __init__(self) -> None:
        self.texts = 0
        self._parts: list[Floats] = [np.zeros((3, 0))]

    def update(self, times: Floats, scores: SideScores, _tally: Tally) -> None:
        """Take in the texts' p-values."""
        self.texts += len(times)
        style = np.full(len(times), np.nan) if scores.style_p_value is None else scores.style_p_value
        self._parts.append(np.stack([times, scores.p_value, style])[:, scores.blocks()])

    def recorded(self) -> Floats:
        """Return times, p-values and those of the style channel (NaN without one), shape (3, n)."""
        return np.concatenate(self._parts, axis=1)


class PairRecorder(Recorder):
    """Keeps `MOST_PAIRS` of the exchanges that windows of answers are made of, drawn at random."""

    def __init__(self, reference: PairReference) -> None:
        self._reference = reference
        self._rng = np.random.default_rng(1)
        self._keys: list[Floats] = []
        self._pairs: list[Pairs] = []
        self._waiting = 0

    def update(self, known: Sequence[Known], _tally: Tally) -> None:
        """Take in whole exchanges."""
        seen = observed(self._reference, known)
        if seen is None:
            return
        self._keys.append(self._rng.random(len(seen[0])))
        self._pairs.append(seen[1])
        self._waiting += len(seen[0])
        if self._waiting >= 2 * MOST_PAIRS:
            self._draw()

    def over(self, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Return a profile's arrays with what they lead to expect, instead of what another baseline did."""
        found = {name: array for name, array in arrays.items() if not name.startswith(ACCEPTED)}
        if self._pairs:
            self._draw()
            if (accepted := accept_pairs(self._reference, self._pairs[0])) is not None:
                found |= {ACCEPTED + name: array for name, array in accepted_arrays(accepted).items()}
        return found

    def _draw(self) -> None:
        """Keep those with the smallest of the random numbers that each was given."""
        keys, pairs = np.concatenate(self._keys), reduce(Pairs.joined, self._pairs)
        kept = np.argsort(keys)[:MOST_PAIRS]
        self._keys, self._pairs, self._waiting = [keys[kept]], [pairs.take(kept)], len(kept)


class CrowdRecorder(Recorder):
    """Keeps the vectors of `SAMPLE` texts drawn at random, and of at most `STRETCHES` stretches of `STRETCH` in order.

    Of a session's block the first text, as the warnings see them. Memory is bounded, however long the traffic.
    """

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        self._drawn: list[tuple[Floats, Rows]] = []
        self._waiting = 0
        self._open: list[Rows] = []
        self._stretches: list[tuple[float, int, Rows]] = []  # a random number each, its place, its vectors
        self._n = 0

    def update(self, _times: Floats, scores: SideScores, _tally: Tally) -> None:
        """Take in the texts' vectors."""
        rows = scores.vector[scores.blocks()]
        self._drawn.append((self._rng.random(len(rows)), rows))
        self._waiting += len(rows)
        if self._waiting >= 2 * SAMPLE:
            self._draw()
        while len(rows):
            room = STRETCH - self._n % STRETCH
            self._open.append(rows[:room])
            self._n += len(rows[:room])
            rows = rows[room:]
            if self._n % STRETCH == 0:
                self._close()

    def vectors(self) -> Rows:
        """Return those that were drawn, shape (n, d), n ≥ 1."""
        self._draw()
        return self._drawn[0][1]

    def in_order(self) -> list[Rows]:
        """Return the stretches, those that follow on each other as one."""
        if self._open:
            self._close()
        found: list[list[Rows]] = []
        last = -2
        for _, place, rows in sorted(self._stretches, key=lambda each: each[1]):
            if place > last + 1:
                found.append([])
            found[-1].append(rows)
            last = place
        return [np.concatenate(rows) for rows in found]

    def _draw(self) -> None:
        """Keep the texts with the smallest of the random numbers that each was given."""
        keys, vectors = (np.concatenate(parts) for parts in zip(*self._drawn, strict=True))
        kept = np.argsort(keys)[:SAMPLE]
        self._drawn, self._waiting = [(keys[kept], vectors[kept])], len(kept)

    def _close(self) -> None:
        self._stretches.append((self._rng.random(), (self._n - 1) // STRETCH, np.concatenate(self._open)))
        self._open = []
        if len(self._stretches) > STRETCHES:
            self._stretches.remove(max(self._stretches, key=lambda each: each[0]))
