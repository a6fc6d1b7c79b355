"""NannyML's drift calculators at their defaults, on chunks of embeddings."""

from typing import Any

import numpy as np
import pandas as pd
from contract import Checked, main
from nannyml import DataReconstructionDriftCalculator, DomainClassifierCalculator, UnivariateDriftCalculator
from nannyml.drift.multivariate.domain_classifier.calculator import DEFAULT_LGBM_HYPERPARAMS

FEW = 2
"""Windows of each kind for the domain classifier, and of the reference: it trains five models a window."""


def checks(reference: np.ndarray, windows: np.ndarray) -> Checked:
    """Say of each window (k, c, w, d) whether anything alerts in it."""
    known, size = _frame(reference), windows.shape[2]
    columns = list(known.columns)
    model = DEFAULT_LGBM_HYPERPARAMS | {"n_jobs": 1}  # the same models, and no threads that wait for each other
    classifier = DomainClassifierCalculator(columns, chunk_size=size, hyperparameters=model)
    calculators = {
        "data reconstruction": (DataReconstructionDriftCalculator(column_names=columns, chunk_size=size), windows),
        "domain classifier": (classifier, windows[:, :FEW]),
        "univariate, any column": (UnivariateDriftCalculator(column_names=columns, chunk_size=size), windows),
    }
    few = {"domain classifier": known[: FEW * size]}
    return {name: _alerts(of.fit(few.get(name, known)), given) for name, (of, given) in calculators.items()}


def _alerts(calculator: Any, windows: np.ndarray) -> list[list[bool]]:
    kinds, n, _, width = windows.shape
    frame = calculator.calculate(_frame(windows.reshape(-1, width))).filter(period="analysis").to_df()
    alerts = [column for column in frame.columns if column[-1] == "alert"]
    if not alerts or len(frame) != kinds * n:
        raise LookupError(f"{len(alerts)} columns of alerts, {len(frame)} of {kinds * n} windows")
    return frame[alerts].any(axis=1).to_numpy().reshape(kinds, n).tolist()


def _frame(rows: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(rows.astype(np.float64), columns=[f"e{i}" for i in range(rows.shape[1])])


if __name__ == "__main__":
    main("nannyml", {"checks": checks})
