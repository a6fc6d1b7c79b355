"""Whether bursts, or days and nights, warn of a changed mix although nothing has changed."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from benchmarks.embedded import clinc, read
from benchmarks.table import Row
from detectors.crowd import mix_of
from detectors.crowd_fit import RUN_LENGTH, fit_crowd
from detectors.mix_plan import MixPlan
from detectors.mmd_fit import fit_mix, project, simulate
from detectors.sessions import RecentSessions

Indices = npt.NDArray[np.intp]

STREAMS = 20
SESSIONS = (5, 20)
"""Texts of a session, at least and at most; all about one intent, eight sessions at a time."""
AT_ONCE = 8
DAY = 5_000
"""Texts of a day: half of the domains are asked for up to 1 + swing as often by day as on average, half by night."""
SWINGS = (0.3, 0.6)
ACCEPTED, LATER = 30_000, 10_000


def rows() -> Iterable[Row]:
    """Share of streams that warn; by chance it is some tenth for a run length of 50,000."""
    yield bursts()
    for swing in SWINGS:
        yield from days(swing)


def bursts() -> Row:
    """Compare taking every text with taking the first of each session, as the agent does."""
    data, rng = clinc(), np.random.default_rng(0)
    plan = fit_mix(data.train.vectors, data.validation.vectors, RUN_LENGTH)
    seen = project(data.test.vectors, plan)
    every, first = [], []
    for _ in range(STREAMS):
        texts, sessions = _in_sessions(rng, 60_000)
        every.append(texts[:4_000])
        first.append(texts[RecentSessions().begins(sessions)][:4_000])
    beside = f"every text taken: {_warned(plan, seen, every):.2f}"
    return Row(
        "4,000 sessions about one intent each: streams that warn", _warned(plan, seen, first), None, 0.25, "", beside
    )


def days(swing: float) -> Iterable[Row]:
    """Fit on days and nights, in any order and in theirs, and see what later ones do."""
    data, rng = clinc(), np.random.default_rng(1)
    known = np.array([row["domain"] for row in read("clinc150") if row["split"] == "train" and not row["is_oos"]])
    accepted = data.train.vectors[_days(rng, known, ACCEPTED, swing)]
    plans = [mix_of(fit_crowd(accepted, in_order=order)) for order in ([], [accepted])]
    later = [_days(rng, data.domains, LATER, swing, int(rng.integers(DAY))) for _ in range(STREAMS // 2)]
    plain, tolerant = (_warned(plan, project(data.test.vectors, plan), later) for plan in plans if plan is not None)
    beside = f"thresholds for texts in any order: {plain:.2f}"
    yield Row(f"days and nights that swing by {swing:g}: streams that warn", tolerant, None, 0.4, "", beside)


def _in_sessions(rng: np.random.Generator, n: int) -> tuple[Indices, npt.NDArray[np.int64]]:
    """Draw n texts in sessions, and the session of each."""
    labels = clinc().labels
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    open_sessions: list[list[int]] = []  # number, intent, texts left
    texts, sessions = np.zeros(n, dtype=np.intp), np.zeros(n, dtype=np.int64)
    begun = 0
    for i in range(n):
        while len(open_sessions) < AT_ONCE:
            open_sessions.append(
                [begun, int(rng.integers(len(members))), int(rng.integers(SESSIONS[0], SESSIONS[1] + 1))]
            )
            begun += 1
        place = int(rng.integers(AT_ONCE))
        session = open_sessions[place]
        texts[i], sessions[i] = rng.choice(members[session[1]]), session[0]
        session[2] -= 1
        if not session[2]:
            del open_sessions[place]
    return texts, sessions


def _days(rng: np.random.Generator, domains: npt.NDArray[np.str_], n: int, swing: float, start: int = 0) -> Indices:
    """Draw n texts of which domains are asked for by day or by night."""
    of, _ = np.unique(domains, return_inverse=True)
    members = [np.flatnonzero(domains == domain) for domain in of]
    by_day = np.where(np.arange(len(of)) % 2 == 0, 1, -1)
    parts = []
    for at in range(start, start + n, 100):
        weights = 1 + by_day * swing * np.sin(2 * np.pi * at / DAY)
        parts += [rng.choice(members[k]) for k in rng.choice(len(of), size=100, p=weights / weights.sum())]
    return np.array(parts[:n], dtype=np.intp)


def _warned(plan: MixPlan, seen: npt.NDArray[np.float32], streams: list[Indices]) -> float:
    """Return the share of streams, given as indices of projected texts, that warn at all."""
    steps = np.stack([stream[: min(map(len, streams))] for stream in streams], axis=1)
    warned = np.zeros(len(streams), dtype=np.bool_)
    for distances in simulate(plan, (seen[step] for step in steps)):
        warned |= (distances >= plan.thresholds).any(axis=1)
    return float(warned.mean())
