"""Answers that narrow, come again, echo training or lose their rare kinds; and prompts that are merely mixed otherwise.

Alpaca's pairs: two thirds are training, the others traffic, cut into windows of 400 exchanges with different prompts.
"""

import functools
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.answer_signs import SHORTEST, wording
from benchmarks.embedded import embed, read
from benchmarks.table import Row
from detectors.collapse import METRICS, CollapseWindow
from detectors.collapse_fit import TrainingPairs, fit_pairs
from detectors.diversity import vendi_scores
from detectors.kmeans import assign, spherical_kmeans
from detectors.near import Whole
from detectors.pair_measures import Pairs
from detectors.pair_reference import PairReference
from detectors.recycled import HORIZON, Recycled

WINDOW = 400
REPEATS = 40
NULLS = 200
TOPICS = 20
NARROW = 800
THRESHOLD = 4.0

Rows = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]


class Exchanges(NamedTuple):
    """n pairs: unit vectors (n, d) and the hashes (n,) of the answers' words."""

    prompts: Rows
    responses: Rows
    hashes: npt.NDArray[np.uint64]

    def take(self, chosen: npt.NDArray[np.integer]) -> "Exchanges":
        """Return some of them."""
        return Exchanges(*(part[chosen] for part in self))

    def joined(self, other: "Exchanges") -> "Exchanges":
        """Return these, then others."""
        return Exchanges(*(np.concatenate(both) for both in zip(self, other, strict=True)))


class Data(NamedTuple):
    """Training and traffic, the reference fitted on the former, and the topic of each prompt of the latter."""

    train: Exchanges
    traffic: Exchanges
    reference: PairReference
    topics: npt.NDArray[np.int32]


def rows() -> Iterable[Row]:
    """Ten per cent of answers replaced; rare ones gone; another mix of prompts; a model with one answer."""
    data = prepared()
    usual = data.reference.usual[0]
    quiet = [watched(sample(data, rng)) for rng in seeds(NULLS)]
    scores, alarms = (np.array(each) for each in zip(*quiet, strict=True))
    beside = ", ".join(f"{name} {sd:.2f}" for name, sd in zip(METRICS, scores.std(axis=0), strict=True))
    alarmed = float(alarms.any(axis=1).mean())
    yield Row(f"windows of {usual.n} like training: with an alarm", alarmed, at_most=0.01, reference=f"sd {beside}")
    for name, (replace, metric, least) in REPLACED.items():
        found = np.array([z_scores(replaced(data, rng, replace)) for rng in seeds(REPEATS)]).mean(axis=0)
        others = ", ".join(f"{each} {z:.1f}" for each, z in zip(METRICS, found, strict=True))
        value = abs(found[METRICS.index(metric)])
        yield Row(f"10 % of {WINDOW} answers replaced, {name}: z of {metric}", value, at_least=least, reference=others)
    yield from tails(data)
    yield from mixes(data)
    yield null_model()


def tails(data: Data) -> Iterable[Row]:
    """Rare response cells gone entirely."""
    shifts = Shift.of(data)
    windows = [(whole := sample(data, rng), without_tail(data, whole, rng)) for rng in seeds(REPEATS)]
    found = np.array([z_scores(lost)[METRICS.index("tail")] for _, lost in windows]).mean()
    moved = np.mean([shifts.z(lost.responses) for _, lost in windows])
    reference = f"mean embedding's shift {moved:.1f}"
    yield Row(f"rarest response cells gone, W = {WINDOW}: z of tail", found, at_most=-9, reference=reference)


def mixes(data: Data) -> Iterable[Row]:
    """Prompts mixed otherwise, with their own answers: nothing has collapsed."""
    shifts = Shift.of(data)
    for name, mix in MIXES.items():
        windows = [mix(data, rng) for rng in seeds(NULLS)]
        found = np.array([watched(window)[1] for window in windows])
        raw = np.mean([shifts.vendi_z(window.responses) < -THRESHOLD for window in windows])
        moved = np.mean([shifts.z(window.responses) > THRESHOLD for window in windows])
        mine = ", ".join(f"{each} {share:.3f}" for each, share in zip(METRICS, found.mean(axis=0), strict=True))
        reference = f"raw Vendi {raw:.0%}, mean shift {moved:.0%}; {mine}"
        yield Row(f"{name}: windows with an alarm", float(found.any(axis=1).mean()), at_most=0.01, reference=reference)


def null_model() -> Row:
    """Give the share of a constant answerer's exchanges, after the first, that are told to be recycled."""
    found = [row for row in read("alpaca_eval") if row["model"] == "NullModel"]
    prompts = Whole.of(embed([row["prompt"] for row in found]).vectors)
    answer = embed([found[0]["response"][:2000]]).vectors
    hashes = np.array([wording(row["response"], SHORTEST) for row in found], dtype=np.uint64)
    responses = Whole.of(np.repeat(answer, len(found), axis=0))
    again = Recycled(prompts.rows.shape[1]).update(prompts, responses, hashes)
    share = float((again.exact | again.soft)[1:].mean())
    return Row("NullModel, one answer for all: recycled", share, at_least=0.995, reference=f"of {len(found)} exchanges")


