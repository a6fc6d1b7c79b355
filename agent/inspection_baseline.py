"""What a profile's baseline accepts, and what the pager makes of it: for people, and as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import numpy.typing as npt

from config import PagerSettings
from detectors.evidence_accepted import from_arrays
from detectors.evidence_fit import guaranteed

RUN_LENGTH = PagerSettings().run_length
"""The settings' default, by which days are shown: tolerated rates do not depend on it."""


def baseline_facts(recorded: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """Add to the facts of a baseline the rates that the pager tolerates, and how often it would page falsely."""
    facts = dict(recorded)
    if (accepted := from_arrays(arrays)) is not None:
        plan = guaranteed(accepted, RUN_LENGTH)
        rates = zip(plan.levels.tolist(), plan.rates.tolist(), strict=True)
        facts["tolerated"] = {f"{level:g}": round(rate, 6) for level, rate in rates}
    first, last = (datetime.fromisoformat(recorded[end]) for end in ("from", "to"))
    days = (last - first).total_seconds() / 86_400
    if days > 0:
        facts["prompts_a_day"] = round(recorded.get("texts", recorded["prompts"]) / days, 1)
        facts["run_length_days"] = round(RUN_LENGTH / facts["prompts_a_day"], 2)
    return facts


def baseline_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Say it in a few lines."""
    yield f"{facts['prompts']:,} accepted prompts in {facts['blocks']:,} blocks, {facts['from']} to {facts['to']}"
    tolerated = facts.get("tolerated", {})
    for level, share in facts.get("shares", {}).items():
        rate = (
            f", the pager tolerates {tolerated[level]:.2%}" if level in tolerated else ", unused: too little is known"
        )
        yield f"  {share:7.2%} at p ≤ {level}{rate}"
    for level, share in facts.get("style_shares", {}).items():
        yield f"  {share:7.2%} at p ≤ {level} (style channel)"
    if slices := facts.get("slices"):
        for name, found in slices["own"].items():
            shares = ", ".join(f"{share:.2%} at p ≤ {level}" for level, share in found["shares"].items())
            yield f"  {slices['field']} {name}: {found['prompts']:,} prompts, {shares}"
        if slices["as_the_whole"]:
            yield f"  {slices['field']} {', '.join(slices['as_the_whole'])}: too few prompts, compared with all traffic"
    if (answers := facts.get("answers")) is not None:
        found = f"{answers:,} exchanges with different prompts" if answers else "too few, compared with training's"
        yield f"  answers, given what was asked: {found}"
    if "prompts_a_day" in facts:
        yield (
            f"  {facts['prompts_a_day']:,.0f} prompts a day: with the default pager.run_length of {RUN_LENGTH:,}, "
            f"{facts['run_length_days']:,.1f} days between false pages"
        )
