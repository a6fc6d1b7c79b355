"""Two weeks with daily and weekly cycles, then 3 % new topics: what the peers would have told somebody."""

from collections.abc import Iterable

import numpy as np
from scipy.stats import binom

from benchmarks.embedded import clinc, clinc_reference, score
from benchmarks.false_alarms import REPEATS, Floats, Ints, Weeks, pages, weeks
from benchmarks.foreign import ask
from benchmarks.table import Row

LEVEL = 0.05
NEVER = 72.0
"""Hours that the new topics last: what is not told by then counts as that."""


def rows() -> Iterable[Row]:
    """Compare the pager with ADWIN, Page–Hinkley and a test each hour, on the same p-values."""
    data, reference = clinc(), clinc_reference()
    p_values = [reference.p_values(*score(reference, part)) for part in (data.test, data.strange)]
    drawn = [weeks(seed, p_values) for seed in range(REPEATS)]
    mine = [pages(each) for each in drawn]
    others = {f"River {name}": found for name, found in river(drawn).items()}
    others["p < .05 each hour"] = np.array([hourly(each) for each in drawn])
    beside = ", ".join(f"{name} {found[:, 0].mean():,.1f}" for name, found in others.items())
    quiet = float(np.mean([each.quiet for each in mine]))
    yield Row(f"pages in two weeks with cycles, mean of {REPEATS}", quiet, at_most=0, reference=beside)
    beside = ", ".join(f"{name} {found[:, 1].mean():,.1f}" for name, found in others.items())
    delay = float(np.mean([min(each.delay, NEVER) for each in mine]))
    measure = f"hours until 3 % new topics are told, mean of {REPEATS}, {NEVER:.0f} for never"
    yield Row(measure, delay, at_most=24, reference=beside)


def river(drawn: list[Weeks]) -> dict[str, Floats]:
    """Alarms in the weeks and hours until one after them, (REPEATS, 2), of River's detectors."""
    values = np.concatenate([part for each in drawn for part in (each.p_values, each.new)])
    lengths = [[len(each.p_values), len(each.new)] for each in drawn]
    said = ask("river", "weeks", values=values, lengths=lengths)
    return {name: np.array([_hours(*pair) for pair in zip(found, drawn, strict=True)]) for name, found in said.items()}


def _hours(found: list[int], drawn: Weeks) -> tuple[float, float]:
    quiet, first = found
    return float(quiet), float(drawn.new_hours[first - 1] + 1) if first else NEVER


def hourly(drawn: Weeks) -> tuple[float, float]:
    """Count the hours with more p ≤ .05 than the accepted share explains (chance < .05); find the first new one."""
    accepted = float((drawn.accepted <= LEVEL).mean())
    new = np.flatnonzero(_unlikely(accepted, drawn.new, drawn.new_hours))
    return float(_unlikely(accepted, drawn.p_values, drawn.hours).sum()), float(new[0] + 1) if len(new) else NEVER


def _unlikely(accepted: float, p_values: Floats, hours: Ints) -> np.ndarray:
    n, reached = np.bincount(hours), np.bincount(hours, p_values <= LEVEL)
    return np.asarray(binom.sf(reached - 1, n, accepted) < LEVEL)
