"""How well PyOD tells new texts from known ones, beside the mix on the same embeddings."""

from collections.abc import Iterable

import numpy as np

from benchmarks import banking
from benchmarks.banking import Known, fit, novelty
from benchmarks.baselines import MEASURES, in_words, told_apart
from benchmarks.embedded import Texts, clinc
from benchmarks.foreign import ask
from benchmarks.table import Row
from detectors.terms_fit import NO_TERMS


def rows() -> Iterable[Row]:
    """CLINC150 by three measures; Banking77 with new topics near and far by AUROC."""
    data, parts = clinc(), banking.parts()
    yield from compared(
        "CLINC150", Known(data.train, np.zeros(0, np.int64), data.validation), data.test, {"": data.strange}
    )
    yield from compared("Banking77", parts.known, parts.inside, {f" {name}": new for name, new in parts.new.items()})


def compared(name: str, known: Known, inside: Texts, new: dict[str, Texts]) -> Iterable[Row]:
    """Fit all on the same texts, and score the same ones."""
    reference = fit(known, NO_TERMS, 0)
    texts = [inside, *new.values()]
    said = ask("pyod", "novelty", train=known.train.vectors, texts=np.concatenate([part.vectors for part in texts]))
    cuts = np.cumsum([len(part.owner) for part in texts])[:-1]
    others = {f"PyOD {peer}": np.split(np.array(found), cuts) for peer, found in said.items()}
    mine = [novelty(reference, part) for part in texts]
    for i, what in enumerate(new, start=1):
        reached = {peer: told_apart(found[0], found[i]) for peer, found in others.items()}
        ours = told_apart(mine[0], mine[i])
        for k, measure in enumerate(MEASURES):
            beside = in_words({peer: values[k] for peer, values in reached.items()})
            yield Row(f"{name}{what}, the mix: {measure}", ours[k], reference=beside)
