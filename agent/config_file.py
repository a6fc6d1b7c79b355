"""The file with the settings of `offmap run`, and whether it holds something else than when it was read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from config import ConfigError, load_settings

if TYPE_CHECKING:
    from config import Settings

_NOTHING = b"\0"  # no file with settings


class ConfigFile:
    """The file with the settings, and whether it holds something else than when it was read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: bytes | None = None

    def load(self) -> Settings:
        """Read and check the settings of `offmap run`.

        Raises
        ------
        ConfigError
            Whatever is wrong, a fault of our own included: it must neither end a sidecar nor the work in hand.
        """
        self._seen = self._content()
        try:
            return load_settings(self.path, needs=("kafka",))
        except ConfigError:
            raise
        except Exception as error:
            raise ConfigError([f"the agent fails with it ({type(error).__name__})"], source=str(self.path)) from error

    def changed(self) -> bool:
        """Compare what the file holds now; a mounted ConfigMap changes by a link to another folder."""
        return self._content() != self._seen

    def forget(self) -> None:
        """Have what the file holds taken for something else than before."""
        self._seen = _NOTHING

    def _content(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except OSError:
            return None
