"""How soon new topics page, with the settings whose false alarms `false_alarms` measures."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from benchmarks.embedded import clinc, clinc_reference, score
from benchmarks.false_alarms import MODES, SELDOM, TARGETS
from benchmarks.streams import anything, mix_lengths, more_of, pager_lengths, reached
from benchmarks.table import Row
from detectors.evidence_accepted import held_out
from detectors.mmd_fit import fit_mix, project

STREAMS = 400
LONGEST = 5_000
SHARES = (0.05, 0.10, 0.30, 1.0)
BESIDE = max(TARGETS)
"""Longest run length that a warning of a changed mix is fitted for: it is simulated, which takes as long."""
ASKED = {
    ("guaranteed", 5_000): (270, 100, 22, 5),
    ("guaranteed", 50_000): (380, 135, 29, 7),
    ("guaranteed", SELDOM): (570, 202, 43, 10),
    ("calibrated", 5_000): (160, 78, 20, 5),
    ("calibrated", 50_000): (None, None, None, None),
}


def rows() -> Iterable[Row]:
    """Mean messages from the beginning of drift to the page, at several shares of out-of-scope texts."""
    data, reference = clinc(), clinc_reference()
    known, strange = (reference.p_values(*score(reference, part)) for part in (data.test, data.strange))
    accepted = held_out(reference.conformal.sizes)
    vectors = np.concatenate([data.test.vectors, data.strange.vectors])
    warned_after = {target: warning_delays(target, vectors, len(known)) for target in TARGETS}
    for (mode, target), asked in ASKED.items():
        plan = MODES[mode](accepted, target)
        beside = warned_after.get(target, warned_after[BESIDE])
        for share, most, warned in zip(SHARES, asked, beside, strict=True):
            rate = (1 - share) * reached(plan, known) + share * reached(plan, strange)
            lengths = pager_lengths(plan, np.tile(rate, (STREAMS, 1)), LONGEST)
            measure = f"messages until {share:.0%} out-of-scope page, {mode} {target:,}"
            windows = "MMD windows" if target in warned_after else f"MMD windows for {BESIDE:,}"
            yield Row(measure, lengths.mean(), at_most=most, reference=f"{windows} {warned:,.0f}")


def warning_delays(target: int, vectors: npt.NDArray[np.float32], n_known: int) -> list[float]:
    """Mean texts until the warning of a changed mix on the same streams, for each share."""
    data = clinc()
    plan = fit_mix(data.train.vectors, data.validation.vectors, target)
    seen, strange = project(vectors, plan), np.arange(n_known, len(vectors))
    draws = [more_of(strange, n_known, share) for share in SHARES]
    return [float(mix_lengths(plan, seen, (anything(n_known), d), (0, LONGEST), 100).mean()) for d in draws]
