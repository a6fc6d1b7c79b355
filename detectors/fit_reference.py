"""Fit a reference: a scorer, and a calibration that no fitted part has seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.conformal import FEWEST, Conformal
from detectors.coverage_fit import CellTrust
from detectors.fit_scorer import EncodedLike, Texts, cell_trust, fit_scorer, out_of_fold, score_texts
from detectors.folds import keep_together, split
from detectors.layers import LayerScorer
from detectors.reference import Reference, default_weights, mixed
from detectors.rows import LayerRows
from detectors.terms_fit import NO_TERMS, Terms, check_labels, usable_terms
from detectors.twins import Twins, find_twins

FOLDS = 5

MOST_CALIBRATION = 20_000
"""Calibration texts kept: more would take room and lessen nothing that matters (at .01 they scatter by .0007)."""

FOR_CONSTANTS = 0.2
"""Share of held-out texts that give the constants of each layer and do not calibrate; at least `FEWEST_CONSTANTS`."""

FEWEST_CONSTANTS = 50

Progress = Callable[[int, int], None]
"""Called with how many steps are done, and of how many."""


class Fitted(NamedTuple):
    """A reference, and facts about its fit: plain JSON values for people and for the profile's manifest."""

    reference: Reference
    facts: dict[str, Any]
    folds: tuple[npt.NDArray[np.int64], ...] = ()
    """The texts of each fold that was held out, numbered as they own chunks; none where there were held-out texts."""


def fit_reference(
    train: EncodedLike,
    *,
    groups: npt.NDArray[Any] | None = None,
    calibration: EncodedLike | None = None,
    terms: Terms = NO_TERMS,
    seed: int = 0,
    progress: Progress = lambda _done, _of: None,
) -> Fitted:
    """Fit the reference of one kind of text.

    Without held-out texts by grouped cross-fitting: each text is scored by a scorer that saw neither it, nor its group,
    nor a near-duplicate; these scores calibrate the scorer that is then fitted on all. That is approximate: the final
    scorer has seen somewhat more than those that were calibrated.

    Parameters
    ----------
    train : EncodedLike
        Training texts, duplicates dropped. `layers` may be a memmap: it is never copied whole.
    groups : ndarray, shape (n,), optional
        Texts of one group (template, source, seed prompt) never straddle a split.
    calibration : EncodedLike, optional
        Held-out texts from the distribution of `train` and not among them.
    terms : Terms
        What the score is to have beside the distances of the layers; fitted anew for each fold.
    seed : int
        0 or more; the same seed gives the same reference.
    progress : callable, optional

    Raises
    ------
    ValueError
        If there are too few texts, too many rows for the local term, too few or too many labels, labels that cannot be
        told from the texts, or one group is too large to be held out: says how many.
    """
    texts = Texts(train)
    held_texts = None if calibration is None else Texts(calibration)
    _check_enough(texts, held_texts)
    twins = find_twins(LayerRows(texts.layers, -1, np.arange(len(texts.owner))), seed)
    facts: dict[str, Any] = {"texts": len(texts), "chunks": len(texts.owner), "twin_rate": round(twins.rate, 4)}
    wanted = usable_terms(terms.of(texts.kept), len(texts.owner), facts)
    everything = np.arange(len(texts))
    if held_texts is not None:
        folds: list[npt.NDArray[np.int64]] = []
        scorer = fit_scorer(texts, everything, seed, _Ticks(progress, texts, 1), wanted)
        held, trust = _held_out(scorer, held_texts, np.random.default_rng([seed, 1]))
    else:
        folds = _folds(texts, twins, groups, seed, facts)
        tick = _Ticks(progress, texts, len(folds) + 1)
        found, trust = out_of_fold(texts, folds, seed, tick, wanted)
        held = _HeldOut(constants_of(found), found, texts.tokens[np.concatenate(folds)])
        scorer = fit_scorer(texts, everything, seed, tick, wanted)
    facts |= {"method": "cross-fitted" if held_texts is None else "held-out", "cell_trust": trust._asdict()}
    check_labels(wanted, held.constants, facts)
    return _calibrated(scorer, held, np.random.default_rng([seed, 2]), facts)._replace(folds=tuple(folds))


