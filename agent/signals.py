"""What the process is told: SIGTERM and SIGINT to end, by a certain time; SIGHUP to read its configuration again."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stopped_by_signals(grace_seconds: float, hangup: threading.Event | None = None) -> Iterator[threading.Event]:
    """Set an event on SIGTERM and SIGINT; what is not done within the grace is left to the next start.

    Leaving by force is safe: the last checkpoint stands, and what came after it is read again.

    SIGHUP sets `hangup`; without one it does what it always does.
    """
    stop = threading.Event()
    leave = threading.Timer(grace_seconds, os._exit, (1,))
    leave.daemon = True

    def on_signal(number: int, _frame: object) -> None:
        if number == signal.SIGHUP and hangup is not None:
            hangup.set()
        elif not stop.is_set():
            stop.set()
            leave.start()

    wanted = [signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hangup is not None else [])]
    previous = {number: signal.signal(number, on_signal) for number in wanted}
    try:
        yield stop
    finally:
        leave.cancel()
        for number, handler in previous.items():
            signal.signal(number, handler)
