"""The same pipeline on logged traffic, with event time as the clock: the same input gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TextIO

from agent.board import Board
from agent.metrics import render_openmetrics
from agent.score_rows import OPTIONAL
from agent.service import Service, ServiceOptions

if TYPE_CHECKING:
    from agent.pipeline import Pipeline
    from agent.score_rows import ScoreRow
    from agent.seams import Source
    from agent.tally import Snapshot


class ReplayError(Exception):
    """An output file cannot be written; the message names it."""


class ReplayOutputs(NamedTuple):
    """Files to write: one JSON row for each prompt, and the final metrics as OpenMetrics. None: not wanted."""

    scores: Path | None = None
    metrics: Path | None = None


class ReplayResult(NamedTuple):
    """What a replay found: the final snapshot, and the prompts seen (scored or not).

    `terms` are the words that set each region apart, by side and region, where they were asked for; `reference` is what
    the profile was fitted on, "training" or "production".
    """

    snapshot: Snapshot
    n_prompts: int
    terms: Mapping[str, Mapping[str, Sequence[str]]] = MappingProxyType({})
    reference: str = "training"


def replay(
    pipeline: Pipeline, source: Source, outputs: ReplayOutputs, progress: Callable[[int], None] = lambda _n: None
) -> ReplayResult:
    """Run `source` to its end through `pipeline`.

    Parameters
    ----------
    pipeline : Pipeline
    source : Source
        One that ends.
    outputs : ReplayOutputs
    progress : callable
        Told the number of prompts done since its last call.

    Raises
    ------
    ReplayError
        An output cannot be written.
    """
    n_prompts = 0
    with ExitStack() as files:
        scores = files.enter_context(_open(outputs.scores)) if outputs.scores else None

        def sink(rows: Sequence[ScoreRow]) -> None:
            nonlocal n_prompts
            if scores is not None:
                scores.writelines(map(_line, rows))
            n_prompts += len(rows)
            progress(len(rows))

        Service(pipeline, None, Board(), ServiceOptions()).run(source, Event(), sink)
    snapshot = pipeline.evaluate()
    if outputs.metrics:
        with _open(outputs.metrics) as file:
            file.write(render_openmetrics(snapshot).decode())
    return ReplayResult(snapshot, n_prompts)


def _line(row: ScoreRow) -> str:
    fields = {name: value for name, value in row._asdict().items() if value is not None or name not in OPTIONAL}
    return json.dumps(fields, ensure_ascii=False) + "\n"


def _open(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise ReplayError(
            f"{path} cannot be written ({error.strerror}): name a file in a folder that exists"
        ) from error
