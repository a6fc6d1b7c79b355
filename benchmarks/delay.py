"""How soon new topics page, with the settings whose false alarms `false_alarms` measures; what a message costs."""

import time
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from benchmarks.embedded import clinc, clinc_reference, score
from benchmarks.false_alarms import MODES
from benchmarks.streams import anything, mix_lengths, more_of, pager_lengths, reached
from benchmarks.table import Row
from detectors.coverage import CellCoverage
from detectors.coverage_fit import fair_counts
from detectors.diversity import DiversityWindow
from detectors.diversity_fit import fit_diversity
from detectors.evidence import TailEvidence
from detectors.evidence_accepted import held_out
from detectors.mmd import MixChange
from detectors.mmd_fit import fit_mix, project
from detectors.region_radius import region_radius
from detectors.regions import Regions

STREAMS = 400
LONGEST = 5_000
BLOCK = 64
SHARES = (0.05, 0.10, 0.30, 1.0)
ASKED = {
    ("guaranteed", 5_000): (270, 100, 22, 5),
    ("guaranteed", 50_000): (380, 135, 29, 7),
    ("calibrated", 5_000): (160, 78, 20, 5),
    ("calibrated", 50_000): (None, None, None, None),
}


def rows() -> Iterable[Row]:
    """Mean messages from the beginning of drift to the page, at several shares of out-of-scope texts; the cost."""
    data, reference = clinc(), clinc_reference()
    known, strange = (reference.p_values(*score(reference, part)) for part in (data.test, data.strange))
    accepted = held_out(reference.conformal.sizes)
    vectors = np.concatenate([data.test.vectors, data.strange.vectors])
    for (mode, target), asked in ASKED.items():
        plan = MODES[mode](accepted, target)
        beside = warning_delays(target, vectors, len(known))
        for share, most, warned in zip(SHARES, asked, beside, strict=True):
            rate = (1 - share) * reached(plan, known) + share * reached(plan, strange)
            lengths = pager_lengths(plan, np.tile(rate, (STREAMS, 1)), LONGEST)
            measure = f"messages until {share:.0%} out-of-scope page, {mode} {target:,}"
            yield Row(measure, lengths.mean(), at_most=most, reference=f"MMD windows {warned:,.0f}")
    yield cost()


def warning_delays(target: int, vectors: npt.NDArray[np.float32], n_known: int) -> list[float]:
    """Mean texts until the warning of a changed mix on the same streams, for each share."""
    data = clinc()
    plan = fit_mix(data.train.vectors, data.validation.vectors, target)
    seen, strange = project(vectors, plan), np.arange(n_known, len(vectors))
    draws = [more_of(strange, n_known, share) for share in SHARES]
    return [float(mix_lengths(plan, seen, (anything(n_known), d), (0, LONGEST), 100).mean()) for d in draws]


def cost(n: int = 64 * BLOCK) -> Row:
    """Processor time of all detectors a message, in blocks, on one core, embedding and novelty score done before."""
    data, reference = clinc(), clinc_reference()
    texts = data.test.take(np.random.default_rng(0).integers(len(data.test.owner), size=n))
    scores = reference.score(texts.layers, texts.owner, n)
    p_values, vectors = reference.p_values(scores.novelty, texts.tokens), texts.vectors
    pager = TailEvidence(MODES["guaranteed"](held_out(reference.conformal.sizes), 5_000))
    mix = MixChange(fit_mix(data.train.vectors, data.validation.vectors, 5_000))
    diversity = DiversityWindow(fit_diversity(data.validation.vectors)[512])
    coverage = CellCoverage(fair_counts(reference.cell_counts), 50_000)
    regions = Regions(region_radius(reference.scorer.last), vectors.shape[1], 16)
    times = 60.0 * np.arange(n)
    parts: dict[str, Callable[[slice], object]] = {
        "pager": lambda where: pager.update(p_values[where]),
        "mix": lambda where: mix.update(vectors[where]),
        "diversity": lambda where: diversity.update(vectors[where]),
        "coverage": lambda where: coverage.update(scores.cell[where][p_values[where] > 0.05]),
        "regions": lambda where: regions.update(vectors[where], times[where], p_values[where] <= 0.01),
    }
    with threadpool_limits(1):
        spent = {name: min(_microseconds(part, n) for _ in range(3)) for name, part in parts.items()}
    beside = ", ".join(f"{name} {value:.1f}" for name, value in spent.items())
    return Row("all detectors a message, blocks of 64", sum(spent.values()), at_most=50, unit="µs", reference=beside)


def _microseconds(part: Callable[[slice], object], n: int) -> float:
    started = time.process_time()
    for start in range(0, n, BLOCK):
        part(slice(start, start + BLOCK))
    return (time.process_time() - started) / n * 1e6
