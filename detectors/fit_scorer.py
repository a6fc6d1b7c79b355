"""Fit what scores a text: the maps between layers, the prototypes of each, and the terms that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from detectors.blocks import spans
from detectors.coverage_fit import CellTrust, fit_trust
from detectors.kmeans import SAMPLE, fit_prototypes, n_prototypes
from detectors.layers import LayerScorer
from detectors.reference import text_tokens
from detectors.rows import LayerRows, fit_map
from detectors.terms_fit import NO_TERMS, Terms, fit_terms

N_SEEDS = 3
"""Runs of k-means whose distances are averaged: one alone scatters by .003 of AUROC."""

SCORED = 1024
"""Texts scored at a time."""


class EncodedLike(Protocol):
    """Embedded texts, as plain arrays; `layers` may be float16 and a memmap."""

    @property
    def layers(self) -> npt.NDArray[Any]:
        """Unit rows of m chunks, the last layer last, shape (m, L, d)."""

    @property
    def tokens(self) -> npt.NDArray[np.int32]:
        """Word pieces of each chunk, shape (m,)."""

    @property
    def owner(self) -> npt.NDArray[np.int32]:
        """The text that each chunk belongs to, ascending, shape (m,)."""


class Texts:
    """Embedded texts, renumbered so that each of the n owns a chunk.

    Attributes
    ----------
    kept : ndarray of int32, shape (n,)
        Their numbers before.
    owner : ndarray of int64, shape (m,)
        Their new ones, of each chunk.
    tokens : ndarray of int64, shape (n,)
        Word pieces of each text.
    """

    def __init__(self, encoded: EncodedLike) -> None:
        self.kept, self.owner = np.unique(encoded.owner, return_inverse=True)
        self.layers = encoded.layers
        self.tokens = text_tokens(encoded.tokens, self.owner, len(self.kept))

    def __len__(self) -> int:
        return len(self.kept)

    def chunks(self, texts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the rows that belong to some texts (both ascending)."""
        chosen = np.zeros(len(self), dtype=bool)
        chosen[texts] = True
        return np.flatnonzero(chosen[self.owner])


def fit_scorer(
    texts: Texts,
    chosen: npt.NDArray[np.int64],
    seed: int,
    tick: Callable[[], None] = lambda: None,
    terms: Terms = NO_TERMS,
) -> LayerScorer:
    """Fit maps, prototypes and terms on some of the texts; `tick` is called after each layer."""
    index = texts.chunks(chosen)
    n_layers = texts.layers.shape[1]
    prototypes, maps = [], []
    for layer in range(n_layers):
        rows = LayerRows(texts.layers, layer, index)
        if layer < n_layers - 1:
            maps.append(fit_map(rows.sample(SAMPLE, np.random.default_rng(seed))))
            rows = rows.mapped(maps[-1])
        seeds = [seed * n_layers * N_SEEDS + layer * N_SEEDS + i for i in range(N_SEEDS)]
        prototypes.append(fit_prototypes(rows, n_prototypes(len(index)), seeds))
        tick()
    dim = texts.layers.shape[2]
    mine = terms.of(texts.owner[index])
    fitted = fit_terms(texts.layers, index, mine, seed)
    return LayerScorer(prototypes, np.array(maps, dtype=np.float16).reshape(-1, dim, dim), fitted)


class Unseen(NamedTuple):
    """What a scorer says about n texts that it has not seen: distances (n, L + T) and cells (n,)."""

    distances: npt.NDArray[np.float64]
    cells: npt.NDArray[np.int32]


def score_texts(scorer: LayerScorer, texts: Texts, chosen: npt.NDArray[np.int64]) -> Unseen:
    """Score some of the texts (ascending) with the code that production runs."""
    found = []
    for where in spans(len(chosen), SCORED):
        index = texts.chunks(chosen[where])
        owner = np.searchsorted(chosen[where], texts.owner[index]).astype(np.int32)
        found.append(scorer.score(texts.layers[index], owner, where.stop - where.start))
    return Unseen(*map(np.concatenate, zip(*found, strict=True)))


def cell_trust(scorer: LayerScorer, unseen: Unseen) -> CellTrust:
    """Find how far the scorer's cells keep what they promise, from texts that it has not seen."""
    counts = scorer.last.counts[0]
    return fit_trust(counts, np.bincount(unseen.cells, minlength=len(counts)))


def out_of_fold(
    texts: Texts,
    folds: Sequence[npt.NDArray[np.int64]],
    seed: int,
    tick: Callable[[], None] = lambda: None,
    terms: Terms = NO_TERMS,
) -> tuple[npt.NDArray[np.float64], CellTrust]:
    """Score each fold's texts with a scorer fitted on all the others.

    Returns
    -------
    distances : ndarray of float64, shape (texts in the folds, L + T)
        Fold after fold.
    trust : CellTrust
        What the folds say, the middle of it.
    """
    found, trusts = [], []
    for members in folds:
        others = np.setdiff1d(np.arange(len(texts)), members, assume_unique=True)
        scorer = fit_scorer(texts, others, seed, tick, terms)
        unseen = score_texts(scorer, texts, members)
        found.append(unseen.distances)
        trusts.append(cell_trust(scorer, unseen))
    return np.concatenate(found), CellTrust(*np.median(trusts, axis=0).tolist())
