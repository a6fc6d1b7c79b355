"""One side of the exchange, prompt or response: scores its texts against the reference, and shows them to watchers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agent.metric_row import BANDS, LENGTHS
from agent.scripts import SCRIPTS, count_scripts
from agent.watch import Measured, SideScores, Watcher, Watchers
from detectors.reference import text_tokens
from detectors.sessions import RecentSessions
from detectors.vectors import text_vectors

if TYPE_CHECKING:
    from agent.records import Encoded, StateReducer
    from agent.tally import State, Tally
    from agent.words import RareWords
    from detectors.reference import Reference
    from detectors.style import StyleReference


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
    style : StyleReference or None
        Scores the style too: the second channel, with a watcher of its own among `watchers`.
    """

    def __init__(
        self,
        name: str,
        reference: Reference,
        max_chunks: int,
        watchers: Mapping[str, Watcher],
        why: RareWords | None = None,
        style: StyleReference | None = None,
    ) -> None:
        self.name = name
        self.max_chunks = max_chunks
        self._reference = reference
        self.watchers = watchers
        self._watching = Watchers(watchers)
        self._why, self._style = why, style
        self._sessions = RecentSessions()

    @property
    def reduce(self) -> StateReducer | None:
        """What the embedder is to make of each chunk's states for `score`; None where they are not looked at."""
        return None if self._style is None else self._style.of_chunk

    def score(self, encoded: Encoded, texts: Sequence[str | None]) -> SideScores:
        """Score texts, embedded as `encoded`; a pure function of the texts."""
        n = len(texts)
        scores = self._reference.score(encoded.layers, encoded.owner, n)
        tokens = text_tokens(encoded.tokens, encoded.owner, n)
        p_values = self._reference.p_values(scores.novelty, tokens)
        vectors = text_vectors(encoded.layers[:, -1], encoded.owner, n)
        words = None if self._why is None else self._why.of(texts, p_values)
        found = SideScores(
            scores.novelty, p_values, scores.cell, vectors, words, tokens=tokens, region=np.zeros(n, np.int32)
        )
        if self._style is None or encoded.reduced is None:
            return found
        style = self._style.novelty(np.array(encoded.reduced, dtype=np.float64), encoded.owner, n)
        return found._replace(style_novelty=style, style_p_value=self._style.p_values(style, tokens))

    def tell_bursts(self, scores: SideScores, sessions: npt.NDArray[np.int64]) -> SideScores:
        """Say which of the texts, of these sessions (n,), −1 for none, begin a block of their session."""
        begins = scores.cell >= 0
        begins[begins] = self._sessions.begins(sessions[begins])
        return scores._replace(begins=begins)

    def update(
        self, times: npt.NDArray[np.float64], scores: SideScores, tally: Tally, texts: Sequence[str | None] = ()
    ) -> None:
        """Count what was scored. `times` are event times in seconds, shape (n,), NaN where unknown."""
        known = scores.cell >= 0
        if not known.any():
            return
        scripts = count_scripts([text for text, has in zip(texts, known.tolist(), strict=False) if has and text])
        for script, count in zip(SCRIPTS, scripts.tolist(), strict=True):
            if count:
                tally.add("offmap_script_texts", (self.name, script), count)
        scored = scores if known.all() else scores.at(known)
        tally.observe("offmap_p_value", (self.name,), scored.p_value)
        tally.observe("offmap_novelty", (self.name,), scored.novelty)
        self._count_lengths(scored, tally)
        tally.add("offmap_session_blocks", (self.name,), len(scored.blocks()))
        self._watching.update(times[known], scored, tally)
        if scores.region is not None and scored.region is not None:
            scores.region[known] = scored.region

    def measure(self) -> Measured:
        """Return what all watchers measure."""
        return self._watching.measure()

    def get_state(self) -> State:
        """Return the sessions, and the state of all watchers, as arrays."""
        return {"sessions": self._sessions.get_state(), **self._watching.get_state()}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`; a watcher that was not there before begins now."""
        if (sessions := state.get("sessions")) is not None:  # a checkpoint from before they were told has none
            self._sessions.set_state(sessions)
        self._watching.set_state(state)

    def _count_lengths(self, scores: SideScores, tally: Tally) -> None:
        if scores.tokens is None:
            return
        lengths, bands = np.searchsorted(LENGTHS, scores.tokens), np.searchsorted(BANDS, scores.p_value)
        for (length, band), count in Counter(zip(lengths.tolist(), bands.tolist(), strict=True)).items():
            tally.add("offmap_length_texts", (self.name, _LENGTHS[length], f"{BANDS[band]:g}"), count)


_LENGTHS = [*map(str, LENGTHS), "inf"]
