"""How well new topics are told from known ones: the mix, with the local term, with training labels; several seeds.

Texts are embedded once as production embeds them; each seed is a fit of its own, read back as a profile would hold it.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.baselines import MEASURES, in_words, strangeness, told_apart
from benchmarks.embedded import Texts, clinc, embed, read
from benchmarks.table import Row
from detectors.fit_reference import fit_reference
from detectors.reference import Reference
from detectors.terms_fit import NO_TERMS, Terms

Floats = npt.NDArray[np.float64]

SEEDS = range(5)
SNGP = "SNGP ensemble trained with labels {}, {}"
PUBLISHED = (".973", ".910", "–")
BOUNDS = {"the mix": (0.978, 0.928, 0.10), "with the local term": (0.980, 0.934, 0.095)}
BOUNDS |= {"with labels and the local term": (0.984, 0.944, 0.075)}


class Known(NamedTuple):
    """Texts to fit on and to calibrate with, and the label of each of the former."""

    train: Texts
    labels: npt.NDArray[np.int64]
    held_out: Texts

    def wanted(self) -> dict[str, Terms]:
        """Return what the score is to have, by name."""
        both = Terms(local=True, labels=self.labels)
        return dict(zip(BOUNDS, (NO_TERMS, Terms(local=True), both), strict=True))


def rows() -> Iterable[Row]:
    """CLINC150 with bounds; Banking77 with new topics near and far."""
    data = clinc()
    labels = [row["label"] for row in read("clinc150") if row["split"] == "train" and not row["is_oos"]]
    known = Known(data.train, numbered(labels), data.validation)
    others = baselines(known.train, data.test, data.strange)
    for what, terms in known.wanted().items():
        fits = [fit(known, terms, seed) for seed in SEEDS]
        found = np.array([told_apart(*scores(each, data.test, data.strange)) for each in fits])
        for k in range(len(MEASURES)):
            yield clinc_row(what, k, found[:, k], {name: reached[k] for name, reached in others.items()})
        shares = [share_below(each, data.test) for each in fits]
        yield Row(f"CLINC150, {what}: in-scope p ≤ .05", float(np.mean(shares)), at_least=0.04, at_most=0.06)
        yield crossed(known, data.test, terms, what)
    yield from banking()


def baselines(train: Texts, known: Texts, new: Texts) -> dict[str, tuple[float, float, float]]:
    """Return what the baselines reach on the same embeddings."""
    found = strangeness(train.vectors, np.concatenate([known.vectors, new.vectors]))
    n = len(known.owner)
    return {name: told_apart(strange[:n], strange[n:]) for name, strange in found.items()}


def clinc_row(what: str, k: int, found: Floats, others: dict[str, float]) -> Row:
    """One measure of CLINC150, the mean over seeds, with its bound."""
    bound = BOUNDS[what][k]
    reference = f"{SNGP.format(PUBLISHED[k], in_words(others))}; seeds {found.min():.4f} to {found.max():.4f}"
    low, high = (None, bound) if k == 2 else (bound, None)
    return Row(f"CLINC150, {what}: {MEASURES[k]}", float(found.mean()), low, high, reference=reference)


def crossed(known: Known, test: Texts, terms: Terms, what: str) -> Row:
    """Give the false-alarm rate of one seed without held-out texts."""
    reference = fit_reference(known.train, terms=terms).reference
    return Row(f"CLINC150, {what}: in-scope p ≤ .05, cross-fitted", share_below(reference, test), reference=".05")


class Banking(NamedTuple):
    """Banking77 without some of its intents, which are near; the out-of-scope texts of CLINC150 are far."""

    known: Known
    inside: Texts
    new: dict[str, Texts]


def banking_parts() -> Banking:
    """Embed Banking77 by part."""
    found = read("banking77_oos")
    texts = embed([row["text"] for row in found])
    split, kind = (np.array([row[name] or "" for row in found]) for name in ("split", "oos_type"))
    fitted_on = (split == "train") & (kind == "")
    labels = numbered([row["label"] for row, mine in zip(found, fitted_on, strict=True) if mine])
    known = Known(texts.take(fitted_on), labels, texts.take((split == "valid") & (kind == "")))
    marks = {"far": "ood", "near": "id-"}
    new = {name: texts.take((split == "test") & (np.char.find(kind, mark) == 0)) for name, mark in marks.items()}
    return Banking(known, texts.take((split == "test") & (kind == "")), new)


def banking() -> Iterable[Row]:
    """Measure how well new topics are told where training has one narrow domain."""
    known, inside, new = banking_parts()
    others = {name: baselines(known.train, inside, part) for name, part in new.items()}
    for what, terms in known.wanted().items():
        fits = [fit(known, terms, seed) for seed in SEEDS]
        for name, part in new.items():
            auroc = np.mean([told_apart(*scores(each, inside, part))[0] for each in fits])
            bound = 0.995 if name == "far" else None
            beside = in_words({other: reached[0] for other, reached in others[name].items()})
            yield Row(f"Banking77 {name}, {what}: AUROC", float(auroc), at_least=bound, reference=beside)


def fit(known: Known, terms: Terms, seed: int) -> Reference:
    """Fit, and read back what a profile would hold."""
    fitted = fit_reference(known.train, calibration=known.held_out, terms=terms, seed=seed).reference
    return Reference.from_arrays(fitted.to_arrays())


def scores(reference: Reference, *parts: Texts) -> list[Floats]:
    """Return the novelty of the texts of each part."""
    return [reference.score(part.layers, part.owner, len(part.owner)).novelty for part in parts]


def share_below(reference: Reference, texts: Texts) -> float:
    """Share of texts with p ≤ .05."""
    return float((reference.p_values(scores(reference, texts)[0], texts.tokens) <= 0.05).mean())


def numbered(labels: list[str]) -> npt.NDArray[np.int64]:
    """Give each label a number."""
    return np.unique(labels, return_inverse=True)[1]
