"""Durations as people write them: ``90s``, ``5m``, ``1h``, ``1h30m``, ``7d``."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PARTS = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")


def parse_duration(value: object) -> float:
    """Seconds in a duration; a plain number counts as seconds.

    Raises
    ------
    ValueError
        For anything else, and for zero.

    Examples
    --------
    >>> parse_duration("1h30m"), parse_duration("45s"), parse_duration(2.5)
    (5400.0, 45.0, 2.5)
    """
    seconds = _seconds(value)
    if not 0 < seconds < float("inf"):
        raise ValueError("must be a duration above zero, such as 30s, 5m, 1h30m or 7d")
    return seconds


def _seconds(value: object) -> float:
    if isinstance(value, bool):
        return 0.0
    if isinstance(value, int | float):
        return float(value) if value < 2**63 else float("inf")
    text = str(value).strip().lower()
    try:
        return float(text)  # an environment variable carries a number as text
    except ValueError:
        match = _PARTS.fullmatch(text)
        counts = match.groups() if match else ()
        return float(sum(float(count or 0) * size for count, size in zip(counts, UNITS.values(), strict=False)))


def format_duration(seconds: float) -> str:
    """Shortest way to write a duration; the label of a window in the metrics.

    Examples
    --------
    >>> format_duration(86_400.0), format_duration(5_400), format_duration(2.5)
    ('1d', '1h30m', '2.5s')
    """
    if seconds != int(seconds):
        return f"{seconds:g}s"
    text, rest = "", int(seconds)
    for unit, size in UNITS.items():
        count, rest = divmod(rest, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


Duration = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]
"""A field in seconds that also accepts ``5m``."""
