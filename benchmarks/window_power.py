"""Power of one look at a window of 500 prompts, 5 % of them out of scope, at 5 % false positives."""

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from benchmarks.embedded import clinc, clinc_reference
from benchmarks.table import Row
from detectors.evidence import TailEvidence
from detectors.evidence_accepted import held_out
from detectors.evidence_fit import guaranteed
from detectors.mmd_fit import fit_mix, project

WINDOW = 500
STRANGE = 25
WINDOWS = 200
CLASSIFIED = 60
"""Windows for the domain classifier, which is slow."""

Statistic = Callable[[npt.NDArray[np.intp]], float]
Floats = npt.NDArray[np.float64]


def rows() -> Iterable[Row]:
    """Compare the pager's evidence with what others look at, each against its own null windows of fresh texts."""
    power = {name: _power(statistic, _windows(name)) for name, statistic in statistics().items()}
    ours = power.pop("tail evidence")
    beside = ", ".join(f"{name} {value:.2f}" for name, value in power.items())
    yield Row("power of a window of 500 with 5 % out of scope", ours, at_least=0.9, reference=beside)


def statistics() -> dict[str, Statistic]:
    """Return what is measured on a window, given as indices: in-scope test texts first, then the out-of-scope ones."""
    data, reference = clinc(), clinc_reference()
    tested = np.concatenate([data.test.layers, data.strange.layers])
    tokens = np.concatenate([data.test.tokens, data.strange.tokens])
    scores = reference.score(tested, np.arange(len(tested), dtype=np.int32), len(tested))
    p_values, vectors = reference.p_values(scores.novelty, tokens), np.ascontiguousarray(tested[:, -1])
    plan = guaranteed(held_out(reference.conformal.sizes), 5_000)
    seen = project(vectors, fit_mix(data.train.vectors, data.validation.vectors, 5_000))
    centre = data.train.vectors.mean(axis=0)
    shares = reference.cell_counts / reference.cell_counts.sum()

    def evidence(window: npt.NDArray[np.intp]) -> float:
        pager = TailEvidence(plan)
        pager.update(p_values[window])
        return pager.measure()[0].value

    return {
        "tail evidence": evidence,
        "MMD": lambda window: float(np.square(seen[window].mean(axis=0)).sum()),
        "centroid": lambda window: float(np.linalg.norm(vectors[window].mean(axis=0) - centre)),
        "k-means JSD": lambda window: _divergence(
            np.bincount(scores.cell[window], minlength=len(shares)) / WINDOW, shares
        ),
        "domain classifier": lambda window: _separable(vectors[window], data.validation.vectors),
    }


def _windows(name: str) -> int:
    return CLASSIFIED if name == "domain classifier" else WINDOWS


def _power(statistic: Statistic, n_windows: int) -> float:
    """Share of drifted windows above the 95 % quantile of undrifted ones."""
    rng = np.random.default_rng(0)
    data = clinc()
    n_known, n_strange = len(data.test.owner), len(data.strange.owner)

    def window(n_new: int) -> npt.NDArray[np.intp]:
        old = rng.choice(n_known, WINDOW - n_new, replace=False)
        return rng.permutation(np.concatenate([old, n_known + rng.choice(n_strange, n_new, replace=False)]))

    quiet = np.array([statistic(window(0)) for _ in range(n_windows)])
    drifted = np.array([statistic(window(STRANGE)) for _ in range(n_windows)])
    return float((drifted > np.quantile(quiet, 0.95)).mean())


def _divergence(one: Floats, other: Floats) -> float:
    """Jensen–Shannon divergence of two distributions over cells."""
    middle = (one + other) / 2

    def relative(part: Floats) -> float:
        some = part > 0
        return float(part[some] @ np.log(part[some] / middle[some]))

    return (relative(one) + relative(other)) / 2


def _separable(window: npt.NDArray[np.float32], reference: npt.NDArray[np.float32]) -> float:
    """AUROC of a classifier of window against reference, trained on half of both and tested on the other half."""
    rows_ = np.concatenate([window, reference])
    of_window = np.arange(len(rows_)) < len(window)
    trained = np.arange(len(rows_)) % 2 == 0
    model = LogisticRegression(C=10, class_weight="balanced", max_iter=200).fit(rows_[trained], of_window[trained])
    return float(roc_auc_score(of_window[~trained], model.decision_function(rows_[~trained])))
