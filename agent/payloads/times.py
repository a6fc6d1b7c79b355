"""Event times in every notation that producers use, as seconds since the epoch."""

from __future__ import annotations

import math
from datetime import UTC, datetime

EARLIEST = 946_684_800.0
"""1 January 2000: no language model's log is older; a smaller number is a duration or a default."""
LATEST = 4_102_444_800.0
"""1 January 2100."""

_UNITS = (1.0, 1e3, 1e6, 1e9)  # seconds, milli-, micro-, nanoseconds: between 2000 and 2100 their ranges do not touch
_LONGEST = 64


def to_seconds(value: object) -> float | None:
    """Read a time.

    Parameters
    ----------
    value : object
        ISO 8601 text (without a zone: UTC), or unix time in seconds, milli-, micro- or nanoseconds, as a number or as
        text.

    Returns
    -------
    float or None
        Seconds since the epoch; None for anything else, or outside the years 2000–2100.

    Examples
    --------
    >>> to_seconds("2024-05-01T12:00:00Z"), to_seconds(1714564800000), to_seconds("1714564800.5"), to_seconds(12)
    (1714564800.0, 1714564800.0, 1714564800.5, None)
    """
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_number(value)
    return None


def _from_number(value: float) -> float | None:
    for unit in _UNITS:
        if EARLIEST * unit <= value <= LATEST * unit:
            return value / unit
    return None


def _from_text(text: str) -> float | None:
    if len(text) > _LONGEST:
        return None
    try:
        number = float(text)
    except ValueError:
        return _from_iso(text)
    return _from_number(number) if math.isfinite(number) else None


def _from_iso(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text.strip())
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if EARLIEST <= seconds <= LATEST else None
