"""Prompts that are merely mixed otherwise, with the windows of 256, 512 and 1,024 that `fit` takes: what alarms.

As in `collapse`, through `replay`; but each log is of the mix from its beginning, and fills windows of all sizes.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.collapse_cases import MIXES, usual
from benchmarks.collapse_traffic import SHIPPED, Data, Make, alarms_of, beyond, in_words, prepare, replayed
from benchmarks.commands import remembered
from benchmarks.exchanges import Exchanges
from benchmarks.table import Row
from detectors.collapse_fit import SIZES

REPLAYS = 60


def rows() -> Iterable[Row]:
    """Traffic like training, and other mixes of it: nothing has collapsed."""
    with tempfile.TemporaryDirectory(prefix="offmap-mixes-") as folder, remembered() as store:
        data = prepare(Path(folder), store)
        yield alarmed(data, "like training", usual, at_most=0.0)
        for name, mix in MIXES.items():
            yield alarmed(data, name, mix, at_most=0.01)


def alarmed(data: Data, name: str, mix: Make, *, at_most: float) -> Row:
    """Give the share of windows with which an alarm went on; after its first one a replay's others are not seen.

    A collapse alarms with the second window in a row; beside it stands how often the last one of a size would have.
    """
    streams = [mix(data, np.random.default_rng([9, i]), SIZES[-1]) for i in range(REPLAYS)]
    series = [replayed(data, stream, i, SHIPPED) for i, stream in enumerate(streams)]
    alarms, alone = [alarms_of(each) for each in series], [beyond(each) for each in series]
    n, found = sum(map(windows_in, streams)), sum(map(bool, alarms))
    beside = (
        f"{found} of {REPLAYS} replays, {n:,} windows; {in_words(alarms)}; by a last window alone: {in_words(alone)}"
    )
    measure = f"{name}, W = {', '.join(f'{size:,}' for size in SIZES)}: alarms a window"
    return Row(measure, found / n, at_most=at_most, reference=beside)


def windows_in(stream: Exchanges) -> int:
    """Count the windows that its different prompts fill, of all sizes; the largest begins anew when it is full."""
    different = len(np.unique(stream.prompts.astype(str)))
    return sum(min(different, SIZES[-1]) // size for size in SIZES)
