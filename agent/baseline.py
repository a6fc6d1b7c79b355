"""Record what accepted production traffic is like, ups and downs included: pager and warnings then compare with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.assembly import build_pipeline
from agent.durable import keep_apart
from agent.intake import Clocks
from agent.profile import STYLE, read_profile, write_profile
from agent.replay import ReplayOutputs, replay
from agent.sampling import HashSampler
from agent.sources.files import FileSource, expand
from detectors.crowd import without_crowd
from detectors.crowd_fit import RUN_LENGTH, SAMPLE, fit_crowd
from detectors.evidence_accepted import Accepted, accepted_traffic, to_arrays

if TYPE_CHECKING:
    from agent.tally import State, Tally
    from agent.watch import Measured, SideScores
    from config import Settings

SIDE = "prompt"


class BaselineError(Exception):
    """The traffic cannot serve as a baseline; the message says what is needed."""


class Baseline(NamedTuple):
    """What was recorded: prompts scored, blocks of time, and at each level the share of prompts that reached it.

    `style_shares` are those of the style channel; empty without one.
    """

    path: Path
    fingerprint: str
    prompts: int
    blocks: int
    shares: dict[float, float]
    style_shares: dict[float, float]


def record_baseline(
    settings: Settings,
    logs: Sequence[str | Path],
    output: Path,
    block_seconds: float = 3600.0,
    progress: Callable[[int], None] = lambda _n: None,
) -> Baseline:
    """Replay accepted traffic and write a profile that carries it as its baseline.

    Parameters
    ----------
    settings : Settings
        With the profile to start from.
    logs : sequence of path
        Known-good production, several days of it at best.
    output : Path
        The new profile.
    block_seconds : float
        Length of the blocks of event time over which the rate may move without a page. Hours let the daily and the
        weekly cycle pass; days are stricter at night than by day.
    progress : callable
        Told the number of prompts done since its last call.

    Raises
    ------
    BaselineError
        Too few prompts, blocks or time stamps.
    """
    keep_apart(expand(logs), [output])
    profile = read_profile(settings.profile.path, expected_fingerprint=settings.profile.fingerprint)
    recorder = _Recorder()
    clocks = Clocks(now=None, horizon=time.time, timer=lambda: 0.0)
    pipeline = build_pipeline(settings, profile, clocks, HashSampler(), {"recorder": recorder})
    replay(pipeline, FileSource(logs), ReplayOutputs(), progress)
    times, p_values, style = recorder.recorded()
    blocks = np.floor_divide(times, block_seconds).astype(np.int64)
    try:
        accepted = accepted_traffic(p_values, blocks)
        accepted_style = accepted_traffic(style, blocks) if np.isfinite(style).all() else None
    except ValueError as error:
        raise BaselineError(f"{error}; give more logs, or shorter blocks") from error
    facts = {
        "prompts": len(times),
        "blocks": len(np.unique(blocks)),
        "block_seconds": block_seconds,
        "from": _day(times.min()),
        "to": _day(times.max()),
    }
    before = profile.references[SIDE]
    run_length = float(before.get("mix_run_length", RUN_LENGTH))
    arrays = without_crowd(before) | to_arrays(accepted) | fit_crowd(recorder.vectors(), run_length=run_length)
    manifest = {**profile.manifest, "baseline": facts}
    references = {**profile.references, SIDE: arrays}
    if accepted_style is not None:
        references[STYLE] = {**references[STYLE], **to_arrays(accepted_style)}
    recorded = replace(profile, manifest=manifest, references=references)
    write_profile(output, recorded)
    shares, style_shares = _shares(accepted), {} if accepted_style is None else _shares(accepted_style)
    return Baseline(output, recorded.fingerprint, len(times), len(np.unique(blocks)), shares, style_shares)


class _Recorder:
    """A watcher that keeps every p-value of both channels with its time, and `SAMPLE` vectors drawn at random."""

    def __init__(self) -> None:
        self._parts: list[npt.NDArray[np.float64]] = []
        self._rng = np.random.default_rng(0)
        self._drawn: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float16]]] = []
        self._waiting = 0

    def update(self, times: npt.NDArray[np.float64], scores: SideScores, _tally: Tally) -> None:
        blocks = scores.blocks()  # as the pager and the warnings will see them
        style = np.full(len(times), np.nan) if scores.style_p_value is None else scores.style_p_value
        self._parts.append(np.stack([times, scores.p_value, style])[:, blocks])
        self._drawn.append((self._rng.random(len(blocks)), scores.vector[blocks]))
        self._waiting += len(blocks)
        if self._waiting >= 2 * SAMPLE:
            self._draw()

    def recorded(self) -> npt.NDArray[np.float64]:
        """Return times, p-values and those of the style channel (NaN without one), shape (3, n)."""
        whole = np.concatenate([np.zeros((3, 0)), *self._parts], axis=1)
        if not whole.size:
            raise BaselineError("no prompt in the logs could be scored: try `offmap replay` on them to see why")
        if missing := int(np.isnan(whole[0]).sum()):
            raise BaselineError(f"{missing} of {whole.shape[1]} prompts have no time stamp: set payload.time_field")
        return whole

    def vectors(self) -> npt.NDArray[np.float16]:
        """Return those that were drawn, shape (n, d), n ≥ 1."""
        self._draw()
        return self._drawn[0][1]

    def _draw(self) -> None:
        """Keep the texts with the smallest of the random numbers that each was given."""
        keys, vectors = (np.concatenate(parts) for parts in zip(*self._drawn, strict=True))
        kept = np.argsort(keys)[:SAMPLE]
        self._drawn, self._waiting = [(keys[kept], vectors[kept])], len(kept)

    def measure(self) -> Measured:
        return {}

    def get_state(self) -> State:
        return {}

    def set_state(self, _state: Mapping[str, npt.NDArray[Any]]) -> None: ...


def _shares(accepted: Accepted) -> dict[float, float]:
    """Return the share of accepted texts at each level."""
    return dict(zip(accepted.levels.tolist(), (accepted.counts[0] / accepted.sizes[0]).tolist(), strict=True))


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
