"""Why Kafka is not being read: the fixed list of statuses, and the signals they are told from."""

from __future__ import annotations

import logging
import time

STATUSES: dict[str, str] = {
    "ok": "partitions are assigned and polled",
    "starting": "the group has not been joined yet",
    "no_partitions": "member of the group, but other members have all partitions: standing by",
    "broker_unreachable": "no broker answers; tried again for as long as it takes",
    "broker_authentication": "a broker refuses the user name, the password or the mechanism",
    "broker_tls": "a broker's certificate, or one of the PEM files, is not accepted",
    "broker_forbidden": "the user may not read the topic or use the group",
    "topic_missing": "a topic that is asked for does not exist",
    "poll_failed": "the client failed and is being made anew",
}
"""Every value of a Kafka source's `status`, and what it means."""


class AuthenticationWatch(logging.Handler):
    """Listens to the client's log: the one place where it says that a password is wrong."""

    RECENT_SECONDS = 10.0

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._refused_at = -self.RECENT_SECONDS
        self._logger = logging.getLogger("kafka.conn")
        self._logger.addHandler(self)

    @property
    def refused(self) -> bool:
        """Whether a broker has turned us away of late; the client tries again every second."""
        return time.monotonic() - self._refused_at < self.RECENT_SECONDS

    def emit(self, record: logging.LogRecord) -> None:
        """Take one line of the client's log."""
        message = record.getMessage()
        # a broker that does not know the mechanism just hangs up
        if "Authentication failed" in message or ("<authenticating>" in message and "Closing connection" in message):
            self._refused_at = time.monotonic()

    def close(self) -> None:
        """Stop listening."""
        self._logger.removeHandler(self)
        super().close()


class Backoff:
    """How long to wait before the next try: doubling, and forgotten after a minute without failure.

    Examples
    --------
    >>> backoff = Backoff()
    >>> [backoff.failed(now) for now in (0.0, 1.0, 2.0, 100.0)]
    [0.5, 1.0, 2.0, 0.5]
    """

    FIRST, LONGEST, FORGET = 0.5, 15.0, 60.0

    def __init__(self) -> None:
        self._delay = 0.0
        self._until = -self.FORGET

    def failed(self, now: float) -> float:
        """Count a failure at `now` (monotonic seconds) and return the seconds to wait."""
        fresh = now - self._until > self.FORGET
        self._delay = self.FIRST if fresh else min(2 * self._delay, self.LONGEST)
        self._until = now + self._delay
        return self._delay

    def wait(self, longest: float) -> bool:
        """Sleep until the next try is due, `longest` seconds at most; return whether it is due."""
        left = self._until - time.monotonic()
        time.sleep(max(0.0, min(left, longest)))
        return left <= longest
