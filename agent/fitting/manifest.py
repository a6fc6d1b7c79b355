"""What a profile says about its origin. No training text, unless examples were asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np

from agent.fitting.options import FitOptions
from agent.fitting.rows import Readings, Row
from agent.fitting.scan import Selection

_LONGEST_EXAMPLE = 500


def build_manifest(
    options: FitOptions, readings: Readings, selection: Selection, sides: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Facts for `offmap inspect`, and what production must do alike: `prompt_part`, `max_chunks`."""
    fields = options.fields
    return {
        "offmap": version("offmap"),
        "created": _created(),
        "reference": options.reference,
        "model": options.model,
        "prompt_part": fields.which,
        "max_chunks": options.max_chunks,
        "seed": options.seed,
        "limit": options.limit,
        "training": {
            "files": len(options.train),
            "documents": readings.documents,
            "shapes": dict(readings.shapes),
            "bad": dict(readings.bad),
            "examples": len(selection.groups),
            "group_field": fields.group,
            "synthetic_field": fields.synthetic,
            "synthetic_share": _synthetic_share(selection) if fields.synthetic else None,
            **({"label_field": fields.label} if fields.label else {}),
        },
        "sides": sides,
        **_production(options, readings),
    }


def _production(options: FitOptions, readings: Readings) -> dict[str, Any]:
    """Say from when the traffic is, where its time is known: a baseline must be from another time."""
    if options.logs is None:
        return {}
    if readings.first_time > readings.last_time:
        return {"production": {}}
    ends = {"from": readings.first_time, "to": readings.last_time}
    return {"production": {end: _moment(datetime.fromtimestamp(time, UTC)) for end, time in ends.items()}}


def example_texts(rows: Iterable[Row], selection: Selection, count: int, seed: int) -> list[str]:
    """Prompts drawn at random, cut to 500 characters."""
    places = np.flatnonzero(selection.keep["prompt"])
    chosen = set(np.random.default_rng(seed).permutation(places)[:count].tolist())
    return [str(row.prompt)[:_LONGEST_EXAMPLE] for i, row in enumerate(rows) if i in chosen]


def _synthetic_share(selection: Selection) -> float | None:
    written = selection.synthetic[selection.keep["prompt"]]
    known = written >= 0
    return round(float(written[known].mean()), 4) if known.any() else None


def _created() -> str:
    """Now; or what SOURCE_DATE_EPOCH says, so that a fit can be repeated to the byte (reproducible-builds.org)."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)
    return _moment(moment)


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
