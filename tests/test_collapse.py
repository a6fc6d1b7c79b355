"""Windows of answers, given what was asked: what is measured, on what, and what is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from detectors.blocks import unit_rows
from detectors.collapse import METRICS, PATIENCE, CollapseWindow
from detectors.collapse_accepted import accept_pairs, accepted_arrays
from detectors.collapse_fit import PSEUDO_PAIRS, TrainingPairs, alike, fit_pairs
from detectors.diversity import vendi_scores
from detectors.near import Whole
from detectors.pair_measures import Pairs, excess, narrowing, narrowing_variance
from detectors.pair_reference import SIGNS, PairReference
from detectors.recycled import HORIZON, Recycled

DIM, TOPICS, PAIRS = 48, 30, 1_600
SIZES = (128, 256)
_RNG = np.random.default_rng(5)
ASKED, GIVEN = _RNG.standard_normal((2, TOPICS, DIM))
Rows = npt.NDArray[np.float32]


def draw(n: int, seed: int, topics: int = TOPICS, spread: float = 0.8) -> TrainingPairs:
    rng = np.random.default_rng(seed)
    topic = rng.integers(topics, size=n)
    prompts, responses = (
        unit_rows((centres[topic] + noise * rng.standard_normal((n, DIM))).astype(np.float32))
        for centres, noise in ((ASKED, 0.8), (GIVEN, spread))
    )
    hashes = rng.integers(1, 2**62, size=n, dtype=np.uint64)
    return TrainingPairs(prompts, responses, hashes, np.zeros(n, np.bool_), np.arange(n))


@pytest.fixture(scope="module")
def reference() -> PairReference:
    pairs = draw(PAIRS, 0)
    found = fit_pairs(pairs, pairs.hashes, sizes=SIZES)
    assert found is not None
    return PairReference.from_arrays(found.to_arrays())


def looked_at(reference: PairReference, pairs: TrainingPairs) -> Pairs:
    prompts, responses = Whole.of(pairs.prompts), Whole.of(pairs.responses)
    seen = reference.look(prompts, responses, pairs.hashes)
    return Pairs(prompts, responses, seen.cell, np.stack([seen.tail, seen.echo, seen.verbatim, seen.verbatim], axis=1))


def test_d_and_a_are_what_the_formulas_say(reference: PairReference) -> None:
    pairs = looked_at(reference, draw(200, 1))
    prompts, responses = (unit_rows(each.rows.astype(np.float32)).astype(np.float64) for each in pairs[:2])
    n = len(prompts)
    vendi = [np.log(vendi_scores(rows.T @ rows / n, n)[0]) for rows in (responses, prompts)]
    cell, others = pairs.cell, ~np.eye(n, dtype=np.bool_)

    def more_alike(rows: npt.NDArray[np.float64], usual: npt.NDArray[np.float64]) -> float:
        return float(np.log(np.square(rows @ rows.T)[others].mean() / usual[cell][:, cell][others].mean()))

    bend = more_alike(prompts, reference.alike[1])
    found = narrowing(pairs, reference)
    assert found.bend == pytest.approx(bend, abs=1e-4)
    a = more_alike(responses, reference.alike[0]) - reference.yielding[0] * bend
    assert found.values == pytest.approx([vendi[0] - vendi[1], a], abs=1e-4)


def test_shares_are_compared_with_those_of_the_same_cells(reference: PairReference) -> None:
    pairs = looked_at(reference, draw(300, 2, topics=5))
    found = excess(pairs, reference)
    assert found.expected == pytest.approx(reference.expected[pairs.cell].mean(axis=0))
    assert found.share == pytest.approx(pairs.signs.mean(axis=0))
    assert (np.abs(found.share - found.expected) < 4 * found.error).all()


def test_the_variance_is_of_the_window_and_of_what_it_is_compared_with(reference: PairReference) -> None:
    found, usual = narrowing(looked_at(reference, draw(128, 3, topics=2)), reference), reference.usual[0]
    plain = np.square(usual.sd) * (1 + usual.n / found.stands_on)
    assert found.stands_on < PAIRS / 5  # of two topics in thirty
    assert narrowing_variance(found, usual, np.zeros(2)) == pytest.approx(plain)
    more = plain + np.array([0, (0.3 * found.bend) ** 2])
    assert narrowing_variance(found, usual, np.array([1, 0.3])) == pytest.approx(more)


def test_cells_of_few_pairs_are_as_alike_as_any() -> None:
    side, cell = Whole.of(draw(60, 4).responses), np.repeat([0, 1], [57, 3])
    rows = unit_rows(side.rows.astype(np.float32)).astype(np.float64)
    squares, others = np.square(rows @ rows.T), ~np.eye(60, dtype=np.bool_)
    overall = squares[others].mean()
    for c in range(2):
        for k in range(2):
            these = others & (cell == c)[:, None] & (cell == k)
            expected = (squares[these].sum() + PSEUDO_PAIRS * overall) / (these.sum() + PSEUDO_PAIRS)
            assert alike(side, cell, 2)[c, k] == pytest.approx(expected, rel=1e-4)


def test_one_answer_more_of_what_is_never_said_is_within_the_error(reference: PairReference) -> None:
    never = replace(reference, expected=np.zeros_like(reference.expected))
    assert excess(looked_at(reference, draw(250, 2)), never).error == pytest.approx(1 / 250)


def test_training_answers_are_known_to_the_word_and_nearly(reference: PairReference) -> None:
    pairs = draw(PAIRS, 0)
    told = looked_at(reference, pairs._replace(hashes=pairs.hashes[::-1]))
    assert told.signs[:, 2].mean() > 0.99  # other words, but their own vectors lie in the reference
    fresh = draw(PAIRS, 3)
    assert looked_at(reference, fresh).signs[:, 2].mean() < 0.01
    assert looked_at(reference, fresh._replace(hashes=pairs.hashes)).signs[:, 2].all()
    assert not looked_at(reference, fresh._replace(hashes=np.zeros(PAIRS, np.uint64))).signs[:, 1:].any()


def alarmed(reference: PairReference, pairs: TrainingPairs) -> set[str]:
    window = CollapseWindow(reference)
    window.update(looked_at(reference, pairs))
    return {name for name, at in zip(METRICS, window.alarms, strict=True) if at}


def test_once_accepted_the_ways_of_another_model_are_usual_and_what_is_narrower_still_is_not(
    reference: PairReference,
) -> None:
    assert alarmed(reference, draw(1_600, 10, spread=0.5)) >= {"diversity", "likeness"}
    accepted = accept_pairs(reference, looked_at(reference, draw(1_600, 11, spread=0.5)), SIZES)
    assert accepted is not None
    accepted = PairReference.from_arrays(reference.to_arrays() | accepted_arrays(accepted))
    assert alarmed(accepted, draw(1_600, 10, spread=0.5)) == set()
    assert alarmed(accepted, draw(1_600, 12, spread=0.3)) >= {"diversity", "likeness"}
    told = draw(1_600, 10, spread=0.5)
    replayed = np.random.default_rng(0).random(1_600) < 0.4
    told.responses[replayed] = draw(PAIRS, 0).responses[replayed]
    assert "echo" in alarmed(accepted, told)
    assert accept_pairs(reference, looked_at(reference, draw(200, 11)), SIZES) is None


@pytest.mark.parametrize(("end", "alarm"), [(384, 0), (512, 512), (500, 512)])
def test_an_alarm_takes_two_windows_in_a_row(reference: PairReference, end: int, alarm: int) -> None:
    window, pairs = CollapseWindow(reference), looked_at(reference, draw(1_024, 30))
    pairs.signs[256:end, SIGNS.index("recycled")] = True
    window.update(pairs)
    assert window.alarms[METRICS.index("recycled")] == alarm
    pairs.signs[:] = False
    window.update(pairs)
    assert window.alarms[METRICS.index("recycled")] == alarm


def test_windows_nest_and_batches_do_not_matter(reference: PairReference) -> None:
    pairs = looked_at(reference, draw(700, 4))
    windows = [CollapseWindow(reference) for _ in range(3)]
    for window, step in zip(windows, (700, 64, 37), strict=True):
        for start in range(0, 700, step):
            window.update(pairs.take(slice(start, start + step)))
    assert windows[0].measure() == windows[1].measure() == windows[2].measure()
    fresh = CollapseWindow(reference)
    assert [one.name for one in fresh.measure()] == [f"{name}_alarm" for name in METRICS if name != "verbatim"]
    fresh.update(pairs.take(slice(128)))
    assert {one.field for one in fresh.measure()} == {"", "128"}
    fresh.update(pairs.take(slice(128, 256)))
    direct = narrowing(pairs.take(slice(128, 256)), reference).values[0] - reference.usual[0].mean[0]
    assert next(one.value for one in fresh.measure() if one.name == "diversity" and one.field == "128") == direct


def test_the_same_question_again_does_not_count(reference: PairReference) -> None:
    pairs = looked_at(reference, draw(127, 6))
    window = CollapseWindow(reference)
    for _ in range(5):
        window.update(pairs)
    assert not any(one.field for one in window.measure())
    window.update(looked_at(reference, draw(1, 7)))
    assert {one.field for one in window.measure()} == {"", "128"}


def test_a_window_that_does_not_fill_is_given_up(reference: PairReference) -> None:
    few = looked_at(reference, draw(100, 8))
    window = CollapseWindow(reference)
    for _ in range(PATIENCE * SIZES[-1] // 100 + 1):
        window.update(few)
    kept = len(window.get_state()["cell"])
    assert 0 < kept <= 100
    window.update(looked_at(reference, draw(27, 9)))
    assert not any(one.field for one in window.measure())


def test_state_goes_on_and_other_windows_are_refused(reference: PairReference) -> None:
    pairs = looked_at(reference, draw(400, 10))
    whole, first, second = (CollapseWindow(reference) for _ in range(3))
    whole.update(pairs)
    first.update(pairs.take(slice(150)))
    assert second.set_state(first.get_state())
    second.update(pairs.take(slice(150, None)))
    assert second.measure() == whole.measure()
    assert not CollapseWindow(replace(reference, usual=reference.usual[:1])).set_state(whole.get_state())


@pytest.mark.parametrize("name", ["rare", "echo_starts", "alike", "prompts"])
def test_arrays_that_do_not_belong_together_are_refused(reference: PairReference, name: str) -> None:
    arrays = reference.to_arrays()
    with pytest.raises(ValueError, match=name):
        PairReference.from_arrays(arrays | {name: arrays[name].astype(np.float32)[:1]})
    del arrays[name]
    with pytest.raises(ValueError, match=f"without {name}"):
        PairReference.from_arrays(arrays)


def test_too_few_pairs_fit_nothing() -> None:
    pairs = draw(300, 11)
    assert fit_pairs(pairs, pairs.hashes) is None


@pytest.mark.parametrize("size", [1, 64, 1_000])
def test_an_answer_is_remembered_for_so_many_exchanges(size: int) -> None:
    """However the stream is cut: one answer comes again as late as it may, another one exchange later."""
    place = np.full(HORIZON + 3, 5)
    place[[0, HORIZON, 1, HORIZON + 2]] = [0, 1, 2, 3]
    hashes = np.zeros(HORIZON + 3, np.uint64)
    hashes[[0, HORIZON]], hashes[[1, HORIZON + 2]] = 7, 8
    asked, given = Whole.of(np.eye(6)[place]), Whole.of(np.random.default_rng(0).standard_normal((HORIZON + 3, 6)))
    recycled, found = Recycled(6), []
    for i in range(0, HORIZON + 3, size):
        where = slice(i, i + size)
        found += recycled.update(asked.take(where), given.take(where), hashes[where]).exact.tolist()
    assert np.flatnonzero(found).tolist() == [HORIZON]
