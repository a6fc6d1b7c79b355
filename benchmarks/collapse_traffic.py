"""Alpaca's pairs: two thirds are training, which `fit` is given; of the others windows are drawn, for `replay`."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import numpy.typing as npt

from agent.collapse_watch import pair_reference
from agent.metric_table import BY_NAME
from agent.profile import read_profile
from benchmarks.commands import Series, offmap, replay, write_lines
from benchmarks.embedded import read
from benchmarks.exchanges import Exchanges, at_random
from benchmarks.text_store import TextStore
from detectors.collapse import DOWN, METRICS, SAME_PROMPT
from detectors.collapse_fit import fit_pairs
from detectors.kmeans import assign, spherical_kmeans
from detectors.near import Whole, unlike
from detectors.pair_reference import PairReference

WINDOW, SHIPPED = 400, 512
"""Exchanges in a window: as the statistics were tried with, and one of the sizes that `fit` takes, the middle one."""

TOPICS = 20
ALARMS = ("collapse_alarm", "brittle", "canary_alarm")
"""What `replay` may say of answers; what it says of prompts alone is measured elsewhere."""

Weights = npt.NDArray[np.float64]


class Data(NamedTuple):
    """Training and traffic, and what was fitted on the former.

    Attributes
    ----------
    folder : Path
        For logs.
    store : TextStore
    profiles : dict of int to Path
        One with windows of `WINDOW` exchanges alone, and as `fit` makes it: of 256, 512 and 1,024.
    train, traffic : Exchanges
    reference : PairReference
        What the former holds for comparing answers.
    different : ndarray of int
        The traffic without near-duplicates of its prompts: n of them are n that count in a window.
    topics : ndarray of int32
        Of each prompt of the traffic.
    """

    folder: Path
    store: TextStore
    profiles: dict[int, Path]
    train: Exchanges
    traffic: Exchanges
    reference: PairReference
    different: npt.NDArray[np.intp]
    topics: npt.NDArray[np.int32]

    def sample(self, rng: np.random.Generator, n: int, weights: Weights | None = None) -> Exchanges:
        """Draw traffic, more than n in case that some prompts are alike, of which a window takes the first."""
        size = len(self.traffic.prompts)
        more = min(n + n // 8, size if weights is None else int((weights > 0).sum()))
        p = None if weights is None else weights / weights.sum()
        return self.traffic.take(rng.choice(size, size=more, replace=False, p=p))


Make = Callable[[Data, np.random.Generator, int], Exchanges]
"""Draws a window of so many exchanges, and some more in case that prompts are alike."""


class Found(NamedTuple):
    """What `replay` says of a window: z of each of `METRICS`, and the alarms that are on.

    Of a collapse, what would alarm if the next window said so too.
    """

    z: npt.NDArray[np.float64]
    alarms: frozenset[str]


def prepare(folder: Path, store: TextStore) -> Data:
    """Split the pairs and fit."""
    found = [(row["prompt"], row["response"]) for row in read("alpaca_random9k")]
    pairs = [pair for pair in found if re.search("[a-z0-9]", pair[1])]  # others embed to nothing
    order, cut = np.random.default_rng(0).permutation(len(pairs)), 2 * len(pairs) // 3
    train, traffic = ([pairs[i] for i in part] for part in (order[:cut], order[cut:]))
    rows = write_lines(folder / "train.jsonl", ({"prompt": asked, "response": given} for asked, given in train))
    profiles = {n: folder / f"{n}.offmap" for n in (WINDOW, SHIPPED)}
    offmap("fit", rows, "--output", profiles[SHIPPED])
    with mock.patch("agent.fitting.pairs.fit_pairs", partial(fit_pairs, sizes=(WINDOW,))):
        offmap("fit", rows, "--output", profiles[WINDOW])
    content = read_profile(profiles[WINDOW])
    reference = pair_reference(content.references["response"])
    if reference is None:
        raise LookupError("too few pairs")
    known, fresh = (Exchanges.of(part, content) for part in (train, traffic))
    asked = Whole.of(fresh.asked.astype(np.float16))
    different = np.flatnonzero(unlike(asked, asked.take(slice(0)), SAME_PROMPT))
    topics = assign(fresh.asked, spherical_kmeans(fresh.asked, TOPICS, np.random.default_rng(1))).nearest
    return _checked(Data(folder, store, profiles, known, fresh, reference, different, topics))


def watched(data: Data, make: Make, seed: int, n: int = WINDOW) -> Found:
    """Replay a window of n exchanges behind another one, of healthy traffic."""
    window = make(data, np.random.default_rng([9, seed]), n)
    series = replayed(data, healthy(data, seed, n, window).joined(window), seed, n)
    return Found(z_of(series, n), alarms_of(series) | beyond(series))


def healthy(data: Data, seed: int, n: int, apart_from: Exchanges) -> Exchanges:
    """Draw exchanges that fill a window of n: no prompt is nearly another one, nor one of those that follow."""
    others = data.different[~np.isin(data.traffic.prompts[data.different], apart_from.prompts)]
    return data.traffic.take(np.random.default_rng([7, seed]).choice(others, n, replace=False))


def replayed(data: Data, exchanges: Exchanges, seed: int, n: int) -> Series:
    """Replay exchanges, each judged at random."""
    verdicts = at_random(len(exchanges.prompts), np.random.default_rng([8, seed]))
    return replay(exchanges.write(data.folder / "window.jsonl", verdicts), data.profiles[n])


def z_of(series: Series, n: int) -> npt.NDArray[np.float64]:
    """Return z of each of `METRICS` in the last full window of n; NaN where there was none."""
    labels = (f'metric="{name}",window="{n}"' for name in METRICS)
    return np.array([series.get(("collapse_z", each), np.nan) for each in labels])


def alarms_of(series: Series) -> frozenset[str]:
    """Return the alarms that are on."""
    return frozenset(f"{name} {labels}" for (name, labels), value in series.items() if name in ALARMS and value == 1)


def beyond(series: Series) -> frozenset[str]:
    """Return the windows of every size whose z passes the threshold towards a collapse."""
    threshold, found = series["collapse_threshold", ""], set()
    for (name, labels), value in series.items():
        metric = labels.split('"')[1] if name == "collapse_z" else "verbatim"
        if metric != "verbatim" and (-value if metric in DOWN else value) >= threshold:
            found.add(f"{name} {labels}")
    return frozenset(found)


def in_words(alarms: Iterable[frozenset[str]]) -> str:
    """Say which alarms there were, and how often."""
    which = Counter(alarm for each in alarms for alarm in each)
    return "; ".join(f"{alarm} in {count}" for alarm, count in sorted(which.items())) or "none"


def _checked(data: Data) -> Data:
    """Refuse what would measure nothing: alarms that are not exported, healthy exchanges that do not fill a window."""
    if unknown := [name for name in ALARMS if f"offmap_{name}" not in BY_NAME]:
        raise LookupError(f"no metrics {unknown}")
    for n in data.profiles:
        before = healthy(data, 0, n, data.traffic.take(np.arange(0)))
        found = [z_of(replayed(data, before.take(np.arange(size)), 0, n), n) for size in (n - 1, n)]
        if [bool(np.isnan(z).all()) for z in found] != [True, False]:
            raise LookupError(f"{n} healthy exchanges do not fill a window")
    return data
