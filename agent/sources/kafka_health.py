"""Why Kafka is not being read: the fixed list of statuses, and the signals they are told from."""

from __future__ import annotations

import logging
import math
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


class ClientLog(logging.Handler):
    """Stands between the client's loggers and ours: hears what only the log tells, lets each complaint through once.

    A wrong password is said nowhere else; a broker that is away is complained of several times a second, for hours; and
    at DEBUG the client logs whole messages, so that level stays off.
    """

    RECENT_SECONDS = 10.0
    QUIET_SECONDS = 60.0

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._refused_at = -self.RECENT_SECONDS
        self._said: dict[tuple[str, str], float] = {}
        self._logger = logging.getLogger("kafka")
        self._logger.setLevel(logging.WARNING)
        self._logger.propagate = False
        self._logger.addHandler(self)

    @property
    def refused(self) -> bool:
        """Whether a broker has turned us away of late; the client tries again every second."""
        return time.monotonic() - self._refused_at < self.RECENT_SECONDS

    def emit(self, record: logging.LogRecord) -> None:
        """Take one line of the client's log."""
        now, message = time.monotonic(), record.getMessage()
        # a broker that does not know the mechanism just hangs up
        if "Authentication failed" in message or ("<authenticating>" in message and "Closing connection" in message):
            self._refused_at = now
        key = (record.name, str(record.msg))
        if now - self._said.get(key, -self.QUIET_SECONDS) >= self.QUIET_SECONDS:
            self._said = {known: at for known, at in self._said.items() if now - at < self.QUIET_SECONDS} | {key: now}
            logging.getLogger().handle(record)

    def close(self) -> None:
        """Leave the client's log as it was."""
        self._logger.removeHandler(self)
        self._logger.propagate = not any(isinstance(each, ClientLog) for each in self._logger.handlers)
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
        self._until = -math.inf

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
