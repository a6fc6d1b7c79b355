"""What answers in production are compared with: pairs of training prompts and responses; and where rows came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.fitting.corpus import Corpus, corpus_vectors
from agent.fitting.options import FitOptions, Progress
from agent.fitting.scan import Selection
from detectors.collapse_fit import FEWEST_PAIRS, MOST_PAIRS, TrainingPairs, fit_pairs
from detectors.kmeans import LAST_STEP, assign
from detectors.near import Whole
from detectors.pair_reference import PREFIX
from detectors.reference import Reference
from detectors.rows import LayerRows

MOST_HASHES = 250_000
"""Responses that an answer is compared with to the word: 8 bytes each, in the profile and in the agent."""

LACKING = "whether answers narrow, echo training, come again or lose their rare kinds is not watched"


def pair_arrays(
    options: FitOptions, selection: Selection, corpora: Mapping[str, Corpus], progress: Progress
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that stand beside the responses' reference; none where there are too few pairs."""
    prompts, responses = corpora["prompt"], corpora["response"]
    answers = selection.answers[prompts.rows]
    place = np.searchsorted(responses.rows, answers)
    place[place == len(responses.rows)] = 0
    whole = np.flatnonzero((answers >= 0) & (responses.rows[place] == answers)) if len(responses.rows) else place[:0]
    rng = np.random.default_rng([options.seed, 6])
    drawn = rng.permutation(whole)[:MOST_PAIRS]
    fitted = None
    if len(drawn) >= FEWEST_PAIRS:
        pairs = _pairs(selection, corpora, drawn, place[drawn])
        fitted = fit_pairs(pairs, _hashes(selection, progress), options.seed)
    if fitted is None:
        progress.note(
            f"too few of {len(whole):,} pairs have different prompts (at least {FEWEST_PAIRS} are needed): {LACKING}"
        )
        return {}
    return {PREFIX + name: array for name, array in fitted.to_arrays().items()}


def synthetic_arrays(
    options: FitOptions, selection: Selection, corpus: Corpus, reference: Reference, progress: Progress
) -> dict[str, npt.NDArray[Any]]:
    """Return the share of each cell of prompts that a model wrote, (synthetic + 1)/(n + 2); nothing if unknown.

    Rows whose flag does not say are left out; a cell of such rows only has the share of all others.
    """
    if options.fields.synthetic is None:
        return {}
    said = selection.synthetic[corpus.rows] >= 0
    if not said.all():
        without = " and no share by cell" if not said.any() else ""
        progress.note(
            f"{(~said).sum():,} of {len(said):,} prompts do not say who wrote them (`{options.fields.synthetic}` is "
            "neither true, yes, 1, synthetic, model nor false, no, 0, human, real): "
            f"there is no claim about them{without}"
        )
    if not said.any():
        return {}
    cells = reference.scorer.last
    n = len(corpus.rows)
    texts = np.sort(np.random.default_rng([options.seed, 7]).choice(n, min(n, LAST_STEP), replace=False))
    first = np.flatnonzero(np.diff(corpus.encoded.owner, prepend=-1))[texts]
    centroids = Whole(cells.rows[0], cells.scales[0]).unit()
    rows = LayerRows(corpus.encoded.layers, -1, first)
    cell = np.concatenate([assign(block, centroids).nearest for block in rows.blocks()])
    written = selection.synthetic[corpus.rows[texts]]
    cell, written = cell[written >= 0], written[written >= 0]
    synthetic, count = (np.bincount(cell, weights=weights, minlength=cells.n_cells) for weights in (written, None))
    share = np.where(count > 0, (synthetic + 1) / (count + 2), written.mean() if len(written) else 0.5)
    return {"synthetic_share": share.astype(np.float32)}


def _pairs(
    selection: Selection,
    corpora: Mapping[str, Corpus],
    drawn: npt.NDArray[np.int64],
    answered: npt.NDArray[np.int64],
) -> TrainingPairs:
    """Put the vectors of prompts and of their responses side by side, in the order drawn."""
    rows = corpora["prompt"].rows
    times = np.bincount(selection.answers[rows][selection.answers[rows] >= 0], minlength=len(selection.answers))
    vectors = []
    for side, texts in (("prompt", drawn), ("response", answered)):
        distinct, where = np.unique(texts, return_inverse=True)
        vectors.append(corpus_vectors(corpora[side], distinct)[where])
    mine = rows[drawn]
    wordings = selection.wordings[mine]
    again = (wordings > 0) & (times[selection.answers[mine]] > 1)
    return TrainingPairs(vectors[0], vectors[1], wordings, again, selection.groups[mine])


def _hashes(selection: Selection, progress: Progress) -> npt.NDArray[np.uint64]:
    """Return the hashes of all responses; of too many the smallest, which are as good as drawn at random."""
    hashes = np.unique(selection.wordings[selection.wordings > 0])
    if len(hashes) > MOST_HASHES:
        progress.note(f"answers are compared to the word with {MOST_HASHES:,} of {len(hashes):,} responses")
    return hashes[:MOST_HASHES]
