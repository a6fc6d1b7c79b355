"""What other settings need from far away comes while those in force go on: fetching a profile can take minutes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Thread
from typing import TYPE_CHECKING

from agent.supervisor import KnownError

if TYPE_CHECKING:
    from config import Settings

log = logging.getLogger(__name__)

Prepare = Callable[["Settings", Callable[[], bool]], object]
"""Gets what the settings need; asks again and again whether to go on."""


class Ahead(Thread):
    """Prepares for settings, on a thread of its own from the start.

    Parameters
    ----------
    settings : Settings
    prepare : callable
    going_on : callable

    Attributes
    ----------
    settings : Settings
    error : KnownError or None
        Why it could not be done, once the thread has ended.
    """

    def __init__(self, settings: Settings, prepare: Prepare, going_on: Callable[[], bool]) -> None:
        super().__init__(name="offmap-ahead", daemon=True)
        self.settings = settings
        self.error: KnownError | None = None
        self._prepare, self._going_on = prepare, going_on
        self.start()

    def run(self) -> None:
        """Prepare; called by the thread."""
        try:
            self._prepare(self.settings, self._going_on)
        except KnownError as error:
            self.error = error
        except Exception:
            log.exception("the new configuration does not work")
            self.error = KnownError("crashed", "the agent failed with it")
