"""A model that has become worse at what is rare in training: how far `offmap_survival` moves, through `replay`.

Alpaca's traffic as in `collapse`. People like nine answers of ten; in rare cells of training, fewer. Somebody's verdict
is all that differs between the logs: the texts, and so the cells, are the same.
"""

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.profile import read_profile
from benchmarks.collapse_traffic import SHIPPED, Data, prepare
from benchmarks.commands import Series, offmap, remembered, replay
from benchmarks.exchanges import Verdict
from benchmarks.table import Row
from detectors.rare import MASS, rare_cells

N = 2_000
GOOD, WORSE = 0.9, (0.9, 0.75)
REPEATS, NULLS = 30, 80


class Found(NamedTuple):
    """What replays say: survival, the share of exchanges that did not fail, and whether survival has fallen."""

    survival: npt.NDArray[np.float64]
    good: npt.NDArray[np.float64]
    told: npt.NDArray[np.float64]


def rows() -> Iterable[Row]:
    """Record healthy traffic as a baseline; replay logs of as healthy a model, and of worse ones."""
    with tempfile.TemporaryDirectory(prefix="offmap-survival-") as folder, remembered() as store:
        data = prepare(Path(folder), store)
        rare = in_rare_cells(data)
        profile = with_baseline(data, rare)
        healthy = found_in(data, profile, rare, 1.0, NULLS)
        yield Row(
            f"healthy model, n = {N:,}: replays that say that rare cells go worse",
            float(healthy.told.mean()),
            at_most=0.05,
            reference=f"{NULLS} replays; {rare.mean():.0%} of prompts in cells of {MASS:.0%} of training",
        )
        for worse in WORSE:
            yield from compared(found_in(data, profile, rare, worse, REPEATS), healthy, worse)


def compared(found: Found, healthy: Found, worse: float) -> Iterable[Row]:
    """Give z, by how much healthy replays scatter, and how many of the replays say it."""
    z, plain = (
        float((now.mean() - usual.mean()) / usual.std(ddof=1))
        for now, usual in ((found.survival, healthy.survival), (found.good, healthy.good))
    )
    what = f"{1 - worse:.0%} worse in rare cells, n = {N:,}"
    asked = -5.0 if worse == WORSE[0] else None
    yield Row(f"{what}: z of survival", z, at_most=asked, reference=f"share of good answers, all cells: {plain:.1f}")
    measure = f"{what}: replays that say so"
    yield Row(
        measure,
        float(found.told.mean()),
        reference="upper bound of offmap_survival_change below 0, against a recorded baseline",
    )


def in_rare_cells(data: Data) -> npt.NDArray[np.bool_]:
    """Replay the traffic, and say which prompts lie in rare cells."""
    log, scores = data.traffic.write(data.folder / "all.jsonl"), data.folder / "scores.jsonl"
    offmap("replay", log, "--profile", data.profiles[SHIPPED], "--scores", scores)
    cell = np.array([json.loads(line)["cell"] for line in scores.read_text(encoding="utf-8").splitlines()])
    counts = read_profile(data.profiles[SHIPPED]).references["prompt"]["coverage_counts"]
    return rare_cells(counts)[cell]


def with_baseline(data: Data, rare: npt.NDArray[np.bool_]) -> Path:
    """Record all traffic, as people liked it."""
    profile, everything = data.folder / "accepted.offmap", np.arange(len(rare))
    log = liked(data, rare, everything, 1.0, np.random.default_rng(3))
    offmap("baseline", data.profiles[SHIPPED], log, "--output", profile, "--block", "5m")
    return profile


def liked(
    data: Data, rare: npt.NDArray[np.bool_], chosen: npt.NDArray[np.intp], worse: float, rng: np.random.Generator
) -> Path:
    """Write a log of some of the traffic, with what people say of each answer."""
    good = rng.random(len(chosen)) < np.where(rare[chosen], GOOD * worse, GOOD)
    verdicts = ((Verdict("thumbs", each),) for each in good)
    return data.traffic.take(chosen).write(data.folder / "liked.jsonl", verdicts)


def found_in(data: Data, profile: Path, rare: npt.NDArray[np.bool_], worse: float, repeats: int) -> Found:
    """Replay logs of a model that is so good in rare cells."""
    found = []
    for i in range(repeats):
        rng = np.random.default_rng([11, i])
        chosen = rng.choice(len(rare), N, replace=False)
        series = replay(liked(data, rare, chosen, worse, rng), profile)
        told = series["survival_change_upper", ""] < 0
        found.append((series["survival", ""], 1 - failing(series), told))
    return Found(*np.array(found, dtype=np.float64).T)


def failing(series: Series) -> float:
    """Return the share of exchanges that failed, wherever their prompts lie."""
    failed, n = (
        sum(value for (name, labels), value in series.items() if name == metric and 'kind="any"' in labels)
        for metric in ("outcomes_total", "outcome_exchanges_total")
    )
    return failed / n
