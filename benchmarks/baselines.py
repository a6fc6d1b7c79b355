"""What else tells new texts from known ones, given the same embeddings: each says how strange a text is."""

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]

MEASURES = ("AUROC", "AUPR", "FPR at 95 % TPR")
BLOCK = 500


def strangeness(train: Vectors, texts: Vectors) -> dict[str, Floats]:
    """How strange each of the texts (m, d) is to each baseline, fitted on training texts (n, d)."""
    outlier_factor = LocalOutlierFactor(novelty=True).fit(train)
    forest = IsolationForest(random_state=0).fit(train)
    return {
        "nearest neighbour": nearest_distance(train, texts),
        "LOF": -outlier_factor.score_samples(texts),
        "Isolation Forest": -forest.score_samples(texts),
    }


def nearest_distance(train: Vectors, texts: Vectors) -> Floats:
    """Cosine distance to the nearest training text."""
    blocks = np.array_split(texts, max(1, len(texts) // BLOCK))
    return np.concatenate([1 - (block @ train.T).max(axis=1) for block in blocks])


def told_apart(known: Floats, new: Floats) -> tuple[float, float, float]:
    """AUROC, AUPR and false positives at 95 % true ones; new texts count as positive."""
    strange = np.repeat([False, True], [len(known), len(new)])
    both = np.concatenate([known, new])
    false_positives = float((known >= np.quantile(new, 0.05)).mean())
    return roc_auc_score(strange, both), average_precision_score(strange, both), false_positives


def in_words(found: dict[str, float]) -> str:
    """Write what each reaches.

    >>> in_words({"LOF": 0.91234, "nearest neighbour": 0.9})
    'LOF .912, nearest neighbour .900'
    """
    return ", ".join(f"{name} {value:.3f}".replace(" 0.", " .") for name, value in found.items())
