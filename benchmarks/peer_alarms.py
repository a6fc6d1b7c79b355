"""Run length without drift and delay with it, offmap's and the peers': the same streams, the same settings.

Peers are at their defaults. Alibi Detect alone can be asked for a run length; the dummy alarms at random at that rate.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.embedded import clinc, clinc_reference, score
from benchmarks.false_alarms import MODES
from benchmarks.foreign import ask
from benchmarks.streams import Draw, anything, more_of
from benchmarks.table import Row
from detectors.evidence import TailEvidence
from detectors.evidence_accepted import held_out
from detectors.mmd import MixChange
from detectors.mmd_fit import fit_mix

TARGET = 5_000
STREAMS = 100
BEFORE = 600
"""Messages without drift that come first, so that a detector without a reference learns what is usual."""
LONGEST = {"run": 2 * TARGET, "drift": TARGET}
BLOCK = 256
GROUPS = 5
SLOW = 4
"""Streams in each of the groups that Alibi Detect gets, which is set up anew for each group."""
REFERENCE = 1_000
"""Texts that it compares with: its set-up takes their square."""

Ints = npt.NDArray[np.int64]
QUIET = "no drift"


class Texts(NamedTuple):
    """In-scope test texts and then out-of-scope ones: embeddings (n, d), novelty and p-values (n,)."""

    vectors: npt.NDArray[np.float32]
    novelty: npt.NDArray[np.float64]
    p_values: npt.NDArray[np.float64]


def rows() -> Iterable[Row]:
    """Compare all detectors on streams of CLINC150."""
    texts, drifts = clinc_texts(), streams()
    mine = {name: ours(make, values, drifts) for name, (make, values) in detectors(texts).items()}
    others = peers(texts, drifts)
    for what, drawn in drifts.items():
        cut = drawn.shape[1] - BEFORE
        tell = run_length if what == QUIET else delay
        beside = ", ".join(_beside(name, np.array(found[what]), cut, tell) for name, found in others.items())
        for name, found in mine.items():
            if name != MIX and what in BY_MIX:
                continue
            said = f"messages between alarms, {TARGET:,} asked" if what == QUIET else f"messages until {what} is told"
            said = f"{said}, {STREAMS} streams"
            least = TARGET if what == QUIET else None
            yield Row(f"{said}: {name}", tell(np.array(found[what]), cut), at_least=least, reference=beside)


def clinc_texts() -> Texts:
    """Score CLINC150's test texts."""
    data, reference = clinc(), clinc_reference()
    scored = [score(reference, part) for part in (data.test, data.strange)]
    vectors = np.concatenate([data.test.vectors, data.strange.vectors])
    p_values = np.concatenate([reference.p_values(*part) for part in scored])
    return Texts(vectors, np.concatenate([part.novelty for part in scored]), p_values)


SHARES = (0.05, 0.10, 0.30, 1.0)
BY_MIX = ("one domain 30 % more", "50 of 150 intents left")


def streams() -> dict[str, Ints]:
    """Draw what comes before the drift and after it, shape (STREAMS, m) each."""
    data, rng = clinc(), np.random.default_rng(0)
    n, n_strange = len(data.test.owner), len(data.strange.owner)
    strange = np.arange(n, n + n_strange)
    domains, intents = np.unique(data.domains), np.unique(data.labels)
    more = [more_of(np.flatnonzero(data.domains == domains[i % len(domains)]), n, 0.3) for i in range(STREAMS)]
    fewer = [
        _only(np.flatnonzero(np.isin(data.labels, rng.choice(intents, 50, replace=False)))) for _ in range(STREAMS)
    ]
    drifts: dict[str, list[Draw]] = {QUIET: [anything(n)] * STREAMS}
    drifts |= {f"{share:.0%} out-of-scope": [more_of(strange, n, share)] * STREAMS for share in SHARES}
    drifts |= dict(zip(BY_MIX, (more, fewer), strict=True))
    return {what: np.array([_stream(rng, n, draw, what) for draw in draws]) for what, draws in drifts.items()}


def _stream(rng: np.random.Generator, n: int, draw: Draw, what: str) -> Ints:
    longest = LONGEST["run" if what == QUIET else "drift"]
    return np.concatenate([rng.integers(n, size=BEFORE), draw(rng, longest)])


def _only(part: npt.NDArray[np.intp]) -> Draw:
    return lambda rng, size: rng.choice(part, size)


MIX = "mix warning"
Detector = TailEvidence | MixChange


def detectors(texts: Texts) -> dict[str, tuple[Callable[[], Detector], npt.NDArray[np.floating]]]:
    """Offmap's, each with what it is given of a text."""
    data, accepted = clinc(), held_out(clinc_reference().conformal.sizes)
    plans = {mode: choose(accepted, TARGET) for mode, choose in MODES.items()}
    mix = fit_mix(data.train.vectors, data.validation.vectors, TARGET)
    found = {f"pager, {mode}": (lambda plan=plan: TailEvidence(plan), texts.p_values) for mode, plan in plans.items()}
    return found | {MIX: (lambda: MixChange(mix), texts.vectors)}


def ours(make: Callable[[], Detector], values: npt.NDArray, drifts: dict[str, Ints]) -> dict[str, list[int]]:
    """Messages until the first alarm of each stream from the drift on, 0 for none: as the peers' scripts count."""
    return {what: [first_alarm(make(), values[stream]) for stream in drawn] for what, drawn in drifts.items()}


def first_alarm(detector: Detector, values: npt.NDArray) -> int:
    """Let a detector see the messages before the drift, take back what it says of them, and see the others."""
    detector.update(values[:BEFORE])
    before = 0 if detector.alarm else BEFORE
    if detector.alarm:
        detector.acknowledge()
    for start in range(BEFORE, len(values), BLOCK):
        detector.update(values[start : start + BLOCK])
        if detector.alarm_message:
            return detector.alarm_message - before
    return 0


def peers(texts: Texts, drifts: dict[str, Ints]) -> dict[str, dict[str, list[int]]]:
    """Ask the peers, by the name that a row gives them."""
    data, given = clinc(), {"before": BEFORE, "run_length": TARGET}
    reference = data.validation.vectors[np.random.default_rng(1).permutation(len(data.validation.owner))[:REFERENCE]]
    few = {what: drawn[: GROUPS * SLOW].reshape(GROUPS, SLOW, -1) for what, drawn in drifts.items()}
    found = {
        "Alibi online MMD": ask("alibi", "alarms", values=texts.vectors, reference=reference, **given, **few),
        "River": ask("river", "alarms", values=texts.novelty, **given, **drifts),
        "dummy": ask("dummy", "alarms", values=texts.novelty, **given, **drifts),
    }
    return {f"{peer} {name}": said for peer, names in found.items() for name, said in names.items()}


def run_length(first: Ints, cut: int) -> float:
    """Messages watched for each alarm: what is not over is cut (the maximum likelihood of a constant rate)."""
    watched = np.where(first > 0, first, cut).sum()
    return float(watched / max((first > 0).sum(), 1))


def delay(first: Ints, cut: int) -> float:
    """Mean messages until the alarm, a stream without one counted as its whole length."""
    return float(np.where(first > 0, first, cut).mean())


def _beside(name: str, first: Ints, cut: int, tell: Callable[[Ints, int], float]) -> str:
    """Write what a peer reached, and on how many streams where these were fewer."""
    streams = "" if len(first) == STREAMS else f" ({len(first)} streams)"
    none = "none in " if tell is run_length and not first.any() else ""
    return f"{name}{streams} {none}{tell(first, cut):,.0f}"
