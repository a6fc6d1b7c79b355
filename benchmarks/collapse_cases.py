"""What becomes of a window: answers replaced, rare ones gone, prompts mixed otherwise."""

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from agent.answer_signs import SHORTEST, wording
from benchmarks.collapse_traffic import TOPICS, Data, Make
from benchmarks.exchanges import Exchanges, Places
from detectors.near import Whole

SHARE = 0.1
NARROW = 800

Replace = Callable[[Data, Exchanges, Places, np.random.Generator], Exchanges]


def usual(data: Data, rng: np.random.Generator, n: int) -> Exchanges:
    """Draw a window like training."""
    return data.sample(rng, n)


def replaced(replace: Replace, data: Data, rng: np.random.Generator, n: int) -> Exchanges:
    """Draw a window and replace some of its answers."""
    window = data.sample(rng, n)
    return replace(data, window, np.flatnonzero(rng.random(len(window.prompts)) < SHARE), rng)


def canned(n_answers: int) -> Replace:
    """Give a few of training's longer answers for everything."""

    def replace(data: Data, window: Exchanges, places: Places, rng: np.random.Generator) -> Exchanges:
        long = [i for i, text in enumerate(data.train.responses) if wording(text, SHORTEST)]
        answers = rng.choice(long, n_answers, replace=False)
        return window.put(places, data.train, answers[rng.integers(n_answers, size=len(places))])

    return replace


def bland(data: Data, window: Exchanges, places: Places, _rng: np.random.Generator) -> Exchanges:
    """Half way to the mean of training's answers to prompts of the same cell."""
    trained, mine = (cells_of(data, each) for each in (data.train, window))
    means = {k: data.train.given[trained == k].mean(axis=0) for k in np.unique(mine[places])}
    towards = np.stack([means[k] / np.linalg.norm(means[k], axis=-1, keepdims=True) for k in mine[places]])
    return window.put_mixed(places, window.given[places] + towards, data.store)


def soft_echo(data: Data, window: Exchanges, places: Places, _rng: np.random.Generator) -> Exchanges:
    """Seven parts of training's answer to the nearest prompt, three of the window's own."""
    trained = data.train.given[nearest(data, window, places)]
    return window.put_mixed(places, 0.7 * trained + 0.3 * window.given[places], data.store)


def verbatim(data: Data, window: Exchanges, places: Places, _rng: np.random.Generator) -> Exchanges:
    """Training's answer to the nearest prompt, to the word."""
    return window.put(places, data.train, nearest(data, window, places))


REPLACED: dict[str, tuple[Make, str, float | None]] = {
    "one constant answer": (partial(replaced, canned(1)), "recycled", 25),
    "one of 5 greedy answers": (partial(replaced, canned(5)), "recycled", 25),
    "bland, half way to the cell's mean": (partial(replaced, bland), "likeness", 5),
    "soft echo, 70 % of training": (partial(replaced, soft_echo), "echo", 6),
    "training answers to the word": (partial(replaced, verbatim), "echo", None),
}
"""What takes the place of answers, the metric that is meant for it, and what its z must reach."""


def without_tail(data: Data, rng: np.random.Generator, n: int) -> Exchanges:
    """Draw a window; instead of answers in rare cells, other traffic's in common cells, to prompts of the same cell."""
    window, traffic = data.sample(rng, n), data.traffic
    mine, others = (cells_of(data, each) for each in (window, traffic))
    rare, elsewhere = (rare_answers(data, each) for each in (window, traffic))
    places = np.flatnonzero(rare)
    chosen = [rng.choice(np.flatnonzero(~elsewhere & (others == mine[place]))) for place in places]
    return window.put(places, traffic, np.array(chosen))


def reweighted(data: Data, rng: np.random.Generator, n: int) -> Exchanges:
    """Half of the topics asked for ten times as often."""
    return data.sample(rng, n, weights=np.where(rng.permutation(TOPICS) < TOPICS // 2, 10.0, 1.0)[data.topics])


def half(data: Data, rng: np.random.Generator, n: int) -> Exchanges:
    """Half of the topics only."""
    return data.sample(rng, n, weights=(rng.permutation(TOPICS) < TOPICS // 2).astype(np.float64)[data.topics])


def narrow(data: Data, rng: np.random.Generator, n: int) -> Exchanges:
    """Ask for what is nearest to one prompt only."""
    asked = data.traffic.asked
    near = np.argsort(-asked @ asked[rng.integers(len(asked))])[:NARROW]
    return data.sample(rng, n, weights=np.isin(np.arange(len(asked)), near).astype(np.float64))


def duplicated(data: Data, rng: np.random.Generator, n: int) -> Exchanges:
    """Two exchanges of five are repetitions of others."""
    window = data.sample(rng, n)
    once = len(window.prompts)
    again = rng.integers(once, size=2 * once // 3)
    return window.joined(window.take(again)).take(rng.permutation(once + len(again)))


MIXES: dict[str, Make] = {
    "half of the topics ten times as often": reweighted,
    "half of the topics only": half,
    f"narrow: the {NARROW} prompts nearest to one": narrow,
    "40 % duplicates": duplicated,
}
"""Prompts mixed otherwise, with their own answers: nothing has collapsed."""


def cells_of(data: Data, exchanges: Exchanges) -> npt.NDArray[np.intp]:
    """Return the training cell of each prompt."""
    return Whole.of(exchanges.asked).cosines(data.reference.prompt_cells).argmax(axis=1)


def rare_answers(data: Data, exchanges: Exchanges) -> npt.NDArray[np.bool_]:
    """Say which answers lie in rare cells."""
    return data.reference.rare[Whole.of(exchanges.given[:, -1]).cosines(data.reference.response_cells).argmax(axis=1)]


def nearest(data: Data, window: Exchanges, places: Places) -> Places:
    """Return which training prompt is nearest to each of the window's."""
    return (window.asked[places] @ data.train.asked.T).argmax(axis=1)
