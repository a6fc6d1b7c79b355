"""What it costs to say how an exchange ended: all of its watchers, embedding excluded."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.exchange_watchers import make_exchange_watchers, make_settlement
from agent.intake import Item
from agent.join import JoinBuffer
from agent.model_families import ModelFamilies
from agent.profile import read_profile
from agent.records import Exchange
from agent.service import SLICE_RECORDS
from agent.tally import Tally
from agent.watch import SideScores
from benchmarks.embedded import read
from benchmarks.exchanges import START
from benchmarks.table import Row
from config import load_settings

MOST, RUNS = 4_096, 5

Floats = npt.NDArray[np.float64]


def price(profile: Path) -> Row:
    """Measure what a whole exchange costs where all prompts differ, which is dearest: more windows fill.

    The mean over batches as large as the agent's, each the best of some runs: so other work on the machine counts
    little, and a window that fills counts in full, which a median over batches would leave out.
    """
    rows = read("arena_bench_judged")[:MOST]
    spent, reading = (np.min(each, axis=0) for each in zip(*(batches(profile, rows) for _ in range(RUNS)), strict=True))
    beside = (
        f"{len(rows)} answers of {np.mean([len(row['response']) for row in rows]):,.0f} characters; batches of "
        f"{SLICE_RECORDS}, median {np.median(spent):.0f}, dearest {spent.max():.0f}; "
        f"{spent.mean() / reading.mean():.1f} times as long as to cut both texts into words"
    )
    return Row(
        "price of an exchange, embedding excluded", float(spent.mean()), at_most=150, unit="µs", reference=beside
    )


def batches(profile: Path, rows: list[dict[str, Any]]) -> tuple[Floats, Floats]:
    """Take exchanges in; return the µs that one of each batch took, and that reading its texts does."""
    settings, content = load_settings(None, {"profile": {"path": str(profile)}}), read_profile(profile)
    families = ModelFamilies(settings.outcomes.families)
    settlement, tally = make_settlement(settings, content, families), Tally()
    watchers = make_exchange_watchers(settings, content).values()
    buffer, rng, spent = JoinBuffer(10_000, 3_600.0, families), np.random.default_rng(0), []
    for start in range(0, len(rows), SLICE_RECORDS):
        part = rows[start : start + SLICE_RECORDS]
        visits = [buffer.visit(item(str(start + i), row)) for i, row in enumerate(part)]
        scored = {side: drawn(rng, len(part), content.embedder_spec.dim) for side in ("prompt", "response")}
        began = time.process_time()
        known = settlement.settle(visits, scored)
        for watcher in watchers:
            watcher.update(known, tally)
        ended = time.process_time()
        for row in part:
            row["prompt"].casefold().split(), row["response"].casefold().split()
        spent.append((ended - began, time.process_time() - ended))
    return tuple(1e6 * np.array(spent).T / SLICE_RECORDS)


def item(identity: str, row: dict[str, Any]) -> Item:
    """Give an exchange as it comes out of a message."""
    whole = Exchange(id=identity, prompt=row["prompt"], response=row["response"], model=row["model"])
    return Item(identity, START, whole, "kept", START)


def drawn(rng: np.random.Generator, n: int, dim: int) -> SideScores:
    """Draw scores and unit vectors."""
    vectors = rng.normal(size=(n, dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cells = rng.integers(64, size=n).astype(np.int32)
    return SideScores(rng.normal(size=n), rng.uniform(size=n), cells, vectors.astype(np.float16))
