"""How long the pager and the warnings stay silent where nothing drifts, against what was asked."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.embedded import Scored, Texts, alpaca, clinc, clinc_reference, score
from benchmarks.streams import each_once, mix_lengths, pager_lengths, reached
from benchmarks.table import Row
from config import PagerSettings
from detectors.conformal import Conformal
from detectors.evidence import TailEvidence
from detectors.evidence_accepted import Accepted, accepted_traffic, held_out
from detectors.evidence_fit import calibrated, guaranteed
from detectors.evidence_plan import EvidencePlan
from detectors.evidence_simulation import draw_rates
from detectors.fit_reference import fit_reference
from detectors.interval import anytime_interval
from detectors.mmd_fit import fit_mix, project

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TARGETS = (5_000, 50_000)
MODES: dict[str, Callable[[Accepted, float], EvidencePlan]] = {"guaranteed": guaranteed, "calibrated": calibrated}
SIMULATED = 3_000
STREAMS = 1_000
REDRAWS = 100

SELDOM = PagerSettings().run_length
"""The pager's default: three months of the simulated traffic."""
FEW_STREAMS = 100
BLOCK_HOURS = 6


def rows() -> Iterable[Row]:
    """Run lengths on ranks, on real texts with redrawn calibrations; intervals; two weeks with daily cycles."""
    accepted = held_out([SIMULATED])
    rates = draw_rates(accepted.counts, accepted.sizes, STREAMS, np.random.default_rng(1))
    yield from pager(f"{STREAMS:,} streams of ranks, {SIMULATED:,} calibration texts", accepted, lambda _: rates)
    few = f"{FEW_STREAMS:,} streams of ranks, {SIMULATED:,} calibration texts"
    yield quiet(few, "guaranteed", SELDOM, accepted, lambda _: rates[:FEW_STREAMS])
    data, reference = clinc(), clinc_reference()
    scores = [score(reference, part) for part in (data.validation, data.test)]
    yield from redrawn("CLINC150", Scored(*map(np.concatenate, zip(*scores, strict=True))), 2_400)
    yield from mix("CLINC150", data.train, data.validation, data.test)
    texts = alpaca()
    train, held = texts.take(np.arange(5_000)), texts.take(np.arange(5_000, len(texts.owner)))
    fitted = fit_reference(train, calibration=held).reference
    yield from redrawn("Alpaca", score(fitted, held), 2_400)
    even, odd = held.take(np.arange(0, len(held.owner), 2)), held.take(np.arange(1, len(held.owner), 2))
    yield from mix("Alpaca", train, even, odd)
    yield from interval()
    yield from two_weeks(score(reference, data.test), score(reference, data.strange))


def pager(what: str, accepted: Accepted, rates_of: Callable[[EvidencePlan], Floats]) -> Iterable[Row]:
    """Mean messages between false alarms in both modes, each stream cut at twice the target."""
    for target in TARGETS:
        for mode in MODES:
            yield quiet(what, mode, target, accepted, rates_of)


def quiet(what: str, mode: str, target: int, accepted: Accepted, rates_of: Callable[[EvidencePlan], Floats]) -> Row:
    """Mean messages between false alarms in one mode, for one target."""
    plan = MODES[mode](accepted, target)
    lengths = pager_lengths(plan, rates_of(plan), 2 * target)
    most = 1.3 * target if mode == "calibrated" else None
    spread = f"tenth {np.quantile(lengths, 0.1):,.0f}, median {np.median(lengths):,.0f}; cut at twice"
    return Row(f"pager without drift, {mode} {target:,}: {what}", lengths.mean(), target, most, reference=spread)


