"""What watches one side of the traffic: what every watcher takes and gives, and the simplest ones."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from agent.tally import Labels, Sample, State, Tally

Floats = npt.NDArray[np.float64]
Measured = dict[str, dict["Labels", "Sample"]]


class SideScores(NamedTuple):
    """Scores of n texts; NaN (cell −1) where a text had nothing to embed. Shapes (n,).

    `vector`, shape (n, d), is each text's own: see `detectors.vectors.text_vectors`. `words`, where somebody asks for
    them, are tuples of each text's rare words (`agent.words.RareWords`): for reports, never for state or metrics.
    `begins` says which texts begin a block of their session (`detectors.sessions`): what assumes that texts do not
    depend on each other takes those only; None where all do. `style_novelty` and `style_p_value` are of the style
    channel, where there is one. `tokens` is how many word pieces of each text were embedded. `region` is written by the
    watcher of regions: 1 for r1 and so on, 0 for none that has a name.
    """

    novelty: Floats
    p_value: Floats
    cell: npt.NDArray[np.int32]
    vector: npt.NDArray[np.float16]
    words: npt.NDArray[np.object_] | None = None
    begins: npt.NDArray[np.bool_] | None = None
    style_novelty: Floats | None = None
    style_p_value: Floats | None = None
    tokens: npt.NDArray[np.int64] | None = None
    region: npt.NDArray[np.int32] | None = None

    def at(self, chosen: npt.NDArray[Any]) -> SideScores:
        """Return those of the texts at these indices, or where this mask is true."""
        return SideScores(*(None if each is None else each[chosen] for each in self))  # type: ignore[arg-type]

    def blocks(self) -> npt.NDArray[np.int64]:
        """Return the indices of the texts that begin a block of their session."""
        return np.arange(len(self.cell)) if self.begins is None else np.flatnonzero(self.begins)


class Watcher(Protocol):
    """Takes what was scored, in order, and measures; its state is bounded. A new one is a class and a row."""

    def update(self, times: Floats, scores: SideScores, tally: Tally) -> None:
        """Take n texts that were scored; `times` are event times in seconds, NaN where unknown."""

    def measure(self) -> Measured:
        """Return metric name → labels → value; what is not known is absent."""

    def get_state(self) -> State:
        """Return all that `update` changes, as arrays."""

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`, or begin anew where that was of another shape."""


class Watchers:
    """Several watchers as one.

    Parameters
    ----------
    watchers : mapping of str to Watcher
        By the name that their state is saved under.
    """

    def __init__(self, watchers: Mapping[str, Watcher]) -> None:
        self._watchers = watchers

    def update(self, times: Floats, scores: SideScores, tally: Tally) -> None:
        """Have it watched by each."""
        for watcher in self._watchers.values():
            watcher.update(times, scores, tally)

    def measure(self) -> Measured:
        """Return what all measure."""
        found: Measured = {}
        for watcher in self._watchers.values():
            for name, samples in watcher.measure().items():
                found.setdefault(name, {}).update(samples)
        return found

    def get_state(self) -> State:
        """Return the state of all, as arrays."""
        return {
            f"{name}/{key}": array
            for name, watcher in self._watchers.items()
            for key, array in watcher.get_state().items()
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`; a watcher that was not there before begins now."""
        for name, watcher in self._watchers.items():
            if part := below(state, f"{name}/"):
                watcher.set_state(part)


class CellsVisited:
    """How many texts fell into each cell of the reference.

    Parameters
    ----------
    side : str
    n_cells : int
    """

    def __init__(self, side: str, n_cells: int) -> None:
        self._side = side
        self._hits = np.zeros(n_cells, dtype=np.int64)

    def update(self, _times: Floats, scores: SideScores, _tally: Tally) -> None:
        """Count."""
        np.add.at(self._hits, scores.cell, 1)

    def measure(self) -> Measured:
        """Return the number of cells, and of those visited."""
        return {
            "offmap_cells": {(self._side,): float(len(self._hits))},
            "offmap_cells_hit": {(self._side,): float(np.count_nonzero(self._hits))},
        }

    def get_state(self) -> State:
        """Return the counts."""
        return {"hits": self._hits.copy()}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on, if the reference has as many cells."""
        if state["hits"].shape == self._hits.shape:
            self._hits = state["hits"].astype(np.int64)


def acknowledgement(word: str) -> npt.NDArray[np.uint8]:
    """Return a hash of the user's word of acknowledgement, for a watcher's state.

    >>> acknowledgement("monday").shape, bool((acknowledgement("monday") == acknowledgement("tuesday")).all())
    ((8,), False)
    """
    return np.frombuffer(blake2b(word.encode(), digest_size=8).digest(), dtype=np.uint8)


def below(state: Mapping[str, npt.NDArray[Any]], prefix: str) -> State:
    """Return the part of a state under a prefix, without it."""
    return {key.removeprefix(prefix): array for key, array in state.items() if key.startswith(prefix)}
