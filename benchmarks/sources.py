"""Instructions as training: prompts from elsewhere, and false alarms by length on held-out ones."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from benchmarks.baselines import in_words, strangeness, told_apart
from benchmarks.embedded import Scored, Texts, alpaca, clinc, others, score
from benchmarks.table import Row
from detectors.conformal import Conformal
from detectors.fit_reference import fit_reference
from detectors.reference import Reference

FITTED_ON = 5_000
CALIBRATED_ON = 2_100
REDRAWS = 200
LEVEL = 0.05


def rows() -> Iterable[Row]:
    """Alpaca against Dolly, Arena, GSM8K and CLINC150; the share with p ≤ .05 for each bin of lengths."""
    texts = alpaca()
    train, held = texts.take(np.arange(FITTED_ON)), texts.take(np.arange(FITTED_ON, len(texts.owner)))
    calibration, fresh = held.take(np.arange(CALIBRATED_ON)), held.take(np.arange(CALIBRATED_ON, len(held.owner)))
    reference = fit_reference(train, calibration=calibration).reference
    for name, new in foreign().items():
        yield from told(f"Alpaca → {name}", reference, train, fresh, new)
    yield from by_length(reference, held)


def foreign() -> dict[str, Texts]:
    """Prompts from elsewhere, at most 2,000 of each."""
    sets = {"Dolly": "dolly", "Arena": "arena_prompts", "GSM8K": "gsm8k"}
    test = clinc().test
    intents = test.take(np.random.default_rng(0).permutation(len(test.owner))[:2_000])
    return {name: others(file) for name, file in sets.items()} | {"CLINC150": intents}


def told(what: str, reference: Reference, train: Texts, known: Texts, new: Texts) -> Iterable[Row]:
    """How well new prompts are told from known ones, and how many of them count as off the map."""
    scores = [score(reference, part) for part in (known, new)]
    both = np.concatenate([known.vectors, new.vectors])
    baselines = strangeness(train.vectors, both)
    n = len(known.owner)
    beside = in_words({name: told_apart(found[:n], found[n:])[0] for name, found in baselines.items()})
    yield Row(f"{what}: AUROC", told_apart(*(part.novelty for part in scores))[0], reference=beside)
    levels = [float((reference.p_values(*part) <= LEVEL).mean()) for part in scores]
    yield Row(f"{what}: share with p ≤ .05", levels[1], reference=f"held-out Alpaca {levels[0]:.3f}")


def by_length(reference: Reference, held: Texts) -> Iterable[Row]:
    """Realised share at .05 in each bin of lengths: the mean over random splits into calibration and fresh texts.

    One split of this size scatters by more than the bounds allow for; what one split gives stands beside.
    """
    found, rng = score(reference, held), np.random.default_rng(0)
    edges = reference.conformal.edges
    bins = np.searchsorted(edges, found.tokens, side="right")
    shares = np.array([_split(found, edges, bins, rng) for _ in range(REDRAWS)])
    for k, name in enumerate(_names(edges)):
        one, scatter = shares[0, k], shares[:, k].std()
        spread = f"{(bins == k).sum()} held out, half calibrate; one split {one:.3f}, scatter ± {scatter:.3f}"
        measure = f"held-out Alpaca, {name} word pieces: share with p ≤ .05, {REDRAWS} splits"
        yield Row(measure, float(shares[:, k].mean()), at_least=0.03, at_most=0.07, reference=spread)


def _split(found: Scored, edges: np.ndarray, bins: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Share at the level in each bin, for one random half of the texts calibrated on the other."""
    calibrates = rng.permuted(np.arange(len(bins)) % 2 == 0)
    order = np.lexsort((found.novelty[calibrates], bins[calibrates]))
    starts = np.searchsorted(bins[calibrates][order], np.arange(len(edges) + 2)).astype(np.int32)
    conformal = Conformal(found.novelty[calibrates][order], edges, starts)
    low = conformal.p_values(found.novelty[~calibrates], found.tokens[~calibrates]) <= LEVEL
    return np.bincount(bins[~calibrates], low) / np.bincount(bins[~calibrates])


def _names(edges: np.ndarray) -> list[str]:
    """Write the bins of lengths.

    >>> _names(np.array([12, 20]))
    ['under 12', '12 to 19', '20 and more']
    """
    inner = [f"{low} to {high - 1}" for low, high in pairwise(edges)]
    return [f"under {edges[0]}", *inner, f"{edges[-1]} and more"] if len(edges) else ["any number of"]