class _HeldOut(NamedTuple):
    """What texts unseen by a scorer say: constants (L + T, 2); distances (n, L + T), tokens (n,) that calibrate."""

    constants: npt.NDArray[np.float64]
    distances: npt.NDArray[np.float64]
    tokens: npt.NDArray[np.int64]


class _Ticks:
    """Tells the progress: one step for each layer of each fit."""

    def __init__(self, progress: Progress, texts: Texts, fits: int) -> None:
        self._progress, self._of, self._done = progress, texts.layers.shape[1] * fits, 0

    def __call__(self) -> None:
        self._done += 1
        self._progress(self._done, self._of)


def _check_enough(texts: Texts, held_texts: Texts | None) -> None:
    if len(texts) < FEWEST:
        raise ValueError(f"{len(texts)} training texts that can be embedded; at least {FEWEST} are needed")
    if held_texts is not None and len(held_texts) < FEWEST + FEWEST_CONSTANTS:
        raise ValueError(
            f"{len(held_texts)} calibration texts that can be embedded; at least {FEWEST + FEWEST_CONSTANTS} are needed"
        )
    if held_texts is not None and held_texts.layers.shape[1:] != texts.layers.shape[1:]:
        raise ValueError(
            f"calibration rows of shape {held_texts.layers.shape[1:]}, training rows of {texts.layers.shape[1:]}"
        )


def constants_of(found: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Median, and 90 % quantile less median, of each column: (L + T, 2)."""
    middle, high = np.quantile(found, [0.5, 0.9], axis=0)
    return np.stack([middle, np.maximum(high - middle, 1e-6)], axis=1)


def _held_out(scorer: LayerScorer, texts: Texts, rng: np.random.Generator) -> tuple[_HeldOut, CellTrust]:
    """Score held-out texts; some give the constants, the others calibrate."""
    unseen = score_texts(scorer, texts, np.arange(len(texts)))
    found = unseen.distances
    order = rng.permutation(len(texts))
    cut = max(FEWEST_CONSTANTS, int(FOR_CONSTANTS * len(texts)))
    held = _HeldOut(constants_of(found[order[:cut]]), found[order[cut:]], texts.tokens[order[cut:]])
    return held, cell_trust(scorer, unseen)


def _folds(
    texts: Texts, twins: Twins, groups: npt.NDArray[Any] | None, seed: int, facts: dict[str, Any]
) -> list[npt.NDArray[np.int64]]:
    """Return the texts of each fold to hold out: as many folds as it takes to score `MOST_CALIBRATION` texts."""
    given = None if groups is None else np.asarray(groups)[texts.kept]
    together = keep_together(texts.owner, twins, given)
    facts |= {"groups": together.n_groups, "near_duplicates_joined_at": together.cosine}
    n_folds = max(FOLDS, len(texts) // MOST_CALIBRATION)
    fold = split(together.labels, n_folds, np.random.default_rng([seed, 1]))
    folds = [members for k in range(n_folds) if len(members := np.flatnonzero(fold == k))]
    enough = int(np.searchsorted(np.cumsum([len(members) for members in folds]), MOST_CALIBRATION)) + 1
    facts["folds"] = len(folds[:enough])
    return folds[:enough]


def _calibrated(scorer: LayerScorer, held: _HeldOut, rng: np.random.Generator, facts: dict[str, Any]) -> Fitted:
    weights = default_weights(len(scorer.prototypes), len(scorer.terms))
    chosen = rng.permutation(len(held.tokens))[:MOST_CALIBRATION]
    conformal = Conformal.fit(mixed(held.distances[chosen], held.constants, weights), held.tokens[chosen])
    facts |= {
        "prototypes": scorer.last.n_cells,
        "calibration_texts": len(chosen),
        "length_bins": [int(size) for size in conformal.sizes],
        "length_edges": [int(edge) for edge in conformal.edges],
        # by how much the realised share at a level scatters with the draw of the calibration texts
        "scatter": {str(level): round(float(np.sqrt(level / len(chosen))), 5) for level in (0.01, 0.05, 0.1)},
    }
    return Fitted(Reference(scorer, held.constants, weights, conformal), facts)