@functools.cache
def prepared() -> Data:
    """Embed, split and fit."""
    found = [row for row in read("alpaca_random9k") if re.search("[a-z0-9]", row["response"])]
    prompts, responses = (embed([row[side] for row in found]).vectors for side in ("prompt", "response"))
    hashes = np.array([wording(row["response"], SHORTEST) for row in found], dtype=np.uint64)
    order = np.random.default_rng(0).permutation(len(found))
    whole = Exchanges(prompts, responses, hashes).take(order)
    cut = 2 * len(order) // 3
    train, traffic = whole.take(np.arange(cut)), whole.take(np.arange(cut, len(order)))
    counts = dict(zip(*np.unique(train.hashes, return_counts=True), strict=True))
    again = np.array([word > 0 and counts[word] > 1 for word in train.hashes])
    pairs = TrainingPairs(*train, again, np.arange(cut))
    reference = fit_pairs(pairs, train.hashes, sizes=(WINDOW,))
    if reference is None:
        raise LookupError("too few pairs")
    topics = assign(traffic.prompts, spherical_kmeans(traffic.prompts, TOPICS, np.random.default_rng(1))).nearest
    return Data(train, traffic, PairReference.from_arrays(reference.to_arrays()), topics)


def seeds(n: int) -> list[np.random.Generator]:
    """Give each window a generator of its own."""
    return [np.random.default_rng([9, i]) for i in range(n)]


def z_scores(window: Exchanges) -> npt.NDArray[np.float64]:
    """Return z of each of `METRICS`."""
    return watched(window)[0]


def watched(window: Exchanges) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Pass exchanges through what the agent runs, after some healthy ones: z of each of `METRICS`, and the alarms."""
    data = prepared()
    prompts, responses = Whole.of(window.prompts), Whole.of(window.responses)
    before = sample(data, np.random.default_rng(int(window.hashes.sum() % 2**31)), HORIZON)
    recycled = Recycled(data.reference.dim)
    recycled.update(Whole.of(before.prompts), Whole.of(before.responses), before.hashes)
    again = recycled.update(prompts, responses, window.hashes)
    seen = data.reference.look(prompts, responses, window.hashes)
    signs = np.stack([seen.tail, seen.echo, seen.verbatim, again.exact | again.soft], axis=1)
    watch = CollapseWindow(data.reference, THRESHOLD)
    watch.update(Pairs(prompts, responses, seen.cell, signs))
    found = {one.name: one.value for one in watch.measure()}
    return np.array([found[f"{name}_z"] for name in METRICS]), watch.alarms > 0


def sample(
    data: Data, rng: np.random.Generator, n: int = WINDOW, weights: npt.NDArray[np.float64] | None = None
) -> Exchanges:
    """Draw traffic, more than n in case that some prompts are alike, of which the window takes the first."""
    size = len(data.traffic.hashes)
    more = min(n + n // 8, size if weights is None else int((weights > 0).sum()))
    return data.traffic.take(rng.choice(size, size=more, replace=False, p=weights))


Replace = Callable[[Data, Exchanges, Places, np.random.Generator], Exchanges]


def replaced(data: Data, rng: np.random.Generator, replace: Replace, share: float = 0.1) -> Exchanges:
    """Draw a window and replace some of its answers."""
    window = sample(data, rng)
    return replace(data, window, np.flatnonzero(rng.random(len(window.hashes)) < share), rng)


def put(window: Exchanges, places: Places, responses: Rows, hashes: npt.NDArray[np.uint64]) -> Exchanges:
    """Return the window with other answers at some places; they are brought to length 1."""
    changed, words = window.responses.copy(), window.hashes.copy()
    changed[places] = responses / np.linalg.norm(responses, axis=1, keepdims=True)
    words[places] = hashes
    return Exchanges(window.prompts, changed, words)


def canned(n_answers: int) -> Replace:
    """Give a few of training's longer answers for everything."""

    def replace(data: Data, window: Exchanges, places: Places, rng: np.random.Generator) -> Exchanges:
        answers = rng.choice(np.flatnonzero(data.train.hashes), n_answers, replace=False)
        given = answers[rng.integers(n_answers, size=len(places))]
        return put(window, places, data.train.responses[given], data.train.hashes[given])

    return replace


def bland(data: Data, window: Exchanges, places: Places, rng: np.random.Generator) -> Exchanges:
    """Half way to the mean of training's answers to prompts of the same cell."""
    cells = data.reference.prompt_cells
    trained = Whole.of(data.train.prompts).cosines(cells).argmax(axis=1)
    means = np.stack([data.train.responses[trained == k].mean(axis=0) for k in range(len(cells.rows))])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    mine = Whole.of(window.prompts[places]).cosines(cells).argmax(axis=1)
    return put(window, places, window.responses[places] + means[mine], new_words(rng, len(places)))


