"""Banking77 with some intents left out of training: how well new topics are told, near ones and far ones.

Texts are embedded once as production embeds them; each seed is a fit of its own, read back as a profile would hold it.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.baselines import in_words, strangeness, told_apart
from benchmarks.embedded import Texts, embed, read
from benchmarks.table import Row
from detectors.fit_reference import fit_reference
from detectors.reference import Reference
from detectors.terms_fit import NO_TERMS, Terms

SEEDS = range(5)
FAR = 0.995


class Known(NamedTuple):
    """Texts to fit on and to calibrate with, and the label of each of the former."""

    train: Texts
    labels: npt.NDArray[np.int64]
    held_out: Texts


class Banking(NamedTuple):
    """Texts that are known, fresh ones like them, and new ones: banking intents are near, CLINC150's texts are far."""

    known: Known
    inside: Texts
    new: dict[str, Texts]


def rows() -> Iterable[Row]:
    """AUROC with the mix, with the local term, and with labels too: the mean over seeds."""
    known, inside, new = parts()
    both = Terms(local=True, labels=known.labels)
    wanted = {"the mix": NO_TERMS, "with the local term": Terms(local=True), "with labels and the local term": both}
    beside = {name: baselines(known.train, inside, part) for name, part in new.items()}
    for what, terms in wanted.items():
        fits = [fit(known, terms, seed) for seed in SEEDS]
        for name, part in new.items():
            found = np.array([told_apart(novelty(each, inside), novelty(each, part))[0] for each in fits])
            spread = f"{beside[name]}; {len(SEEDS)} seeds, {found.min():.4f} to {found.max():.4f}"
            bound = FAR if name == "far" else None
            yield Row(f"Banking77 {name}, {what}: AUROC", float(found.mean()), at_least=bound, reference=spread)


def parts() -> Banking:
    """Embed Banking77 by part."""
    found = read("banking77_oos")
    texts = embed([row["text"] for row in found])
    split, kind = (np.array([row[name] or "" for row in found]) for name in ("split", "oos_type"))
    fitted_on = (split == "train") & (kind == "")
    labels = np.unique([row["label"] for row, mine in zip(found, fitted_on, strict=True) if mine], return_inverse=True)
    known = Known(texts.take(fitted_on), labels[1], texts.take((split == "valid") & (kind == "")))
    marks = {"far": "ood", "near": "id-"}
    new = {name: texts.take((split == "test") & (np.char.find(kind, mark) == 0)) for name, mark in marks.items()}
    return Banking(known, texts.take((split == "test") & (kind == "")), new)


def baselines(train: Texts, known: Texts, new: Texts) -> str:
    """Write what the baselines reach on the same embeddings."""
    found = strangeness(train.vectors, np.concatenate([known.vectors, new.vectors]))
    n = len(known.owner)
    return in_words({name: told_apart(strange[:n], strange[n:])[0] for name, strange in found.items()})


def fit(known: Known, terms: Terms, seed: int) -> Reference:
    """Fit, and read back what a profile would hold."""
    fitted = fit_reference(known.train, calibration=known.held_out, terms=terms, seed=seed).reference
    return Reference.from_arrays(fitted.to_arrays())


def novelty(reference: Reference, texts: Texts) -> npt.NDArray[np.float64]:
    """Score texts."""
    return reference.score(texts.layers, texts.owner, len(texts.owner)).novelty
