"""One reference a side: prompts, and responses where there are enough of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.fitting.corpus import Corpus
from agent.fitting.errors import FitError
from agent.fitting.options import FitOptions, Progress
from agent.fitting.pairs import LACKING, pair_arrays, synthetic_arrays
from agent.fitting.scan import Selection
from agent.fitting.style import style_reference
from agent.fitting.watched import watched_arrays
from detectors.conformal import FEWEST
from detectors.fit_reference import FEWEST_CONSTANTS, Fitted, fit_reference
from detectors.heads_fit import usable_labels
from detectors.local import MOST_ROWS
from detectors.pair_reference import PREFIX
from detectors.terms_fit import Terms

FEWEST_HELD_OUT = FEWEST + FEWEST_CONSTANTS
"""Calibration texts that a reference needs; training texts: `FEWEST`."""


def check_labels(field: str | None, selection: Selection) -> None:
    """Refuse labels that no head can be trained on, before the texts are embedded.

    Raises
    ------
    FitError
        There are too few or too many of them.
    """
    if field is None:
        return
    try:
        usable_labels(selection.labels[selection.keep["prompt"]])
    except ValueError as error:
        raise FitError(f"the labels in the field {field!r}: {error}") from error


def fit_sides(
    options: FitOptions,
    selection: Selection,
    corpora: Mapping[str, Corpus],
    calibration: Mapping[str, Corpus],
    progress: Progress,
) -> tuple[dict[str, dict[str, npt.NDArray[Any]]], dict[str, dict[str, Any]]]:
    """Return each side's arrays and facts. Responses are left out where there are too few of them."""
    references: dict[str, dict[str, npt.NDArray[Any]]] = {}
    facts: dict[str, dict[str, Any]] = {}
    for side, corpus in corpora.items():
        count = len(corpus.rows)
        if side == "response" and count < FEWEST:
            if count:
                progress.note(f"{count} responses are too few for a reference (at least {FEWEST}): not scored")
            continue
        progress.step(f"fitting {side}s")
        held_out = calibration.get(side)
        if held_out is not None and side == "response" and len(held_out.rows) < FEWEST_HELD_OUT:
            progress.note(f"{len(held_out.rows)} held-out responses are too few: calibrated by cross-fitting")
            held_out = None
        terms = _terms(side, options, selection, corpus, progress)
        fitted = _fit(corpus, selection.groups, held_out, terms, options.seed, progress)
        references[side] = fitted.reference.to_arrays() | corpus.words.to_arrays() | {"script_counts": corpus.scripts}
        if side == "prompt":
            references[side] |= watched_arrays(fitted, corpus, held_out, options)
            references[side] |= synthetic_arrays(options, selection, corpus, fitted.reference, progress)
        left_out = {"duplicates": selection.duplicates[side], "empty": corpus.empty}
        facts[side] = {**fitted.facts, **left_out, "truncated": int(corpus.encoded.truncated.sum())}
        if (style := style_reference(corpus, fitted, held_out, options.seed, progress)) is not None:
            references["style"], facts[side]["style"] = style
    if "response" in references:
        pairs = pair_arrays(options, selection, corpora, progress)
        references["response"] |= pairs
        facts["response"]["pairs"] = int(pairs[PREFIX + "n_pairs"]) if pairs else 0
    else:
        progress.note(f"no responses in training: {LACKING}")
    return references, facts


def _terms(side: str, options: FitOptions, selection: Selection, corpus: Corpus, progress: Progress) -> Terms:
    """Choose what sharpens this side's score: a label is about a prompt."""
    n_rows = len(corpus.encoded.owner)
    local = options.local_term and n_rows <= MOST_ROWS
    if options.local_term and not local:
        progress.note(f"{n_rows:,} rows of {side}s are too many for the local term (at most {MOST_ROWS:,}): without it")
    labelled = options.fields.label is not None and side == "prompt"
    return Terms(local, selection.labels[corpus.rows] if labelled else None)


def _fit(
    corpus: Corpus,
    groups: npt.NDArray[np.int64],
    held_out: Corpus | None,
    terms: Terms,
    seed: int,
    progress: Progress,
) -> Fitted:
    mine = groups[corpus.rows]
    given = np.unique(mine, return_inverse=True)[1] if (mine >= 0).any() else None
    calibration = None if held_out is None else held_out.encoded
    try:
        return fit_reference(
            corpus.encoded,
            groups=given,
            calibration=calibration,
            terms=terms,
            seed=seed,
            progress=lambda _done, of: progress.advance(1, of),
        )
    except ValueError as error:
        raise FitError(str(error)) from error
