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
from agent.baseline_recorder import CrowdRecorder, PairRecorder, RateRecorder
from agent.cell_watch import ACCEPTED, RareCells
from agent.collapse_watch import CollapseWatch
from agent.durable import keep_apart
from agent.intake import Clocks
from agent.profile import STYLE, read_profile, write_profile
from agent.replay import ReplayOutputs, replay
from agent.sampling import HashSampler
from agent.slices import BASELINE, baseline_prefix
from agent.sources.files import FileSource, expand
from detectors.crowd import without_crowd
from detectors.crowd_fit import RUN_LENGTH, fit_crowd
from detectors.evidence_accepted import NAME, accepted_traffic, bettable, to_arrays
from detectors.pair_reference import ACCEPTED as ACCEPTED_PAIRS

if TYPE_CHECKING:
    from agent.pipeline import Pipeline
    from agent.profile import Profile
    from agent.watch import Floats
    from config import Settings, SliceSettings
    from detectors.evidence_accepted import Accepted

SIDE = "prompt"

FEWEST_OF_A_SLICE = 300
"""Prompts (of a session's block one) that a slice needs for a baseline of its own."""

Arrays = dict[str, npt.NDArray[Any]]


class BaselineError(Exception):
    """The traffic cannot serve as a baseline; the message says what is needed."""


class Baseline(NamedTuple):
    """The new profile; `facts` are what its manifest says of the baseline."""

    path: Path
    fingerprint: str
    facts: dict[str, Any]


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
        With the profile to start from. Slices that they name get a baseline of their own, if there is enough of them.
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
        Too few prompts, blocks or time stamps; or the profile was fitted on the same traffic.
    """
    keep_apart(expand(logs), [output])
    profile = read_profile(settings.profile.path, expected_fingerprint=settings.profile.fingerprint)
    rates, crowd = RateRecorder(), CrowdRecorder()
    slices = {name: RateRecorder() for name in settings.slices.names}
    clocks = Clocks(now=None, horizon=time.time, timer=lambda: 0.0)
    pipeline = build_pipeline(settings, profile, clocks, HashSampler(), {"rates": rates, "crowd": crowd})
    answers = _record_answers(pipeline)
    if pipeline.slices is not None:
        pipeline.slices.also = slices
    replay(pipeline, FileSource(logs), ReplayOutputs(), progress)
    times, p_values, style = rates.recorded()
    _check(times, profile)
    accepted = _accepted(times, p_values, block_seconds)
    accepted_style = _accepted(times, style, block_seconds) if np.isfinite(style).all() else None
    own = {name: each for name in slices if (each := _of_a_slice(slices[name], block_seconds)) is not None}
    facts = {"texts": rates.texts} | _facts(times, accepted, block_seconds) | _slice_facts(settings.slices, own)
    before = profile.references[SIDE]
    run_length = float(before.get("mix_run_length", RUN_LENGTH))
    arrays = _without_baseline(before) | to_arrays(accepted) | _slice_arrays(settings.slices, own)
    if isinstance(rare := pipeline.exchanges.get("rare"), RareCells):
        arrays[ACCEPTED] = rare.ended
    arrays |= fit_crowd(crowd.vectors(), run_length=run_length, in_order=crowd.in_order())
    references = {**profile.references, SIDE: arrays}
    if answers is not None:
        references["response"] = answers.over(references["response"])
        facts["answers"] = int(references["response"].get(f"{ACCEPTED_PAIRS}n_pairs", 0))
    if accepted_style is not None:
        facts["style_shares"] = _shares(accepted_style)
        references[STYLE] = {**references[STYLE], **to_arrays(accepted_style)}
    recorded = replace(profile, manifest={**profile.manifest, "baseline": facts}, references=references)
    write_profile(output, recorded)
    return Baseline(output, recorded.fingerprint, facts)


def _record_answers(pipeline: Pipeline) -> PairRecorder | None:
    collapse = pipeline.exchanges.get("collapse")
    if not isinstance(collapse, CollapseWatch):
        return None
    recorder = PairRecorder(collapse.reference)
    pipeline.exchanges = {**pipeline.exchanges, "pairs": recorder}
    return recorder


def _check(times: Floats, profile: Profile) -> None:
    if not len(times):
        raise BaselineError("no prompt in the logs could be scored: try `offmap replay` on them to see why")
    if missing := int(np.isnan(times).sum()):
        raise BaselineError(f"{missing} of {len(times)} prompts have no time stamp: set payload.time_field")
    fitted = profile.manifest.get("production") or {}
    if {"from", "to"} <= set(fitted):
        first, last = (datetime.fromisoformat(fitted[end]).timestamp() for end in ("from", "to"))
        if (within := int(((times >= first) & (times <= last + 1)).sum())) > len(times) / 2:
            raise BaselineError(
                f"{within} of {len(times)} prompts are of the time that the profile was fitted on ({fitted['from']} to "
                f"{fitted['to']}): it knows them too well. Fit on earlier traffic, or record a later one"
            )


def _accepted(times: Floats, p_values: Floats, block_seconds: float) -> Accepted:
    try:
        accepted = accepted_traffic(p_values, np.floor_divide(times, block_seconds).astype(np.int64))
    except ValueError as error:
        raise BaselineError(f"{error}; give more logs, or shorter blocks") from error
    if not bettable(accepted):
        raise BaselineError(f"{len(times)} prompts say too little about the accepted rates: give more logs")
    return accepted


def _of_a_slice(recorder: RateRecorder, block_seconds: float) -> Accepted | None:
    times, p_values, _ = recorder.recorded()
    if len(times) < FEWEST_OF_A_SLICE:
        return None
    try:
        return _accepted(times, p_values, block_seconds)
    except BaselineError:
        return None


def _facts(times: Floats, accepted: Accepted, block_seconds: float) -> dict[str, Any]:
    return {
        "prompts": len(times),
        "blocks": len(np.unique(np.floor_divide(times, block_seconds))),
        "block_seconds": block_seconds,
        "from": _day(times.min()),
        "to": _day(times.max()),
        "shares": _shares(accepted),
    }


def _slice_arrays(slices: SliceSettings, own: Mapping[str, Accepted]) -> Arrays:
    found = ((baseline_prefix(slices, name), to_arrays(each)) for name, each in own.items())
    return {prefix + key: array for prefix, arrays in found for key, array in arrays.items()}


def _slice_facts(slices: SliceSettings, own: Mapping[str, Accepted]) -> dict[str, Any]:
    if not slices.values:
        return {}
    found = {name: {"prompts": int(each.sizes.sum()), "shares": _shares(each)} for name, each in own.items()}
    whole = [name for name in slices.names if name not in own]
    return {"slices": {"field": slices.field, "own": found, "as_the_whole": whole}}


def _shares(accepted: Accepted) -> dict[str, float]:
    shares = accepted.counts.sum(axis=0) / accepted.sizes.sum()
    return {f"{level:g}": round(float(share), 6) for level, share in zip(accepted.levels, shares, strict=True)}


def _without_baseline(arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    kept = without_crowd(arrays)
    return {name: array for name, array in kept.items() if not name.startswith((NAME, BASELINE))}


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
