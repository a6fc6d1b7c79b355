"""One line a measure: what came out, what was asked, and what it stands beside."""

import os
from dataclasses import dataclass
from pathlib import Path

LINE = "{:<5}  {:<64}  {:>20}  {:>20}  {}"


class NoDataError(Exception):
    """The public data that a benchmark reads is not on this machine; the message says where it was looked for."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measure and the bounds it must keep.

    Attributes
    ----------
    measure : str
        What was measured, on what.
    value : float
        What came out; NaN (could not be measured) keeps no bound.
    at_least, at_most : float or None
        The bounds, inclusive. A row without any is information and always OK.
    unit : str
        Written behind every number: "MB", "s", "messages/s".
    reference : str
        What else reaches on the same measure, in words.

    Examples
    --------
    >>> Row("share with p ≤ .05", 0.064, at_least=0.04, at_most=0.06, reference=".05").verdict
    'SHORT'
    >>> Row("AUROC", 0.978, at_least=0.976).verdict
    'OK'
    """

    measure: str
    value: float
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""
    reference: str = "–"

    @property
    def verdict(self) -> str:
        """OK, or SHORT where a bound is not kept."""
        bounded = self.at_least is not None or self.at_most is not None
        low = self.at_least is None or self.value >= self.at_least
        high = self.at_most is None or self.value <= self.at_most
        return "OK" if not bounded or (low and high) else "SHORT"

    @property
    def got(self) -> str:
        """What came out, in words."""
        return self._with_unit(self.value)

    @property
    def asked(self) -> str:
        """The bounds in words."""
        if self.at_least is not None and self.at_most is not None:
            return f"{_number(self.at_least)} to {self._with_unit(self.at_most)}"
        if self.at_least is not None:
            return f"≥ {self._with_unit(self.at_least)}"
        return f"≤ {self._with_unit(self.at_most)}" if self.at_most is not None else "–"

    def _with_unit(self, value: float) -> str:
        return f"{_number(value)} {self.unit}".rstrip()

    def __str__(self) -> str:
        """One line of the table."""
        return LINE.format(self.verdict, self.measure, self.got, self.asked, self.reference)


HEADER = LINE.format("", "measure", "value", "asked", "reference")


def data_file(name: str) -> Path:
    """Return the path of one file of the benchmarks' public data.

    The folder is the environment's ``OFFMAP_DATA``, else ``../shared/data`` beside the repository.

    Raises
    ------
    NoDataError
        If the file is not there.
    """
    folder = Path(os.environ.get("OFFMAP_DATA") or Path(__file__).parents[2] / "shared" / "data")
    path = folder / name
    if not path.is_file():
        raise NoDataError(f"no {name} in {folder}: set OFFMAP_DATA to the folder that holds the benchmark data")
    return path


def _number(value: float) -> str:
    """Write a number with what matters of it: thousands apart, four significant digits below.

    >>> _number(72000.4), _number(0.97634), _number(250.0), _number(2.5)
    ('72,000', '0.9763', '250', '2.5')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
