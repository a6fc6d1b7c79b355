"""What is lost by keeping few prototypes instead of all training rows: k-means, random rows, k-centre."""

import functools
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from benchmarks.baselines import nearest_distance
from benchmarks.embedded import clinc
from benchmarks.table import Row
from detectors.blocks import padded_blocks
from detectors.fit_scorer import N_SEEDS
from detectors.kmeans import assign, fit_prototypes, n_prototypes
from detectors.prototypes import Prototypes, shrunk_radii, to_int8
from detectors.rows import LayerRows

Vectors = npt.NDArray[np.float32]

RUNS = 5
ASKED = {10: 0.005, 40: 0.015}


def rows() -> Iterable[Row]:
    """AUROC of the last layer's score on CLINC150 lost with so many times fewer prototypes than rows.

    Lost against the better of all rows (nearest neighbour) and the number of prototypes that `offmap fit` takes.
    """
    data = clinc()
    train = data.train.vectors
    default = mean(functools.partial(kmeans, n_prototypes(len(train))))
    nearest = auroc(lambda texts: nearest_distance(train, texts))
    best = max(default, nearest)
    for times, most in ASKED.items():
        k = len(train) // times
        lost = {
            name: best - mean(functools.partial(choose, k))
            for name, choose in {"k-means": kmeans, "a random subset": at_random, "k-centre": k_centre}.items()
        }
        ours = lost.pop("k-means")
        beside = ", ".join(f"{name} {value:.4f}" for name, value in lost.items())
        reference = f"{beside}; all rows {nearest:.4f}, {n_prototypes(len(train))} prototypes {default:.4f}"
        yield Row(f"{times} × fewer prototypes than rows: AUROC lost", ours, at_most=most, reference=reference)


def mean(fit: Callable[[int], Prototypes]) -> float:
    """Mean AUROC over the runs."""
    found = [auroc(distances(fit(seed))) for seed in range(RUNS)]
    return float(np.mean(found))


def auroc(score: Callable[[Vectors], npt.NDArray[np.float64]]) -> float:
    """Return how well out-of-scope texts are told from in-scope ones."""
    known, new = (score(part.vectors) for part in (clinc().test, clinc().strange))
    return float(roc_auc_score(np.repeat([0, 1], [len(known), len(new)]), np.concatenate([known, new])))


def distances(prototypes: Prototypes) -> Callable[[Vectors], npt.NDArray[np.float64]]:
    """Score texts (n, d) by prototypes, as production does."""

    def score(texts: Vectors) -> npt.NDArray[np.float64]:
        found = [prototypes.distances(block)[0][: where.stop - where.start] for where, block in padded_blocks(texts)]
        return np.concatenate(found)

    return score


def kmeans(k: int, seed: int) -> Prototypes:
    """Fit as `offmap fit` does."""
    layers = clinc().train.layers
    index = np.arange(len(layers))
    return fit_prototypes(LayerRows(layers, -1, index), k, [N_SEEDS * seed + i for i in range(N_SEEDS)])


def at_random(k: int, seed: int) -> Prototypes:
    """Take rows drawn at random, as many sets of them as k-means has seeds."""
    rng = np.random.default_rng(seed)
    return chosen([rng.choice(len(clinc().train.owner), k, replace=False) for _ in range(N_SEEDS)])


def k_centre(k: int, seed: int) -> Prototypes:
    """Take the row that is farthest from all taken so far, again and again (Gonzalez 1985)."""
    return chosen([_farthest(k, N_SEEDS * seed)])


def chosen(sets: list[npt.NDArray[np.intp]]) -> Prototypes:
    """Make prototypes of training rows, with the radii and counts of the rows that are nearest to each."""
    train, fitted = clinc().train.vectors, []
    for picked in sets:
        step = assign(train, train[picked])
        summed = np.bincount(step.nearest, 1 - step.similarity, minlength=len(picked))
        counts = step.counts.astype(np.int32)
        radii = shrunk_radii(counts, summed / np.maximum(counts, 1), float((1 - step.similarity).mean()))
        fitted.append((*to_int8(train[picked]), radii, counts))
    return Prototypes(*(np.stack(arrays) for arrays in zip(*fitted, strict=True)))


def _farthest(k: int, seed: int) -> npt.NDArray[np.intp]:
    train = clinc().train.vectors
    picked = [int(np.random.default_rng(seed).integers(len(train)))]
    nearest = train @ train[picked[0]]
    for _ in range(k - 1):
        picked.append(int(nearest.argmin()))
        np.maximum(nearest, train @ train[picked[-1]], out=nearest)
    return np.array(picked)
