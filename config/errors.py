"""The one error of this package."""

from __future__ import annotations

from collections.abc import Iterable


class ConfigError(ValueError):
    """The configuration cannot be used.

    Parameters
    ----------
    problems : iterable of str
        Every problem that was found, each with its dotted path and what to do about it.
    source : str
        Where the configuration came from, for the first line of the message.

    Attributes
    ----------
    problems : list of str

    Examples
    --------
    >>> print(ConfigError(["server.port: must be at most 65535 (got 70000)"], source="offmap.yaml"))
    offmap.yaml: 1 problem
      server.port: must be at most 65535 (got 70000)
    """

    def __init__(self, problems: Iterable[str], *, source: str = "configuration") -> None:
        self.problems = list(dict.fromkeys(problems))
        count = len(self.problems)
        head = f"{source}: {count} problem{'' if count == 1 else 's'}"
        super().__init__("\n  ".join([head, *self.problems]))
