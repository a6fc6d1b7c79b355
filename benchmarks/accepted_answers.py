"""Answers of healthy models beside training's, and beside accepted ones: which of the two comparisons may alarm."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.commands import Series, offmap, remembered, replay, write_lines
from benchmarks.embedded import read
from benchmarks.table import Row, data_file

START, STEP = 1_700_000_000.0, 300.0
FEWEST = 290
"""Exchanges of a model that fill a window of 256, a few near-duplicates among them left out."""
STREAMS = 40
THRESHOLD = 4.0
CONSTANT = "I am happy to help you with that. Please tell me a little more about what you need."

Pair = tuple[str, str]


def rows() -> Iterable[Row]:
    """Models on public prompts, against training; people's answers, one half accepted, the other half as traffic."""
    with tempfile.TemporaryDirectory(prefix="offmap-accepted-") as name, remembered():
        folder = Path(name)
        profile = folder / "alpaca.offmap"
        offmap("fit", data_file("alpaca_random9k.jsonl.gz"), "--output", profile)
        yield against_training(folder, profile)
        pairs = [(row["prompt"], row["response"]) for row in read("dolly")]
        order = np.random.default_rng(0).permutation(len(pairs))
        known, fresh = ([pairs[i] for i in half] for half in np.array_split(order, 2))
        accepted = folder / "accepted.offmap"
        offmap("baseline", profile, log(folder, known), "--output", accepted)
        yield from against_accepted(folder, accepted, fresh)


def against_training(folder: Path, profile: Path) -> Row:
    """Say for how many models a window alone would alarm."""
    rows = [row for name in ("alpaca_eval", "arena_bench_judged") for row in read(name) if row["model"] != "NullModel"]
    answers: dict[str, dict[str, str]] = {}
    for row in rows:
        answers.setdefault(row["model"], {}).setdefault(row["prompt"], row["response"])
    z = []
    for mine in answers.values():
        if len(mine) >= FEWEST:
            series = replay(log(folder, list(mine.items())), profile)
            z.append(min(series.get(("collapse_z", f'metric="diversity",window="{n}"'), np.inf) for n in (256, 512)))
    beside = f"{len(z)} models, z {min(z):.1f} to {max(z):.1f}"
    measure = "healthy models on public prompts: diversity beyond the threshold against training"
    return Row(measure, float(np.mean(np.array(z) <= -THRESHOLD)), reference=beside)


def against_accepted(folder: Path, accepted: Path, fresh: Sequence[Pair]) -> Iterable[Row]:
    """Replay the other half in several orders, as it is and with some answers replaced."""
    quiet, broken = [], []
    for seed in range(STREAMS):
        rng = np.random.default_rng([3, seed])
        pairs = [fresh[i] for i in rng.permutation(len(fresh))]
        quiet.append(alarms(replay(log(folder, pairs), accepted)))
        if seed < STREAMS // 4:
            constant = rng.random(len(pairs)) < 0.1
            told = [(asked, CONSTANT if same else given) for (asked, given), same in zip(pairs, constant, strict=True)]
            broken.append(alarms(replay(log(folder, told), accepted)))
    counts = Counter(name for each in quiet for name in each)
    beside = f"{STREAMS} streams of {len(fresh):,}; {dict(counts)}"
    yield Row("streams like accepted ones with an alarm", float(np.mean([bool(each) for each in quiet])), at_most=0.05,
              reference=beside)  # fmt: skip
    told = float(np.mean([{"diversity", "recycled"} <= each for each in broken]))
    yield Row("the same, 10 % of answers constant: diversity and recycled alarm", told, at_least=1)


def log(folder: Path, pairs: Sequence[Pair]) -> Path:
    """Write exchanges as a log of one every five minutes."""
    lines: Iterable[dict[str, Any]] = (
        {"time": START + STEP * i, "prompt": asked, "response": given} for i, (asked, given) in enumerate(pairs)
    )
    return write_lines(folder / "log.jsonl", lines)


def alarms(series: Series) -> set[str]:
    """Return the metrics that alarm."""
    return {labels.split('"')[1] for (name, labels), value in series.items() if name == "collapse_alarm" and value == 1}
