"""One window after the other: how often offmap and the peers alarm where nothing drifts, and where it does."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from benchmarks.embedded import clinc, clinc_reference
from benchmarks.foreign import ask
from benchmarks.peer_alarms import MIX, Detector, clinc_texts
from benchmarks.table import Row
from detectors.evidence import TailEvidence
from detectors.evidence_accepted import held_out
from detectors.evidence_fit import guaranteed
from detectors.mmd import MixChange
from detectors.mmd_fit import fit_mix

WINDOW = 500
CHECKS = 10
STRANGE = 25
"""Out-of-scope texts in a window that has drifted: 5 %."""
RUN_LENGTH = 50_000
"""What the pager's and the mix warning's are by default."""
FEW = 1_000
"""Texts that Evidently compares with: its MMD takes their square, a hundred times."""


def rows() -> Iterable[Row]:
    """Share of healthy checks with an alarm, and of those with 5 % out-of-scope texts, on CLINC150."""
    data = clinc()
    windows = {"healthy": drawn(0), "with 5 % out-of-scope": drawn(STRANGE)}
    vectors = clinc_texts().vectors[np.array(list(windows.values()))]
    known = data.validation.vectors[np.random.default_rng(1).permutation(len(data.validation.owner))]  # by label before
    given = {"evidently": known[:FEW], "nannyml": known, "dummy": vectors[0, 0]}
    found = {peer: ask(peer, "checks", reference=rows_, windows=vectors) for peer, rows_ in given.items()}
    beside = {f"{NAMES[peer]} {name}": said for peer, names in found.items() for name, said in names.items()}
    mine = ours(windows)
    for k, what in enumerate(windows):
        others = ", ".join(f"{name} {sum(said[k])} of {len(said[k])}" for name, said in beside.items())
        for name, alarms in mine.items():
            most = CHECKS * WINDOW / RUN_LENGTH if k == 0 else None
            measure = f"{what} checks of {WINDOW} that alarm, of {CHECKS}: {name}"
            yield Row(measure, float(sum(alarms[what])), at_most=most, reference=others)


NAMES = {"evidently": "Evidently", "nannyml": "NannyML", "dummy": "dummy"}


def drawn(n_strange: int) -> npt.NDArray[np.intp]:
    """Draw the texts of each check, (CHECKS, WINDOW): in-scope test texts, and as many out-of-scope ones."""
    rng, data = np.random.default_rng(n_strange), clinc()
    n, strange = len(data.test.owner), len(data.strange.owner)

    def window() -> npt.NDArray[np.intp]:
        old = rng.choice(n, WINDOW - n_strange, replace=False)
        return rng.permutation(np.concatenate([old, n + rng.choice(strange, n_strange, replace=False)]))

    return np.array([window() for _ in range(CHECKS)])


def ours(windows: dict[str, npt.NDArray[np.intp]]) -> dict[str, dict[str, list[bool]]]:
    """Let offmap's detectors see the checks one after the other; each alarm is taken back."""
    data, texts = clinc(), clinc_texts()
    plan = guaranteed(held_out(clinc_reference().conformal.sizes), RUN_LENGTH)
    mix = fit_mix(data.train.vectors, data.validation.vectors, RUN_LENGTH)

    def alarms(detector: Detector, values: npt.NDArray[np.floating], checks: npt.NDArray[np.intp]) -> list[bool]:
        found = []
        for window in checks:
            detector.update(values[window])
            found.append(detector.alarm)
            if detector.alarm:
                detector.acknowledge()
        return found

    return {
        "pager": {what: alarms(TailEvidence(plan), texts.p_values, checks) for what, checks in windows.items()},
        MIX: {what: alarms(MixChange(mix), texts.vectors, checks) for what, checks in windows.items()},
    }
