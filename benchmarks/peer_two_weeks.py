"""Two weeks with daily and weekly cycles and nothing new: how often the peers would have told somebody."""

from collections.abc import Iterable

import numpy as np
from scipy.stats import binom

from benchmarks.embedded import clinc, clinc_reference, score
from benchmarks.false_alarms import REPEATS, Weeks, pages, weeks
from benchmarks.foreign import ask
from benchmarks.table import Row

LEVEL = 0.05


def rows() -> Iterable[Row]:
    """Count the pager's pages, the alarms of ADWIN and Page–Hinkley, and of a test each hour, on the same p-values."""
    data, reference = clinc(), clinc_reference()
    p_values = [reference.p_values(*score(reference, part)) for part in (data.test, data.strange)]
    drawn = [weeks(seed, p_values) for seed in range(REPEATS)]
    quiet = [each.p_values for each in drawn]
    said = ask("river", "counts", values=np.concatenate(quiet), lengths=[len(part) for part in quiet])
    beside = {f"River {name}": float(np.mean(counts)) for name, counts in said.items()}
    beside["p < .05 each hour"] = float(np.mean([hourly(each) for each in drawn]))
    others = ", ".join(f"{name} {mean:,.1f}" for name, mean in beside.items())
    mean = float(np.mean([pages(each).quiet for each in drawn]))
    yield Row(f"pages in two weeks with cycles, mean of {REPEATS}", mean, at_most=0, reference=others)


def hourly(drawn: Weeks) -> int:
    """Hours in which so many texts with p ≤ .05 come out with a chance below .05, given their accepted share."""
    accepted = (drawn.accepted <= LEVEL).mean()
    n, reached = np.bincount(drawn.hours), np.bincount(drawn.hours, drawn.p_values <= LEVEL)
    return int((binom.sf(reached - 1, n, accepted) < LEVEL).sum())
