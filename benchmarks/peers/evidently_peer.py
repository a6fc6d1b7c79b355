"""Evidently's drift of embeddings, each method at its defaults, on one window after the other."""

import numpy as np
import pandas as pd
from contract import Checked, main
from evidently.metrics.embeddings import DistanceDriftMethod, MMDDriftMethod, ModelDriftMethod, RatioDriftMethod

METHODS = {
    "model (its default)": ModelDriftMethod(),
    "model, bootstrap": ModelDriftMethod(bootstrap=True),
    "MMD": MMDDriftMethod(),
    "MMD, bootstrap": MMDDriftMethod(bootstrap=True),
    "distance": DistanceDriftMethod(),
    "distance, bootstrap": DistanceDriftMethod(bootstrap=True),
    "ratio": RatioDriftMethod(),
}


def checks(reference: np.ndarray, windows: np.ndarray) -> Checked:
    """Say of each window (k, c, w, d) whether it has drifted from the reference (n, d)."""
    return {
        name: [[_drifted(method, reference, window) for window in kind] for kind in windows]
        for name, method in METHODS.items()
    }


def _drifted(method: object, reference: np.ndarray, window: np.ndarray) -> bool:
    return bool(method(_frame(window), _frame(reference))[1])


def _frame(rows: np.ndarray) -> pd.DataFrame:
    """Make a new one each time: the methods write into what they are given."""
    return pd.DataFrame(rows.astype(np.float64), columns=[f"e{i}" for i in range(rows.shape[1])])


if __name__ == "__main__":
    main("evidently", {"checks": checks})
