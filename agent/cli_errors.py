"""Which errors are the user's to put right, known by name: their modules are not imported for it."""

from __future__ import annotations

import sys

KNOWN = (
    ("agent.baseline", "BaselineError"),
    ("agent.checkpoint", "CheckpointError"),
    ("agent.durable", "OverwriteError"),
    ("agent.embedding.compile_load", "CompileError"),
    ("agent.embedding.session", "EmbedderError"),
    ("agent.fitting.errors", "FitError"),
    ("agent.profile", "ProfileError"),
    ("agent.replay", "ReplayError"),
    ("agent.server", "ServerError"),
    ("agent.sources.errors", "SourceError"),
    ("agent.supervisor", "KnownError"),
    ("config.errors", "ConfigError"),
)


def known_errors() -> tuple[type[BaseException], ...]:
    """Return the errors that end a command with a message. What was raised has its module loaded."""
    found = [getattr(sys.modules[module], name) for module, name in KNOWN if module in sys.modules]
    return (*found, OSError)


def explain(error: BaseException) -> str:
    """Return the message for the user.

    Examples
    --------
    >>> explain(FileNotFoundError(2, "No such file or directory", "shop.offmap"))
    'shop.offmap: No such file or directory'
    """
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
