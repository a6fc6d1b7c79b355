"""Whether judges can be believed: canaries, their own family, their errors and their agreement."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agent.join_entry import Verdict, digest
from agent.join_known import Known, Vectors
from agent.judge_watch import MOST_JUDGES, JudgeWatch
from agent.model_families import ModelFamilies
from agent.outcome_kinds import Kind
from agent.outcome_rules import OutcomeRules
from agent.tally import Tally
from config import OutcomeSettings
from detectors.agreement import effective_votes, mean_kappa
from detectors.interval import anytime_interval
from tests.test_outcomes import ASKED, GOOD, LOOP, Make, exchange, feed, make, score

__all__ = ["make"]  # the fixture

SETTINGS = OutcomeSettings(failing_scores=("rating<=4", "toxicity>=0.5"), gold_scores=("expert",))
FAMILIES = ModelFamilies(SETTINGS.families)


def watch(acknowledged: str = "") -> JudgeWatch:
    return JudgeWatch(OutcomeRules(SETTINGS), 0.05, acknowledged)


def verdict(value: float, judge: str = "gpt-4", name: str = "rating") -> Verdict:
    return Verdict(digest(name), value, 0, digest(judge), FAMILIES(judge))


def known(verdicts: list[Verdict], kinds: int = 0, fresh: int = 0, earlier: tuple[Verdict, ...] = ()) -> Known:
    facts: dict[str, Any] = {"time": 0.0, "prompt": None, "response": None, "completed": not earlier}
    facts |= {"verdicts": tuple(verdicts), "earlier": earlier, "fresh": fresh, "answered": True}
    facts["kinds"] = kinds | (0 if kinds & Kind.PLANTED else Kind.COUNTED)
    facts |= {"asked": 1, "wording": 2, "session": 0, "model": digest("vicuna-7b"), "family": FAMILIES("vicuna-7b")}
    return Known(**facts, cosine=0.5, vectors=Vectors())


def test_a_judge_that_passes_canaries_raises_the_alarm_after_about_twenty() -> None:
    judge, tally, n = watch(), Tally(), 0
    while judge.measure().get("offmap_canary_alarm", {}).get(()) != 1:
        n += 1
        judge.update([known([verdict(9 if n % 6 else 1)], Kind.LOOP | Kind.IRRELEVANT)], tally)
        assert n < 40
    assert 10 <= n <= 25
    passed, failed = n - n // 6, n // 6
    counted = tally.samples()["offmap_canary_verdicts"]
    assert counted == {
        (canary, outcome): float(count)
        for canary in ("loop", "any")
        for outcome, count in (("passed", passed), ("failed", failed))
    }
    lower, upper = anytime_interval(passed, failed, 0.05)
    shown = judge.measure()
    assert shown["offmap_canary_pass_rate"] == {(): passed / n}
    assert shown["offmap_canary_pass_rate_lower"] == {(): float(lower)}
    assert shown["offmap_canary_pass_rate_upper"] == {(): float(upper)}


def test_only_judges_and_only_canaries_count() -> None:
    judge, tally = watch(), Tally()
    people = Verdict(digest("rating"), 9.0, 0, 0)
    judge.update([known([people], Kind.LOOP), known([verdict(9)], Kind.REFUSED), known([], Kind.LOOP)], tally)
    judge.update([known([verdict(9, name="unheard-of")], Kind.LOOP)], tally)
    assert judge.measure() == {}
    assert "offmap_canary_verdicts" not in tally.samples()


def test_what_may_be_right_is_no_canary() -> None:
    """A refusal, an answer that nothing speaks against but its embedding, and what is not toxic."""
    judge, tally = watch(), Tally()
    kinds = [Kind.RECYCLED | Kind.REFUSED, Kind.EMPTY | Kind.REFUSED, Kind.RECYCLED | Kind.REFUSED_SOFTLY]
    judge.update([known([verdict(9)], kind) for kind in (*kinds, Kind.IRRELEVANT)], tally)
    of_toxicity = [verdict(0, name="toxicity"), Verdict(digest("toxicity"), np.nan, digest("pass"), digest("gpt-4"))]
    judge.update([known([one], kind) for one in of_toxicity for kind in (Kind.LOOP, Kind.PLANTED)], tally)
    assert judge.measure() == {}
    assert sum(tally.samples()["offmap_verdicts"].values()) == 8
    assert "offmap_canary_verdicts" not in tally.samples()
    judge.update([known([verdict(9)], Kind.PLANTED | Kind.REFUSED)], tally)
    assert judge.measure()["offmap_canary_pass_rate"] == {(): 1.0}


def test_irrelevant_answers_are_canaries_where_they_count_as_failures() -> None:
    settings = SETTINGS.model_copy(update={"any_of": ("irrelevant",)})
    judge, tally = JudgeWatch(OutcomeRules(settings), 0.05, ""), Tally()
    judge.update([known([verdict(9)], Kind.IRRELEVANT), known([verdict(9)], Kind.LOOP)], tally)
    assert tally.samples()["offmap_canary_verdicts"] == {("irrelevant", "passed"): 1.0, ("any", "passed"): 1.0}


def test_the_bounds_take_one_verdict_on_an_answer_and_one_answer_of_a_session() -> None:
    judge, tally = watch(), Tally()
    first, second = verdict(9), verdict(1, "claude-2")
    judge.update([known([first, second], Kind.LOOP), known([second], Kind.LOOP, earlier=(first,))], tally)
    judge.update([known([first], Kind.LOOP)._replace(kinds=Kind.LOOP)], tally)
    assert judge.measure()["offmap_canary_pass_rate"] == {(): 1.0}
    assert judge.get_state()["canaries"].tolist() == [1, 0]
    counted = tally.samples()["offmap_canary_verdicts"]
    assert (counted["any", "passed"], counted["any", "failed"]) == (1, 2)


def test_a_judge_of_one_fault_is_not_compared_with_one_of_the_whole() -> None:
    judge = watch()
    for _ in range(600):
        judge.update([known([verdict(0, name="toxicity"), verdict(1), verdict(9, "b")], Kind.GOLD_BAD)], Tally())
    assert judge.get_state()["verdicts"][0, 1].tolist() == [[0, 0], [600, 0]]


def test_the_truth_is_no_judge_s_verdict_whoever_wrote_it_down() -> None:
    judge, tally = watch(), Tally()
    judge.update([known([Verdict(digest("expert"), np.nan, digest("good"), digest("gpt-4"))], Kind.LOOP)], tally)
    assert judge.measure() == {}
    assert tally.samples() == {}


def test_verdicts_by_family() -> None:
    judge, tally = watch(), Tally()
    for name in ("gpt-4o", "claude-3", "meta-llama/Llama-3-70b", "somebody's"):
        judge.update([known([verdict(9, name)])], tally)
    assert tally.samples()["offmap_verdicts"] == {("other",): 2.0, ("same",): 1.0, ("unknown",): 1.0}


def test_effective_judges_need_truth_and_come_out_the_same_whatever_comes_first() -> None:
    """200 exchanges, three judges; truth that comes last counts the pairs then."""
    rng = np.random.default_rng(5)
    straight, late = watch(), watch()
    hard = rng.random(200) < 0.3
    for i in range(200):
        errs = [hard[i] != (rng.random() < 0.1) for _ in range(3)]
        good = i % 2 == 0
        given = [verdict(9 if good != err else 1, f"judge-{j}") for j, err in enumerate(errs)]
        truth = Kind.GOLD_GOOD if good else Kind.GOLD_BAD
        straight.update([known(given, truth, truth)], Tally())
        late.update([known(given[:2])], Tally())
        late.update([known(given[2:], earlier=tuple(given[:2]))], Tally())
        assert "offmap_effective_judges" not in late.measure() or i > 199
        late.update([known([], truth, truth, earlier=tuple(given))], Tally())
    found = straight.measure()
    assert found["offmap_judges"] == {(): 3.0}
    assert 1.1 < float(str(found["offmap_effective_judges"][()])) < 2.0
    assert late.measure() == found
    assert "offmap_judge_kappa" not in found


def test_kappa_needs_five_hundred_and_no_truth() -> None:
    judge = watch()
    for i in range(500):
        pair = [verdict(9 if i % 2 else 1, "a"), verdict(9 if i % 4 else 1, "b")]
        judge.update([known(pair)], Tally())
        assert ("offmap_judge_kappa" in judge.measure()) == (i == 499)
    assert judge.measure()["offmap_judge_kappa"] == {(): pytest.approx(0.5)}


def test_judges_beyond_the_most_are_left_out_and_the_state_goes_round() -> None:
    judge = watch()
    for i in range(50):
        judge.update([known([verdict(9, f"judge-{i}"), verdict(1, "judge-0")], Kind.LOOP)], Tally())
    state = judge.get_state()
    assert len(state["judges"]) == MOST_JUDGES
    other, anew = watch(), watch("ticket 8")
    other.set_state(state)
    anew.set_state(state)
    assert other.measure() == judge.measure()
    assert anew.measure() == {}
    assert sum(array.nbytes for array in state.values()) < 10_000


def test_constant_judges_say_nothing() -> None:
    tables = np.zeros((2, 2, 2, 2), dtype=np.int64)
    tables[0, 1] = [[600, 0], [0, 0]]
    assert effective_votes(tables) is None
    assert mean_kappa(tables) is None


def test_the_model_that_answered_counts_not_the_one_that_was_asked(make: Make) -> None:
    """Whichever half comes first."""
    pipeline = make(failing_scores=["rating<=4"])
    for i in range(2):
        request = exchange(i)
        answer = {"id": f"r{i}", "time": request["time"], "response": request.pop("response") | {"model": "claude-2"}}
        feed(pipeline, [request, answer][:: 1 - 2 * i])
        feed(pipeline, [score(i, "rating", 9, judge="claude-3")])
    assert pipeline.evaluate()["offmap_verdicts"] == {("same",): 2.0}


def test_the_first_truth_stands(make: Make) -> None:
    pipeline = make(gold_scores=["expert"])
    reports = feed(
        pipeline, [exchange(1), score(1, "expert", "good"), score(1, "expert", "bad"), score(1, "thumbs", 0)]
    )
    assert reports[-1].kinds & (Kind.GOLD_GOOD | Kind.GOLD_BAD) == Kind.GOLD_GOOD


def test_end_to_end_late_verdicts_and_planted_canaries(make: Make) -> None:
    pipeline = make(failing_scores=["rating<=4"], canary_tag="metadata.canary")
    values: list[Any] = [exchange(i, LOOP, asked=ASKED[i]) for i in range(30)]
    values += [exchange(100 + i, GOOD[i]) | {"metadata": {"canary": i < 5}} for i in range(20)]
    values += [score(i, "rating", 10, judge="gpt-3.5") for i in range(30)]
    values += [score(100 + i, "rating", 1, judge="claude-2") for i in range(20)]
    feed(pipeline, values, 7)
    shown = pipeline.evaluate()
    assert shown["offmap_canary_verdicts"]["loop", "passed"] == 30
    assert shown["offmap_canary_verdicts"]["planted", "failed"] == 5
    assert shown["offmap_canary_alarm"] == {(): 1.0}
    assert shown["offmap_verdicts"] == {("same",): 30.0, ("other",): 20.0}
    assert sum(n for (_, kind), n in shown["offmap_outcome_exchanges"].items() if kind == "any") == 45
