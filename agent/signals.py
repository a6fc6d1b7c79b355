"""SIGTERM and SIGINT: a wish to end, with a time by which it is over."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stopped_by_signals(grace_seconds: float) -> Iterator[threading.Event]:
    """Set an event on SIGTERM and SIGINT; what is not done within the grace is left to the next start.

    Leaving by force is safe: the last checkpoint stands, and what came after it is read again.
    """
    stop = threading.Event()
    leave = threading.Timer(grace_seconds, os._exit, (1,))
    leave.daemon = True

    def on_signal(_number: int, _frame: object) -> None:
        if not stop.is_set():
            stop.set()
            leave.start()

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        leave.cancel()
        for number, handler in previous.items():
            signal.signal(number, handler)
