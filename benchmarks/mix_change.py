"""How soon a changed mix of known topics warns, at the run length that `false_alarms` measures."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from benchmarks.embedded import clinc
from benchmarks.streams import Draw, anything, mix_lengths, more_of
from benchmarks.table import Row
from detectors.mmd_fit import fit_mix, project

STREAMS = 40
BEFORE = 600
LONGEST = 5_000
DRAWS = 10


def rows() -> Iterable[Row]:
    """Mean texts until the warning: each domain 30 % more in turn; 50 of 150 intents left, drawn ten times."""
    data, rng = clinc(), np.random.default_rng(0)
    n = len(data.labels)
    more = [more_of(np.flatnonzero(data.domains == domain), n, 0.3) for domain in np.unique(data.domains)]
    fewer = [_only(rng.choice(np.unique(data.labels), 50, replace=False)) for _ in range(DRAWS)]
    changes = {"one domain 30 % more": (more, 150), "50 of 150 intents left": (fewer, 120)}
    for target in (5_000, 50_000):
        plan = fit_mix(data.train.vectors, data.validation.vectors, target)
        seen = project(data.test.vectors, plan)
        for what, (draws, most) in changes.items():
            means = [mix_lengths(plan, seen, (anything(n), d), (BEFORE, LONGEST), STREAMS).mean() for d in draws]
            beside, asked = f"quickest {min(means):.0f}, slowest {max(means):.0f}", most if target == 5_000 else None
            yield Row(f"texts until {what} warns, {target:,}", float(np.mean(means)), at_most=asked, reference=beside)


def _only(labels: npt.NDArray[np.str_]) -> Draw:
    part = np.flatnonzero(np.isin(clinc().labels, labels))
    return lambda rng, size: rng.choice(part, size)
