"""One side of the exchange, prompt or response: scores its texts against the reference, and shows them to watchers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agent.watch import Measured, SideScores, Watcher, below
from detectors.reference import text_tokens
from detectors.sessions import RecentSessions
from detectors.vectors import text_vectors

if TYPE_CHECKING:
    from agent.records import Encoded
    from agent.tally import State, Tally
    from agent.words import RareWords
    from detectors.reference import Reference


class Side:
    """Scores texts of one side, counts them, and has them watched.

    Parameters
    ----------
    name : str
        "prompt" or "response": the value of the label `side`.
    reference : Reference
    max_chunks : int
        Chunks embedded of a long text.
    watchers : mapping of str to Watcher
        By the name that their state is saved under.
    why : RareWords or None
        Names the words that make a text novel, where somebody asks for them.
    """

    def __init__(
        self,
        name: str,
        reference: Reference,
        max_chunks: int,
        watchers: Mapping[str, Watcher],
        why: RareWords | None = None,
    ) -> None:
        self.name = name
        self.max_chunks = max_chunks
        self._reference = reference
        self.watchers = watchers
        self._why = why
        self._sessions = RecentSessions()

    def score(self, encoded: Encoded, texts: Sequence[str | None]) -> SideScores:
        """Score texts, embedded as `encoded`; a pure function of the texts."""
        n = len(texts)
        scores = self._reference.score(encoded.layers, encoded.owner, n)
        p_values = self._reference.p_values(scores.novelty, text_tokens(encoded.tokens, encoded.owner, n))
        vectors = text_vectors(encoded.layers[:, -1], encoded.owner, n)
        words = None if self._why is None else self._why.of(texts, p_values)
        return SideScores(scores.novelty, p_values, scores.cell, vectors, words)

    def tell_bursts(self, scores: SideScores, sessions: npt.NDArray[np.int64]) -> SideScores:
        """Say which of the texts, of these sessions (n,), −1 for none, begin a block of their session."""
        begins = scores.cell >= 0
        begins[begins] = self._sessions.begins(sessions[begins])
        return scores._replace(begins=begins)

    def update(self, times: npt.NDArray[np.float64], scores: SideScores, tally: Tally) -> None:
        """Count what was scored. `times` are event times in seconds, shape (n,), NaN where unknown."""
        known = scores.cell >= 0
        if not known.any():
            return
        scored = scores if known.all() else scores.at(known)
        tally.observe("offmap_p_value", (self.name,), scored.p_value)
        tally.observe("offmap_novelty", (self.name,), scored.novelty)
        tally.add("offmap_session_blocks", (self.name,), len(scored.blocks()))
        for watcher in self.watchers.values():
            watcher.update(times[known], scored, tally)

    def measure(self) -> Measured:
        """Return what all watchers measure."""
        found: Measured = {}
        for watcher in self.watchers.values():
            for name, samples in watcher.measure().items():
                found.setdefault(name, {}).update(samples)
        return found

    def get_state(self) -> State:
        """Return the sessions, and the state of all watchers, as arrays."""
        watched = {
            f"{name}/{key}": array
            for name, watcher in self.watchers.items()
            for key, array in watcher.get_state().items()
        }
        return {"sessions": self._sessions.get_state(), **watched}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`; a watcher that was not there before begins now."""
        if (sessions := state.get("sessions")) is not None:  # a checkpoint from before they were told has none
            self._sessions.set_state(sessions)
        for name, watcher in self.watchers.items():
            if part := below(state, f"{name}/"):
                watcher.set_state(part)
