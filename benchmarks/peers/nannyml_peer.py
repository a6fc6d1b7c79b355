"""NannyML's drift calculators at their defaults, on chunks of embeddings."""

from typing import Any

import numpy as np
import pandas as pd
from contract import main
from nannyml import DataReconstructionDriftCalculator, DomainClassifierCalculator, UnivariateDriftCalculator


def checks(reference: np.ndarray, windows: np.ndarray) -> dict[str, list[bool]]:
    """Say of each window (c, w, d) whether it alerts, and for how many of its columns a univariate method does."""
    known, seen = _frame(reference), _frame(windows.reshape(-1, windows.shape[2]))
    columns, size = list(known.columns), windows.shape[1]
    multivariate = {
        "data reconstruction": DataReconstructionDriftCalculator(column_names=columns, chunk_size=size),
        "domain classifier": DomainClassifierCalculator(feature_column_names=columns, chunk_size=size),
    }
    found = {name: _alerts(calculator, known, seen, 1) for name, calculator in multivariate.items()}
    univariate = UnivariateDriftCalculator(column_names=columns, chunk_size=size)
    return found | {"univariate, any of the columns": _alerts(univariate, known, seen, len(columns))}


def _alerts(calculator: Any, known: pd.DataFrame, seen: pd.DataFrame, most: int) -> list[bool]:
    """Whether any alert stands in a chunk of the analysed period."""
    calculator.fit(known)
    frame = calculator.calculate(seen).filter(period="analysis").to_df()
    alerts = [column for column in frame.columns if column[-1] == "alert"]
    if not 0 < len(alerts) <= most:
        raise LookupError(f"{len(alerts)} columns of alerts in {list(frame.columns)[:9]}")
    return [bool(value) for value in frame[alerts].any(axis=1)]


def _frame(rows: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(rows.astype(np.float64), columns=[f"e{i}" for i in range(rows.shape[1])])


if __name__ == "__main__":
    main("nannyml", {"checks": checks})
