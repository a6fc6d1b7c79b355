"""Keeps the process up whatever happens to the worker, says why it is down, and starts it again with back-off."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.board import Board

log = logging.getLogger(__name__)

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0


class KnownError(Exception):
    """Something that the user can put right: a reason of `agent.board.DOWN_REASONS`, and a message that says how."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def supervise(work: Callable[[Event], None], board: Board, stop: Event, *, stay_up: bool) -> None:
    """Run `work` until it ends by itself or `stop` is set.

    Parameters
    ----------
    work : callable
        Builds a worker from scratch and runs it; it takes up the state of the last checkpoint.
    board : Board
    stop : Event
    stay_up : bool
        Whether a `KnownError` is waited out too (a sidecar must not hold its pod back) instead of being raised.

    Raises
    ------
    KnownError
        At the first attempt, unless `stay_up`.
    """
    wait, raised = FIRST_WAIT_SECONDS, not stay_up
    while not stop.is_set():
        began = time.monotonic()
        try:
            work(stop)
            break
        except KnownError as error:
            if raised:
                raise
            log.error("%s: %s", error.reason, error)  # noqa: TRY400 - the message says all; a trace would not help
            board.down(error.reason)
        except Exception:
            log.exception("the worker failed; it starts again from its last checkpoint in %g s", wait)
            board.down("crashed")
        if time.monotonic() - began > LONGEST_WAIT_SECONDS:
            wait = FIRST_WAIT_SECONDS  # it had worked: this is a new trouble
        board.count("offmap_worker_restarts")
        board.beat()
        stop.wait(wait)
        wait, raised = min(2 * wait, LONGEST_WAIT_SECONDS), False
    board.down("stopped")
