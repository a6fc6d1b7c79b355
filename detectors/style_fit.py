"""Fit the second channel: prototypes of word pieces, and a calibration that they have not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.conformal import Conformal
from detectors.fit_reference import MOST_CALIBRATION, constants_of
from detectors.kmeans import ROWS_A_PROTOTYPE, fit_prototypes
from detectors.prototypes import Prototypes
from detectors.reference import text_tokens
from detectors.rows import LayerRows
from detectors.style import StyleReference, chunk_distance, standardised, text_means

MOST_PROTOTYPES = 2000
"""Half of them cost half and tell Dolly from Alpaca worse by .017 of AUROC; twice as many cost twice, for nothing."""


class PieceStates(NamedTuple):
    """The states of all word pieces of m chunks of some of n texts.

    Attributes
    ----------
    states : ndarray or memmap of float32, shape (t, d)
        Chunk after chunk, special word pieces left out.
    starts : ndarray of int64, shape (m + 1,)
        Where each chunk begins in `states`, and t at the end.
    owner : ndarray of int64, shape (m,)
        Ascending: the text that each chunk is of.
    tokens : ndarray of int32, shape (m,)
        Word pieces of each chunk as production counts them: special ones included.
    """

    states: npt.NDArray[np.float32]
    starts: npt.NDArray[np.int64]
    owner: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int32]

    def rows(self, chosen: npt.NDArray[np.bool_]) -> LayerRows:
        """Return the states of some of the chunks (m,), nothing read yet."""
        index = np.flatnonzero(np.repeat(chosen, np.diff(self.starts)))
        return LayerRows(self.states[:, None], 0, index)


class FittedStyle(NamedTuple):
    """A reference of style, and facts about its fit: plain JSON values."""

    reference: StyleReference
    facts: dict[str, Any]


def fit_style(
    train: PieceStates,
    folds: Sequence[npt.NDArray[np.int64]],
    held_out: PieceStates | None = None,
    seed: int = 0,
    tick: Callable[[], None] = lambda: None,
) -> FittedStyle:
    """Fit the second channel, calibrated as the first is: on held-out texts, or by cross-fitting over the same folds.

    Parameters
    ----------
    train : PieceStates
        Of training texts drawn at random.
    folds : sequence of ndarray of int64
        Numbers of the texts that are scored by prototypes which saw none of them, fold by fold; looked at where there
        are no held-out texts. May name texts that `train` does not have.
    held_out : PieceStates, optional
    seed : int
        0 or more; the same seed gives the same reference.
    tick : callable
        Called after each of the fits: one, and one more for each fold.

    Raises
    ------
    ValueError
        If there are too few texts to calibrate on: says how many are needed.
    """
    everything = np.ones(len(train.owner), dtype=np.bool_)
    final = _prototypes(train, everything, seed)
    tick()
    if held_out is not None:
        means, tokens = _scored(final, held_out, np.ones(len(held_out.owner), dtype=np.bool_))
    else:
        found = []
        for members in folds:
            mine = np.isin(train.owner, members)
            found.append(_scored(_prototypes(train, ~mine, seed), train, mine))
            tick()
        means, tokens = (np.concatenate(parts) for parts in zip(*found, strict=True))
    chosen = np.random.default_rng([seed, 5]).permutation(len(means))[:MOST_CALIBRATION]
    constants = constants_of(means[:, None])[0]
    conformal = Conformal.fit(standardised(means[chosen], constants), tokens[chosen])
    facts = {
        "prototypes": final.n_cells,
        "texts": len(np.unique(train.owner)),
        "word_pieces": len(train.states),
        "mean_word_pieces": round(float(np.diff(train.starts).sum() / len(np.unique(train.owner))), 1),
        "calibration_texts": len(chosen),
        "length_bins": [int(size) for size in conformal.sizes],
    }
    return FittedStyle(StyleReference(final, constants, conformal), facts)


def _prototypes(train: PieceStates, chosen: npt.NDArray[np.bool_], seed: int) -> Prototypes:
    rows = train.rows(chosen)
    return fit_prototypes(rows, max(1, min(len(rows) // ROWS_A_PROTOTYPE, MOST_PROTOTYPES)), [seed])


def _scored(
    prototypes: Prototypes, pieces: PieceStates, chosen: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return t and word pieces of each text that owns one of the chosen chunks, with the code that production runs."""
    chunks = np.flatnonzero(chosen)
    bounds = zip(pieces.starts[chunks], pieces.starts[chunks + 1], strict=True)
    found = np.array([chunk_distance(prototypes, np.asarray(pieces.states[a:b])) for a, b in bounds])
    texts, owner = np.unique(pieces.owner[chunks], return_inverse=True)
    return text_means(found, owner, len(texts)), text_tokens(pieces.tokens[chunks], owner, len(texts))
