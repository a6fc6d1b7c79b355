"""The bounds of a failure ratio on streams without a difference, each looked at again and again as the agent does."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from agent.outcome_kinds import OUTCOMES, Kind
from agent.outcome_watch import OutcomeWatch
from benchmarks.table import Row
from config.sections_outcomes import OutcomeSettings

STREAMS, LENGTH, FIRST, LOOKS = 900, 50_000, 300, 60
UNCOVERED = 0.1
FAILING = (0.02, 0.05, 0.2)


def null_streams() -> Iterable[Row]:
    """Give the share of streams whose interval ever misses a ratio of 1, and of Wald's beside it."""
    rng, looks = np.random.default_rng(0), np.geomspace(FIRST, LENGTH, LOOKS).astype(np.int64)
    rates = np.repeat(FAILING, STREAMS // len(FAILING))
    failed, n = np.zeros((2, STREAMS), dtype=np.int64), np.zeros((2, STREAMS), dtype=np.int64)
    missed, wald, later = np.zeros((3, STREAMS), dtype=np.bool_)
    settings = OutcomeSettings()
    for size in np.diff(looks, prepend=0):
        uncovered = rng.binomial(size, UNCOVERED, STREAMS)
        steps = np.stack([uncovered, size - uncovered])
        n += steps
        failed += rng.binomial(steps, rates)
        bounds = [bounds_of(settings, failed[:, k], n[:, k]) for k in range(STREAMS)]
        said = np.array([bool(each) for each in bounds])
        missed |= np.array([bool(each) and not each[0] <= 1 <= each[1] for each in bounds])
        wald |= wald_misses(failed, n)
        later |= said & wald_misses(failed, n)
    beside = f"Wald {wald.mean():.0%}, {later.mean():.0%} where offmap says something; α = {settings.alpha}"
    measure = f"ratio bounds missed in {STREAMS} null streams of {LENGTH:,}, {LOOKS} looks"
    yield Row(measure, 100 * missed.mean(), at_most=1, unit="%", reference=beside)


def bounds_of(settings: OutcomeSettings, failed: npt.NDArray[np.int64], n: npt.NDArray[np.int64]) -> tuple[float, ...]:
    """Return the bounds that the agent exports after so many failures among n exchanges, uncovered and covered."""
    watch = OutcomeWatch(settings, "")
    state = watch.get_state()
    state["counts"][:, (0, -1), OUTCOMES.index(Kind.FEEDBACK)] = failed, n
    watch.set_state(state)
    found = watch.measure()
    if "offmap_failure_ratio_lower" not in found:
        return ()
    upper = found.get("offmap_failure_ratio_upper", {("feedback",): np.inf})
    return found["offmap_failure_ratio_lower"]["feedback",], upper["feedback",]


def wald_misses(failed: npt.NDArray[np.int64], n: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether Wald's interval of the logarithm of the ratio leaves 0 out."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log((failed[0] / n[0]) / (failed[1] / n[1]))
        spread = np.sqrt((1 / failed - 1 / n).sum(axis=0))
        found: npt.NDArray[np.bool_] = (failed > 0).all(axis=0) & (np.abs(ratio) > 1.96 * spread)
    return found
