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


class PassingError(KnownError):
    """One that may pass by itself, such as a server that does not answer: waited out whoever runs the agent."""


def supervise(
    work: Callable[[], None],
    board: Board,
    stop: Event,
    *,
    stay_up: bool,
    pause: Callable[[float], object] | None = None,
) -> None:
    """Run `work` until it ends by itself or `stop` is set.

    Parameters
    ----------
    work : callable
        Builds a worker from scratch and runs it; it takes up the state of the last checkpoint.
    board : Board
    stop : Event
    stay_up : bool
        Whether a `KnownError` is waited out too (a sidecar must not hold its pod back) instead of being raised.
    pause : callable, optional
        How it waits between two attempts, in seconds; for `stop` unless given.

    Raises
    ------
    KnownError
        At the first attempt, unless `stay_up`.
    """
    wait, raised = FIRST_WAIT_SECONDS, not stay_up
    while not stop.is_set():
        began = time.monotonic()
        try:
            work()
            break
        except KnownError as error:
            if raised and not isinstance(error, PassingError):
                raise
            log.error("%s: %s", error.reason, error)  # noqa: TRY400 - the message says all; a trace would not help
            board.down(error.reason)
        except Exception:
            log.exception("the worker failed; it starts again from its last checkpoint in %g s", wait)
            board.down("crashed")
            board.count("offmap_worker_restarts")
        if time.monotonic() - began > LONGEST_WAIT_SECONDS:
            wait = FIRST_WAIT_SECONDS  # it had worked: this is a new trouble
        board.beat()
        (pause or stop.wait)(wait)
        wait, raised = min(2 * wait, LONGEST_WAIT_SECONDS), False
    board.down("stopped")
