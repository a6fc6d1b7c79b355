"""Which texts begin a session, or a block of a long one: texts of a burst depend on each other and count once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SESSIONS = 4096
"""Sessions remembered."""

BLOCK = 64
"""Texts of one session that count once: more would blind us where a producer gives all its traffic one session."""


class RecentSessions:
    """The last `SESSIONS` sessions, and how many texts each has brought.

    Examples
    --------
    >>> RecentSessions().begins(np.array([7, 8, 7, -1, -1])).tolist()
    [True, True, False, True, True]
    """

    def __init__(self) -> None:
        self._texts: dict[int, int] = {}

    def begins(self, sessions: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Whether each text, of these sessions (n,), begins a block; one of none, a negative number, always does."""
        return np.array([session < 0 or self._begins(session) for session in sessions.tolist()], dtype=np.bool_)

    def get_state(self) -> npt.NDArray[np.int64]:
        """Return the sessions in order of their first text, and their texts: shape (k, 2)."""
        return np.array(list(self._texts.items()), dtype=np.int64).reshape(-1, 2)

    def set_state(self, state: npt.NDArray[np.int64]) -> None:
        """Go on from `get_state`."""
        self._texts = dict(state.tolist())

    def _begins(self, session: int) -> bool:
        before = self._texts.get(session, 0)
        self._texts[session] = before + 1
        if len(self._texts) > SESSIONS:
            del self._texts[next(iter(self._texts))]
        return before % BLOCK == 0
