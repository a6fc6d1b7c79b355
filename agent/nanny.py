"""Keeps a sidecar's container up whatever happens to the process that works: native code may end it, or hang in it.

A container that is down makes its Pod unready, and the model server in it with it.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from agent.logs import set_up_logging
from agent.supervisor import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.board import Board

log = logging.getLogger(__name__)

HUNG_SECONDS = 600.0
"""Without a sign of life for so long, nothing but a new process helps."""

LOOK_SECONDS = 5.0


def keep_running() -> int:
    """Go on in a child process, and start another where it is ended by anything but its own will.

    Returns
    -------
    int
        In the child: how many there were before. The parent does not return: it ends with the child, by its status.
    """
    stop, children = Event(), [0]

    def pass_on(number: int, _frame: object) -> None:
        if number != signal.SIGHUP:
            stop.set()
        if children[0]:
            os.kill(children[0], number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    wait, restarts = FIRST_WAIT_SECONDS, 0
    while True:
        began = time.monotonic()
        if not (child := os.fork()):
            for number, handler in before.items():
                signal.signal(number, handler)
            return restarts
        children[0] = child
        if stop.is_set():  # told so just before there was a child to tell
            os.kill(child, signal.SIGTERM)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        children[0] = 0
        if status == 0 or stop.is_set():
            sys.exit(max(status, 0))  # below 0: it had no time yet to listen for the signal
        wait = FIRST_WAIT_SECONDS if time.monotonic() - began > LONGEST_WAIT_SECONDS else wait
        set_up_logging("info", "json")
        log.error("the agent's process ended (%s); another starts in %g s", _words(status), wait)
        if stop.wait(wait):
            sys.exit(0)
        wait, restarts = min(2 * wait, LONGEST_WAIT_SECONDS), restarts + 1


@contextmanager
def watched(board: Board) -> Iterator[None]:
    """In the child: end the process where its worker hangs, or where the parent is gone."""
    parent, over = os.getppid(), Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            if board.stuck(HUNG_SECONDS) or os.getppid() != parent:
                log.error("the worker hangs, or its parent is gone: the process ends")
                os._exit(1)

    Thread(target=look, name="offmap-watch", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _words(status: int) -> str:
    return f"status {status}" if status > 0 else f"signal {-status}"
