"""Which sessions have been seen lately, so that each counts once."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

SESSIONS = 4096
"""Sessions remembered."""


class RecentSessions:
    """The last `SESSIONS` sessions.

    Examples
    --------
    >>> RecentSessions().repeated(np.array([7, 8, 7, -1, -1])).tolist()
    [False, False, True, False, False]
    """

    def __init__(self) -> None:
        self._order: deque[int] = deque()
        self._seen: set[int] = set()

    def repeated(self, sessions: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Whether each message's session (n,) has been seen; negative ones are none and never have."""
        return np.array([self._repeats(session) for session in sessions.tolist()], dtype=np.bool_)

    def get_state(self) -> npt.NDArray[np.int64]:
        """Return the sessions in order of their first message."""
        return np.array(self._order, dtype=np.int64)

    def set_state(self, state: npt.NDArray[np.int64]) -> None:
        """Go on from `get_state`."""
        self._order = deque(state.tolist())
        self._seen = set(self._order)

    def _repeats(self, session: int) -> bool:
        if session < 0:
            return False
        if session in self._seen:
            return True
        self._seen.add(session)
        self._order.append(session)
        if len(self._order) > SESSIONS:
            self._seen.discard(self._order.popleft())
        return False