def redrawn(name: str, held: Scored, n_calibration: int) -> Iterable[Row]:
    """Redraw calibration sets from real held-out texts, and streams from all of them.

    Bins are drawn by themselves, each in its share, so that all calibrations have the sizes of one plan.
    """
    rng = np.random.default_rng(2)
    edges = Conformal.fit(held.novelty[:n_calibration], held.tokens[:n_calibration]).edges
    bins = np.searchsorted(edges, held.tokens, side="right")
    members = [np.flatnonzero(bins == k) for k in range(len(edges) + 1)]
    sizes = np.array([round(n_calibration * len(of) / len(bins)) for of in members])
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)

    def calibration() -> Conformal:
        drawn = [rng.choice(held.novelty[of], n) for of, n in zip(members, sizes, strict=True)]
        return Conformal(np.concatenate([np.sort(_apart(scores, rng)) for scores in drawn]), edges, starts)

    redraws = [calibration().p_values(_apart(held.novelty, rng), held.tokens) for _ in range(REDRAWS)]

    def rates(plan: EvidencePlan) -> Floats:
        return np.repeat([reached(plan, p_values) for p_values in redraws], STREAMS // REDRAWS, axis=0)

    yield from pager(f"{name}, {REDRAWS} redrawn calibrations of {sizes.sum():,}", held_out(sizes), rates)


def mix(name: str, reference: Texts, held: Texts, fresh: Texts, target: int = TARGETS[0]) -> Iterable[Row]:
    """Mean texts between false warnings of a changed mix, on texts that neither fit nor thresholds have seen."""
    plan = fit_mix(reference.vectors, held.vectors, target)
    n, draw = len(fresh.owner), each_once(len(fresh.owner))
    lengths = mix_lengths(plan, project(fresh.vectors, plan), (draw, draw), (0, n), 400)
    warned = max((lengths < n).sum(), 1)
    beside = f"{warned} warnings in {lengths.sum():,} texts"
    yield Row(f"mix warning without drift, {target:,}: {name}", lengths.sum() / warned, target, reference=beside)


def interval() -> Iterable[Row]:
    """Share of streams in which the interval ever misses the truth, looked at 100 times over 50,000 messages."""
    rng = np.random.default_rng(3)
    looks = np.linspace(500, 50_000, 100)
    for share in (0.05, 0.01):
        hits = rng.binomial(500, share, size=(STREAMS, len(looks))).cumsum(axis=1).astype(np.float64)
        lower, upper = anytime_interval(hits, looks - hits)
        half = 1.96 * np.sqrt(hits / looks * (1 - hits / looks) / looks)
        wald = (np.abs(hits / looks - share) > half).any(axis=1).mean()
        missed = ((share < lower) | (share > upper)).any(axis=1).mean()
        yield Row(
            f"streams whose 95 % interval ever misses {share}", missed, at_most=0.05, reference=f"Wald {wald:.3f}"
        )


REPEATS = 10


class Weeks(NamedTuple):
    """P-values and their hours: of two accepted weeks, of two others like them, and of three days with new topics."""

    accepted: Floats
    accepted_hours: Ints
    p_values: Floats
    hours: Ints
    new: Floats
    new_hours: Ints


class Pages(NamedTuple):
    """Whether it paged in the two weeks, and would have without accepting cycles; hours until new topics page."""

    quiet: bool
    careless: bool
    delay: float


def two_weeks(known: Scored, strange: Scored) -> Iterable[Row]:
    """Two weeks like the accepted two, with daily and weekly cycles; then a day with 3 % new topics."""
    p_values = [clinc_reference().p_values(*part) for part in (known, strange)]
    found = [pages(weeks(seed, p_values)) for seed in range(REPEATS)]
    beside = f"{sum(each.careless for each in found)} where cycles are not accepted"
    n = sum(each.quiet for each in found)
    yield Row(f"pages in two weeks with cycles, {REPEATS} repeats", n, at_most=0, reference=beside)
    delays = [each.delay for each in found]
    measure = f"hours until 3 % new topics page, slowest of {REPEATS}"
    yield Row(measure, float(max(delays)), at_most=24, reference=f"mean {np.mean(delays):.1f}")


def weeks(seed: int, p_values: list[Floats]) -> Weeks:
    """Draw accepted traffic, traffic like it, and three days with new topics."""
    rng = np.random.default_rng([4, seed])
    return Weeks(*traffic(rng, 14, p_values), *traffic(rng, 14, p_values), *traffic(rng, 3, p_values, new=0.03))


def pages(drawn: Weeks) -> Pages:
    """Let the pager see the weeks and then the new topics."""
    accepted = accepted_traffic(drawn.accepted, drawn.accepted_hours // BLOCK_HOURS)
    even = accepted._replace(spread=np.zeros_like(accepted.spread))
    quiet, careless = (TailEvidence(guaranteed(what, SELDOM)) for what in (accepted, even))
    for pager_ in (quiet, careless):
        pager_.update(drawn.p_values)
    paged = quiet.alarm, careless.alarm
    quiet.acknowledge()
    quiet.update(drawn.new)
    delay = float(drawn.new_hours[quiet.alarm_message - 1] + 1) if quiet.alarm_message else np.inf
    return Pages(*paged, delay)


def traffic(rng: np.random.Generator, days: int, p_values: list[Floats], new: float = 0.0) -> tuple[Floats, Ints]:
    """Draw p-values and hours: 100–900 messages an hour; 0–2 % off the map, by hour of day and day of week."""
    hours = np.arange(24 * days)
    wave = np.sin(2 * np.pi * hours / 24) + (hours // 24 % 7 >= 5)
    hour = np.repeat(hours, rng.poisson(500 - 200 * wave))
    share = new + 0.02 / 3 * (1 + wave)[hour]
    drawn = [rng.choice(values, len(hour)) for values in p_values]
    return np.where(rng.random(len(hour)) < share, drawn[1], drawn[0]), hour


def _apart(scores: Floats, rng: np.random.Generator) -> Floats:
    """Break the ties that drawing with replacement makes: ranks are those of a continuous score."""
    return scores + 1e-9 * rng.standard_normal(len(scores))
