"""What all detectors cost a message, embedded and scored, as the running agent has them; and that they do not grow."""

import time
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from agent.assembly import make_sides
from agent.profile import Profile
from agent.side import Side
from agent.tally import Tally
from agent.watch import SideScores
from benchmarks.embedded import clinc, clinc_reference, compiled
from benchmarks.table import Row
from config import Settings
from detectors.coverage_fit import fair_counts
from detectors.crowd_fit import fit_crowd

BLOCK = 64
BLOCKS = 64
SECONDS = 12.0
"""Between two messages."""
STRANGE = 0.05
"""Share of messages that are out of scope: these go into regions."""
DRIFTLENS = "DriftLens 63 µs a message (its paper), Frouros' MMD streaming: see `peer_cost`"


def rows() -> Iterable[Row]:
    """Time every watcher of prompts in blocks of 64 on one core; the state after 4,096 and after 40,960 messages."""
    scores = traffic()
    times = SECONDS * np.arange(len(scores.cell))
    side = prompts()
    with threadpool_limits(1):
        spent = {name: microseconds(side, name, times, scores) for name in side.watchers}
        whole = microseconds(side, None, times, scores)
    beside = ", ".join(f"{name} {value:.1f}" for name, value in sorted(spent.items(), key=lambda part: -part[1]))
    yield Row("all detectors a message, blocks of 64, one core", whole, at_most=50, unit="µs", reference=DRIFTLENS)
    yield Row("their sum, one after the other", sum(spent.values()), unit="µs", reference=beside)
    yield from memory(side, times, scores)


def memory(side: Side, times: npt.NDArray[np.float64], scores: SideScores) -> Iterable[Row]:
    """Compare the state after ten times as many messages."""
    sizes = []
    for repeat in range(11):
        run(side, None, times + repeat * times[-1], scores)
        sizes.append(sum(array.nbytes for array in side.get_state().values()))
    n = len(scores.cell)
    yield Row(
        f"state after {11 * n:,} messages, over that after {n:,}",
        sizes[-1] / sizes[0],
        at_most=1.0,
        reference=f"{sizes[-1] / 1e6:.2f} MB",
    )


def traffic() -> SideScores:
    """Score messages of which some are out of scope, in random order."""
    data, reference, rng = clinc(), clinc_reference(), np.random.default_rng(0)
    n = BLOCK * BLOCKS
    parts = [reference.score(part.layers, part.owner, len(part.owner)) for part in (data.test, data.strange)]
    p_values = [reference.p_values(found.novelty, part.tokens) for found, part in zip(parts, data[2:4], strict=True)]
    novelty, cell, p_value, vector = (
        np.concatenate(both)
        for both in (
            [found.novelty for found in parts],
            [found.cell for found in parts],
            p_values,
            [data.test.vectors, data.strange.vectors],
        )
    )
    known = len(data.test.owner)
    chosen = np.where(rng.random(n) < STRANGE, rng.integers(known, len(cell), n), rng.integers(known, size=n))
    return SideScores(novelty[chosen], p_value[chosen], cell[chosen], vector[chosen].astype(np.float16))


def prompts() -> Side:
    """Assemble what watches prompts, the pager on, from a profile as `offmap fit` would make it."""
    data, reference, model = clinc(), clinc_reference(), compiled()
    arrays = reference.to_arrays() | {
        "coverage_counts": fair_counts(reference.cell_counts),
        "length_tokens": np.array(data.train.tokens.mean()),
        **fit_crowd(data.train.vectors, data.validation.vectors),
    }
    settings = Settings.model_validate({"profile": {"path": "x"}, "pager": {"tolerated_share": 0.06}})
    return make_sides(settings, Profile({}, {"prompt": arrays}, model.onnx, model.tokenizer, model.spec))["prompt"]


def microseconds(side: Side, name: str | None, times: npt.NDArray[np.float64], scores: SideScores) -> float:
    """Processor time of one watcher, or of all, a message: the best of five passes, for the machine may be busy."""
    return min(run(side, name, times + 1e6 * k, scores) for k in range(5)) / len(times) * 1e6


def run(side: Side, name: str | None, times: npt.NDArray[np.float64], scores: SideScores) -> float:
    """Give all messages to one watcher, or to the whole side, in blocks; return the processor time."""
    tally, part = Tally(), side if name is None else side.watchers[name]
    started = time.process_time()
    for start in range(0, len(times), BLOCK):
        where = slice(start, start + BLOCK)
        part.update(times[where], scores.at(where), tally)
    return time.process_time() - started
