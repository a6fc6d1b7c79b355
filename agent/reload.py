"""Another configuration without a restart: looked for while working, checked first, taken up whole or not at all."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from agent.ahead import Ahead
from agent.logs import set_up_logging
from agent.supervisor import KnownError, PassingError
from config import ConfigError

if TYPE_CHECKING:
    from threading import Event

    from agent.ahead import Prepare
    from agent.board import Board
    from agent.config_file import ConfigFile
    from config import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often the file is looked at."""

AGAIN_SECONDS = 30.0
"""How long until a configuration whose profile does not come is tried again."""

FIXED = ("server.host", "server.port", "checkpoint.path", "shutdown.grace_seconds")
"""What one process keeps: its address, and the state without which its counters would step back."""

Made = TypeVar("Made")


class Reload:
    """The settings in force, and the ones that are to follow them. Used by the working thread alone.

    To a worker this is the event that ends it: set when the process is told to stop, or other settings are there.

    Parameters
    ----------
    settings : Settings
        In force at first.
    file : ConfigFile or None
        None: they stay.
    stop, hangup : Event
        Set by signals; the latter asks for a reload even where the file is the same, such as for a new profile.
    board : Board
    prepare : callable, optional
        Fetches the profile that other settings name, before the work in hand ends for them.

    Attributes
    ----------
    settings : Settings
        In force now.
    """

    def __init__(
        self,
        settings: Settings,
        file: ConfigFile | None,
        stop: Event,
        hangup: Event,
        board: Board,
        prepare: Prepare = lambda _settings, _going_on: None,
    ) -> None:
        self.settings = settings
        self._file = file
        self._stop, self._hangup = stop, hangup
        self._board = board
        self._prepare = prepare
        self._ahead: Ahead | None = None
        self._next: Settings | None = None
        self._look_at = 0.0
        self._taken_up()

    @property
    def pending(self) -> bool:
        """Whether other settings wait to be taken up."""
        return self._next is not None

    def is_set(self) -> bool:
        """Whether the worker is to end."""
        return self._stop.is_set() or self.pending or self._look()

    def wait(self, seconds: float, /) -> bool:
        """Wait so long, or until the worker is to end; whether it is."""
        end = time.monotonic() + seconds
        while not self.is_set() and (left := end - time.monotonic()) > 0:
            self._stop.wait(min(left, LOOK_SECONDS))
        return self.is_set()

    def build(self, make: Callable[[Settings], Made]) -> Made:
        """Make something from the settings that follow; where that fails, from those in force, which then stay."""
        following, self._next = self._next, None
        if following is not None:
            try:
                made = make(following)
            except KnownError as error:
                self._refuse(str(error))
            except Exception:
                log.exception("the new configuration does not work")
                self._refuse("the agent failed with it")
            else:
                self.settings = following
                self._taken_up()
                return made
        return make(self.settings)

    def _look(self) -> bool:
        """Look at the file when it is time to; whether there are other settings that can be used."""
        asked, now = self._hangup.is_set(), time.monotonic()
        if self._file is None or (now < self._look_at and not asked):
            return False
        self._look_at = now + LOOK_SECONDS
        if self._ahead is not None and self._ahead.is_alive():
            return False
        ahead, self._ahead = self._ahead, None
        if asked:  # one that comes just now is for the next look
            self._hangup.clear()
        if asked or self._file.changed():
            self._read(self._file, even_if_equal=asked)
        elif ahead is not None:
            self._take(ahead, self._file)
        return self.pending

    def _read(self, file: ConfigFile, *, even_if_equal: bool) -> None:
        try:
            found = file.load()
        except ConfigError as error:
            self._refuse(str(error))
            return
        fixed = [name for name in FIXED if _value(found, name) != _value(self.settings, name)]
        if fixed:
            self._refuse(f"{', '.join(fixed)}: cannot be changed without a restart")
        elif found == self.settings and not even_if_equal:
            self._taken_up()
        elif found.profile.url is None or _place(found) == _place(self.settings):
            self._next = found
        else:
            self._ahead = Ahead(found, self._prepare, lambda: not (self._stop.is_set() or file.changed()))

    def _take(self, ahead: Ahead, file: ConfigFile) -> None:
        if ahead.error is None:
            self._next = ahead.settings
            return
        self._refuse(str(ahead.error))
        if isinstance(ahead.error, PassingError):
            file.forget()
            self._look_at += AGAIN_SECONDS

    def _refuse(self, why: str) -> None:
        log.error("the new configuration is refused, the one before it goes on: %s", why)
        self._board.show("offmap_config_last_reload_successful", 0.0)

    def _taken_up(self) -> None:
        set_up_logging(self.settings.logging.level, self.settings.logging.format)
        self._board.show("offmap_config_last_reload_successful", 1.0)
        self._board.show("offmap_config_last_reload_success_timestamp_seconds", time.time())


def _place(settings: Settings) -> tuple[object, ...]:
    return settings.profile.path, settings.profile.sha256


def _value(settings: Settings, name: str) -> object:
    section, _, key = name.partition(".")
    return getattr(getattr(settings, section), key)