def soft_echo(data: Data, window: Exchanges, places: Places, rng: np.random.Generator) -> Exchanges:
    """Seven parts of training's answer to the nearest prompt, three of the window's own."""
    nearest = (window.prompts[places] @ data.train.prompts.T).argmax(axis=1)
    mixed = 0.7 * data.train.responses[nearest] + 0.3 * window.responses[places]
    return put(window, places, mixed, new_words(rng, len(places)))


def verbatim(data: Data, window: Exchanges, places: Places, _rng: np.random.Generator) -> Exchanges:
    """Training's answer to the nearest prompt, to the word."""
    nearest = (window.prompts[places] @ data.train.prompts.T).argmax(axis=1)
    return put(window, places, data.train.responses[nearest], data.train.hashes[nearest])


def new_words(rng: np.random.Generator, n: int) -> npt.NDArray[np.uint64]:
    """Hashes of texts never met."""
    return rng.integers(1, 2**62, size=n, dtype=np.uint64)


REPLACED: dict[str, tuple[Replace, str, float | None]] = {
    "one constant answer": (canned(1), "recycled", 25),
    "one of 5 greedy answers": (canned(5), "recycled", 25),
    "bland, half way to the cell's mean": (bland, "likeness", 5),
    "soft echo, 70 % of training": (soft_echo, "echo", 6),
    "training answers to the word": (verbatim, "echo", None),
}


def without_tail(data: Data, window: Exchanges, rng: np.random.Generator) -> Exchanges:
    """Instead of answers in rare cells, other traffic's in common cells, to prompts of the same cell."""
    reference, traffic = data.reference, data.traffic
    cells, others = (
        Whole.of(each.prompts).cosines(reference.prompt_cells).argmax(axis=1) for each in (window, traffic)
    )
    rare, elsewhere = (
        reference.rare[Whole.of(each.responses).cosines(reference.response_cells).argmax(axis=1)]
        for each in (window, traffic)
    )
    places = np.flatnonzero(rare)
    given = [rng.choice(np.flatnonzero(~elsewhere & (others == cells[place]))) for place in places]
    return put(window, places, traffic.responses[given], traffic.hashes[given])


def reweighted(data: Data, rng: np.random.Generator) -> Exchanges:
    """Half of the topics asked for ten times as often."""
    return sample(data, rng, weights=_weights(data, np.where(rng.permutation(TOPICS) < TOPICS // 2, 10.0, 1.0)))


def half(data: Data, rng: np.random.Generator) -> Exchanges:
    """Half of the topics only."""
    return sample(data, rng, weights=_weights(data, (rng.permutation(TOPICS) < TOPICS // 2).astype(np.float64)))


def narrow(data: Data, rng: np.random.Generator) -> Exchanges:
    """Ask for what is nearest to one prompt only."""
    centre = data.traffic.prompts[rng.integers(len(data.traffic.hashes))]
    near = np.argsort(-data.traffic.prompts @ centre)[:NARROW]
    return sample(data, rng, weights=_even(np.isin(np.arange(len(data.traffic.hashes)), near)))


def duplicated(data: Data, rng: np.random.Generator) -> Exchanges:
    """Two exchanges of five are repetitions of others."""
    window = sample(data, rng)
    n = len(window.hashes)
    return window.joined(window.take(rng.integers(n, size=2 * n // 3))).take(rng.permutation(n + 2 * n // 3))


MIXES = {
    "half of the topics ten times as often": reweighted,
    "half of the topics only": half,
    f"narrow: the {NARROW} prompts nearest to one": narrow,
    "40 % duplicates": duplicated,
}


def _weights(data: Data, by_topic: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return _even(by_topic[data.topics])


def _even(weights: npt.NDArray[np.number]) -> npt.NDArray[np.float64]:
    return weights / weights.sum()


class Shift(NamedTuple):
    """What others look at: the mean embedding, and the Vendi score of answers; against windows like training."""

    centre: Rows
    mean: npt.NDArray[np.float64]
    sd: npt.NDArray[np.float64]

    @classmethod
    def of(cls, data: Data) -> "Shift":
        """Measure windows of traffic."""
        centre = data.train.responses.mean(axis=0)
        found = np.array([cls._look(sample(data, rng).responses[:WINDOW], centre) for rng in seeds(REPEATS)])
        return cls(centre, found.mean(axis=0), found.std(axis=0))

    def z(self, responses: Rows) -> float:
        """How far the mean embedding has moved, in standard deviations of such windows."""
        return float((self._look(responses[:WINDOW], self.centre)[0] - self.mean[0]) / self.sd[0])

    def vendi_z(self, responses: Rows) -> float:
        """How far the Vendi score lies off, likewise."""
        return float((self._look(responses[:WINDOW], self.centre)[1] - self.mean[1]) / self.sd[1])

    @staticmethod
    def _look(responses: Rows, centre: Rows) -> tuple[float, float]:
        moment = (responses.T @ responses).astype(np.float64) / len(responses)
        shift = float(np.linalg.norm(responses.mean(axis=0) - centre))
        return shift, float(np.log(vendi_scores(moment, len(responses))[0]))
