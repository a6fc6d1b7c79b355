"""The second channel of a fit: the source and style of prompts."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from agent.fitting.corpus import Corpus
from agent.fitting.errors import FitError
from agent.fitting.options import Progress
from detectors.fit_reference import Fitted
from detectors.style_fit import fit_style


def style_reference(
    corpus: Corpus, fitted: Fitted, held_out: Corpus | None, seed: int, progress: Progress
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]] | None:
    """Return arrays and facts of the second channel, split as the first was; None where nobody asked for it."""
    if corpus.pieces is None:
        return None
    progress.step("fitting style", 1 + len(fitted.folds))
    held = None if held_out is None else held_out.pieces
    try:
        found = fit_style(corpus.pieces, fitted.folds, held, seed, lambda: progress.advance(1))
    except ValueError as error:
        raise FitError(f"style channel: {error}") from error
    return found.reference.to_arrays(), found.facts
