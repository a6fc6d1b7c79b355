"""What a detector says about a window or a sequence: a name, a number, and how many texts stand behind it."""

from __future__ import annotations

from typing import NamedTuple


class Measurement(NamedTuple):
    """One finite number. What is unknown is absent: a detector without enough data returns no measurement.

    Attributes
    ----------
    name : str
        What was measured; each detector's docstring lists its names with their ranges.
    value : float
        Finite.
    n_samples : int
        Texts that the value rests on.
    field : str
        What tells measurements of one name apart (a level, a window, an order); "" where there is one.

    Examples
    --------
    >>> Measurement("tail_lift", 1.2, 400, "0.05").value
    1.2
    """

    name: str
    value: float
    n_samples: int
    field: str = ""
