"""Answers that narrow, come again, echo training or lose their rare kinds; and prompts that are merely mixed otherwise.

Everything goes through `offmap fit` and `offmap replay`: logs of a window of exchanges behind a healthy one, each
exchange judged at random; z and alarms are read from the metrics that `replay` writes. `fit` takes windows of 256, 512
and 1,024; the statistics were tried with 400, so a profile is fitted for that too. Answers that are mixtures of vectors
have no text: one that is never embedded stands for each.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.collapse_cases import MIXES, REPLACED, usual, without_tail
from benchmarks.collapse_shift import Shift
from benchmarks.collapse_traffic import SHIPPED, WINDOW, Data, Found, Make, in_words, prepare, watched
from benchmarks.commands import remembered
from benchmarks.table import Row
from detectors.collapse import METRICS

REPEATS = 40
NULLS = 200
THRESHOLD = 4.0


def rows() -> Iterable[Row]:
    """Nothing changed; ten per cent of answers replaced; rare ones gone; another mix of prompts."""
    with tempfile.TemporaryDirectory(prefix="offmap-collapse-") as folder, remembered() as store:
        data = prepare(Path(folder), store)
        yield quiet(data)
        for name, (make, metric, least) in REPLACED.items():
            yield replaced_row(data, name, make, metric, least)
        shift = Shift.of(data)
        yield tail_row(data, shift)
        for name, mix in MIXES.items():
            found, beside = [watched(data, mix, i) for i in range(NULLS)], beside_mix(data, shift, mix)
            yield alarmed(f"{name}, W = {WINDOW}: with an alarm", found, beside, at_most=0.01)


def quiet(data: Data) -> Row:
    """Windows like training."""
    found = [watched(data, usual, i) for i in range(NULLS)]
    spread = np.std([each.z for each in found], axis=0)
    beside = ", ".join(f"{name} {sd:.2f}" for name, sd in zip(METRICS, spread, strict=True))
    return alarmed(f"like training, W = {WINDOW}: with an alarm", found, f"sd {beside}", at_most=0.0)


def replaced_row(data: Data, name: str, make: Make, metric: str, least: float | None) -> Row:
    """Replace some answers by others of one kind."""
    z, shipped = (mean_z(data, make, n) for n in (WINDOW, SHIPPED))
    others = ", ".join(f"{each} {z[each]:.1f}" for each in METRICS)
    measure = f"10 % of {WINDOW} answers replaced, {name}: z of {metric}"
    return Row(measure, abs(z[metric]), at_least=least, reference=f"{others}; of {SHIPPED}: {shipped[metric]:.1f}")


def tail_row(data: Data, shift: Shift) -> Row:
    """Rare response cells gone entirely."""
    z, shipped = (mean_z(data, without_tail, n)["tail"] for n in (WINDOW, SHIPPED))
    moved = np.mean([shift.z(without_tail(data, rng, WINDOW))[0] for rng in seeds(REPEATS)])
    reference = f"mean embedding's shift {moved:.1f}; W = {SHIPPED}: {shipped:.1f}"
    return Row(f"rarest response cells gone, W = {WINDOW}: z of tail", z, at_most=-9, reference=reference)


def beside_mix(data: Data, shift: Shift, mix: Make) -> str:
    """Say how often others would have alarmed at the same threshold."""
    z = np.array([shift.z(mix(data, rng, WINDOW)) for rng in seeds(NULLS)])
    moved, vendi = (z * (1, -1) > THRESHOLD).mean(axis=0)
    return f"raw Vendi {vendi:.0%}, mean shift {moved:.0%}"


def alarmed(measure: str, found: list[Found], beside: str, *, at_most: float) -> Row:
    """Give the share of replays with any alarm, and which ones there were."""
    share, alarms = float(np.mean([bool(each.alarms) for each in found])), in_words(each.alarms for each in found)
    return Row(measure, share, at_most=at_most, reference=f"{beside}; alarms in {len(found)} windows: {alarms}")


def mean_z(data: Data, make: Make, n: int) -> dict[str, float]:
    """Return the mean z of each metric."""
    z = np.mean([watched(data, make, i, n).z for i in range(REPEATS)], axis=0)
    return dict(zip(METRICS, z.tolist(), strict=True))


def seeds(n: int) -> Iterable[np.random.Generator]:
    """Yield what the first n windows are drawn with."""
    return (np.random.default_rng([9, i]) for i in range(n))
