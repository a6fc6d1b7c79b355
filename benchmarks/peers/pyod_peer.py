"""PyOD on embeddings: what its pipeline for embeddings takes by default, and what its first example shows."""

import numpy as np
import torch
from contract import main
from pyod.models.ecod import ECOD
from pyod.models.embedding import EmbeddingOD
from pyod.models.iforest import IForest


def novelty(train: np.ndarray, texts: np.ndarray) -> dict[str, list[float]]:
    """Fit on training embeddings (n, d), and say how strange each of the others (m, d) is."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    detectors = {
        "EmbeddingOD (LUNAR, its default)": EmbeddingOD(encoder=_given, random_state=0),
        "IForest": IForest(random_state=0),
        "ECOD": ECOD(),
    }
    return {name: detector.fit(train).decision_function(texts) for name, detector in detectors.items()}


def _given(rows: np.ndarray) -> np.ndarray:
    """Encode what is embedded already."""
    return rows


if __name__ == "__main__":
    main("pyod", {"novelty": novelty})
