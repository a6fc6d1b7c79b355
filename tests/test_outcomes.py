"""Failures by coverage: what counts as one, once for each, however the parts of an exchange come."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from agent.assembly import build_pipeline
from agent.intake import Clocks
from agent.join_entry import Verdict, digest
from agent.join_known import Known
from agent.metric_row import BANDS
from agent.outcome_book import band
from agent.outcome_kinds import OUTCOMES, Kind
from agent.outcome_rules import OutcomeRules
from agent.outcome_watch import NAMES
from agent.pipeline import Pipeline
from agent.profile import read_profile
from agent.records import Record
from agent.replay import ReplayOutputs
from agent.report_outcomes import outcome_findings, print_outcomes
from agent.sampling import HashSampler
from agent.tally import Snapshot
from agent.wiring import run_replay
from config import ConfigError, OutcomeSettings, load_settings
from detectors.failure_ratio import failure_ratio
from tests.small import ODD, sentences, small_profile, small_settings

NOW = 1_760_000_000.0
ASKED = [*sentences(150, 51), *sentences(50, 52, ODD)]
GOOD = [f"{text}, and so it is done." for text in sentences(200, 53)]
Make = Callable[..., Pipeline]


@pytest.fixture(scope="module")
def make() -> Make:
    profile = read_profile(small_profile())

    def make(acknowledged: str = "", **outcomes: Any) -> Pipeline:
        sections = small_settings(outcomes=outcomes, pager={"acknowledged": acknowledged})
        clocks = Clocks(now=None, horizon=lambda: NOW + 10**6, timer=lambda: 0.0)
        return build_pipeline(load_settings(None, sections), profile, clocks, HashSampler())

    return make


def exchange(i: int, answer: str | None = None, **more: Any) -> dict[str, Any]:
    """One whole exchange in OpenAI's shape."""
    message = {"content": GOOD[i] if answer is None else answer}
    choice = {"message": message, "finish_reason": more.pop("finish", "stop")}
    request = {"model": "gpt-4", "messages": [{"role": "user", "content": more.pop("asked", ASKED[i])}]}
    return {"id": f"r{i}", "time": NOW + i, "request": request, "response": {"choices": [choice]}} | more


def score(i: int, name: str, value: Any, judge: str | None = None, at: float = 500.0) -> dict[str, Any]:
    body = {"name": name, "value": value, "observationId": f"r{i}"} | ({"metadata": {"model": judge}} if judge else {})
    return {"type": "score-create", "timestamp": NOW + at, "body": body}


def feed(pipeline: Pipeline, values: list[Any], size: int = 64, start: int = 0) -> list[Known]:
    records = [Record("llm", 0, start + i, json.dumps(value).encode()) for i, value in enumerate(values)]
    return [one for i in range(0, len(records), size) for one in pipeline.process(records[i : i + size]).known]


def by_kind(pipeline: Pipeline, name: str = "offmap_outcomes") -> dict[str, float]:
    found: dict[str, float] = {}
    for (_, kind), count in pipeline.evaluate().get(name, {}).items():
        found[kind] = found.get(kind, 0) + float(count)
    return found


LOOP = "It was good. " + "I would say that again and again. " * 20


@pytest.mark.parametrize(
    ("answer", "more", "kinds"),
    [
        ("The bill is due on Monday.", {}, set()),
        ("", {}, {"empty", "any"}),
        ("I'm sorry, but I can't help with that.", {}, {"refused", "any"}),
        ("<think>I'm sorry, but I can't help with that. Or can I?</think>The bill is due on Monday.", {}, set()),
        ("<think>" + "They want a bill. " * 20 + "</think>\n\nI can't help with that.", {}, {"refused", "any"}),
        ("<think>The bill is due on Monday.</think>\n", {}, {"empty", "any"}),
        ("It is never okay to hurt people. Violence is harmful.", {}, {"refused_softly"}),
        ("The bill is due on", {}, {"unfinished"}),
        ("The bill is due on Monday.", {"finish": "length"}, {"truncated", "any"}),
        ("The bill is due on Monday.", {"finish": "MAX_TOKENS"}, {"truncated", "any"}),
        ("The bill is due on Monday.", {"finish": "content_filter"}, {"refused", "any"}),
        ("The bill is due on Monday.", {"finish": "RECITATION"}, {"refused", "any"}),
        ("", {"finish": "content_filter"}, {"empty", "refused", "any"}),
        ("", {"finish": "length"}, {"empty", "truncated", "any"}),
        (LOOP, {}, {"loop", "any"}),
    ],
)
def test_what_an_answer_s_text_tells(make: Make, answer: str, more: dict[str, Any], kinds: set[str]) -> None:
    pipeline = make()
    feed(pipeline, [exchange(1, answer, **more)])
    told = by_kind(pipeline)
    told.pop("irrelevant", None)  # the letters' embedder thinks that of some
    assert set(told) == kinds
    assert by_kind(pipeline, "offmap_outcome_exchanges")["loop"] == 1


def test_an_answer_far_from_its_prompt_is_irrelevant(make: Make) -> None:
    pipeline = make()
    known = feed(pipeline, [exchange(i) for i in range(200)])
    far = [one.cosine < 0.1 for one in known]
    assert 0 < sum(far) < 200
    assert [one.kinds & Kind.IRRELEVANT > 0 for one in known] == far
    assert by_kind(pipeline)["irrelevant"] == sum(far)


def test_tool_calls_are_an_answer_and_an_error_is_none(make: Make) -> None:
    pipeline = make()
    called = exchange(1)
    call = {"type": "function", "id": "c", "function": {"name": "f", "arguments": "{}"}}
    called["response"]["choices"][0]["message"] = {"content": None, "tool_calls": [call]}
    feed(pipeline, [called])
    assert by_kind(pipeline) == {}
    feed(pipeline, [exchange(2) | {"response": {"error": {"code": "overloaded"}}}])
    assert by_kind(pipeline) == {"error": 1.0, "any": 1.0}


def test_counts_by_band_are_exact_and_add_up(make: Make) -> None:
    pipeline = make()
    known = feed(pipeline, [exchange(i, LOOP if i % 4 == 0 else None) for i in range(200)])
    bands = [band(one.prompt.p_value) for one in known if one.prompt is not None]
    assert len(bands) == 200
    assert len(set(bands)) == 4
    shown = pipeline.evaluate()
    for i, end in enumerate(("0.01", "0.05", "0.2", "1")):
        assert shown["offmap_outcome_exchanges"][end, "loop"] == bands.count(i)
        assert shown["offmap_outcomes"].get((end, "loop"), 0) == bands[::4].count(i)
    failed = sum(b < 2 for b in bands[::4]), sum(b >= 2 for b in bands[::4])
    n = sum(b < 2 for b in bands), sum(b >= 2 for b in bands)
    expected = failure_ratio((failed[0], n[0]), (failed[1], n[1]), 0.05)
    if expected is None:
        assert ("loop",) not in shown.get("offmap_failure_ratio", {})
    else:
        assert shown["offmap_failure_ratio"]["loop",] == expected.ratio
        assert shown["offmap_failure_ratio_lower"]["loop",] == expected.lower


def test_more_failures_off_the_map_are_shown_with_bounds_and_state(make: Make) -> None:
    pipeline = make()
    feed(pipeline, [exchange(i, LOOP if i >= 150 or i % 30 == 0 else None) for i in range(200)])
    shown = pipeline.evaluate()
    lower, ratio, upper = (shown[f"offmap_failure_ratio{end}"]["loop",] for end in ("_lower", "", "_upper"))
    assert 1 < lower < ratio < upper
    assert shown["offmap_brittle"]["loop",] == 1
    assert shown["offmap_failure_evidence"]["loop",] > shown["offmap_failure_threshold"][()]
    assert shown["offmap_failure_threshold"][()] == pytest.approx(math.log(20))
    assert ("empty",) not in shown["offmap_failure_ratio"]


def test_feedback_counts_when_it_comes_once_and_among_those_that_have_it(make: Make) -> None:
    pipeline = make()
    feed(pipeline, [exchange(i) for i in range(10)])
    assert "feedback" not in by_kind(pipeline, "offmap_outcome_exchanges")
    feed(pipeline, [score(1, "thumbs", 0), score(2, "thumbs", 1), score(3, "unknown", 0), score(4, "any", "BAD")])
    feed(pipeline, [score(1, "thumbs", 0), score(1, "thumbs", -1), score(2, "thumbs", 0, at=600)])
    assert by_kind(pipeline)["feedback"] == 3
    assert by_kind(pipeline, "offmap_outcome_exchanges")["feedback"] == 3
    assert "judge" not in by_kind(pipeline)
    assert by_kind(pipeline)["any"] == 3


def test_a_score_in_the_exchange_s_own_message_and_one_that_comes_before_it(make: Make) -> None:
    pipeline = make(failing_scores=["rating<=4"], judge_scores=["rating"])
    feed(pipeline, [score(1, "rating", 3), exchange(1), score(2, "rating", 8), exchange(2)])
    assert by_kind(pipeline)["judge"] == 1
    assert by_kind(pipeline, "offmap_outcome_exchanges")["judge"] == 2


@pytest.mark.parametrize("swap", [False, True])
def test_halves_end_as_the_whole_would(make: Make, swap: bool) -> None:
    """The mark stands on the request, the answer and its model in the response."""
    pipelines = [make(canary_tag="metadata.canary"), make(canary_tag="metadata.canary")]
    for i in range(40):
        whole = exchange(i, LOOP if i % 3 == 0 else None) | {"metadata": {"canary": i % 5 == 0}}
        response = {"id": whole["id"], "time": whole["time"], "response": whole["response"]}
        halves = [{key: value for key, value in whole.items() if key != "response"}, response]
        feed(pipelines[0], [whole])
        feed(pipelines[1], halves[::-1] if swap else halves)
    for values in (pipelines[0].evaluate(), pipelines[1].evaluate()):
        assert sum(n for (_, kind), n in values["offmap_outcome_exchanges"].items() if kind == "any") == 32
    for name in ("offmap_outcomes", "offmap_outcome_exchanges"):
        assert pipelines[0].evaluate()[name] == pipelines[1].evaluate()[name]


def test_one_of_a_session_and_one_of_equal_prompts_counts(make: Make) -> None:
    pipeline = make()
    same = [exchange(i, LOOP, asked=ASKED[0]) for i in range(40)]
    feed(pipeline, same)
    assert by_kind(pipeline)["loop"] == 1
    feed(pipeline, same[:25])  # with those before it 65: the second block of 64 begins
    assert by_kind(pipeline)["loop"] == 2
    other = [exchange(i, LOOP, asked=ASKED[0]) for i in range(3)]
    for one in other:
        one["request"]["model"] = "another"
    feed(pipeline, other)
    assert by_kind(pipeline)["loop"] == 3
    told = [exchange(i, LOOP, asked=ASKED[3]) | {"session_id": "s"} for i in range(9)]
    for i, one in enumerate(told):
        one["request"]["model"] = f"model-{i}"
    feed(pipeline, told)
    assert by_kind(pipeline)["loop"] == 4


def test_prompts_without_an_answer_are_no_exchanges(make: Make) -> None:
    pipeline = make()
    feed(pipeline, [{"time": NOW + i, "prompt": ASKED[i]} for i in range(20)])
    assert "offmap_outcome_exchanges" not in pipeline.evaluate()
    feed(pipeline, [{"id": f"q{i}", "time": NOW + i, "prompt": ASKED[i], "response": "So it is."} for i in range(20)])
    assert by_kind(pipeline, "offmap_outcome_exchanges")["any"] == 20


def test_a_session_counts_once_in_each_band(make: Make) -> None:
    """What one user asks on the map does not take the place of what the same user asks off it."""
    pipeline = make()
    known = feed(pipeline, [exchange(i) | {"session_id": "s"} for i in (*range(20), *range(170, 190))])
    bands = {band(one.prompt.p_value) for one in known if one.prompt is not None}
    assert len(bands) > 1
    counted = pipeline.evaluate()["offmap_outcome_exchanges"]
    assert {end: n for (end, kind), n in counted.items() if kind == "any"} == {f"{BANDS[b]:g}": 1.0 for b in bands}


def stream() -> list[Any]:
    values: list[Any] = []
    for i in range(120):
        values.append(exchange(i, LOOP if i % 7 == 0 else "" if i % 11 == 0 else None))
        if i % 3 == 0:
            values.append(score(i - i % 2 * 2, "thumbs", i % 2))
        if i % 5 == 0:
            values.append(score(i, "rating", i % 9, judge="gpt-4"))
    return values


@pytest.mark.parametrize(("size", "cut"), [(1, 60), (7, 33), (50, 100)])
def test_however_the_stream_is_cut_and_restarted_the_metrics_are_the_same(make: Make, size: int, cut: int) -> None:
    rules = {"failing_scores": ["thumbs<=0", "rating<=4"]}
    straight, first, second = make(**rules), make(**rules), make(**rules)
    feed(straight, stream(), 1_000)
    feed(first, stream()[:cut], size)
    second.set_state(first.get_state())
    feed(second, stream()[cut:], size, cut)
    expected, found = straight.evaluate(), second.evaluate()
    for name in [*(name for name in expected if "outcome" in name or "failure" in name or "canary" in name)]:
        assert found[name] == expected[name], name
    assert any(kind == "judge" for _, kind in expected["offmap_outcomes"])
    assert expected["offmap_verdicts"]["same",] > 0


@pytest.mark.parametrize("change", [{"acknowledged": "ticket 7"}, {"failing_scores": ["thumbs<=-1"]}], ids=str)
def test_the_ratio_begins_anew_and_the_counters_go_on(make: Make, change: dict[str, Any]) -> None:
    """When it is acknowledged, and when something else counts as a failure."""
    first, second = make(), make(**change)
    feed(first, [exchange(i, LOOP if i >= 150 else None) for i in range(200)])
    assert first.evaluate()["offmap_brittle"]["loop",] == 1
    second.set_state(first.get_state())
    assert "offmap_brittle" not in second.evaluate()
    assert second.evaluate()["offmap_outcomes"] == first.evaluate()["offmap_outcomes"]


def test_what_comes_late_of_exchanges_before_the_acknowledgement_is_not_in_the_ratio(make: Make) -> None:
    """A day's verdicts come in one go, just after somebody said that he knows: more failures than exchanges since."""
    first, second = make(), make("ticket 7")
    feed(first, [exchange(i) for i in range(200)])
    second.set_state(first.get_state())
    newer = [exchange(i, LOOP) | {"id": f"new{i}", "time": NOW + 300 + i, "session_id": f"s{i}"} for i in range(200)]
    feed(second, newer[140:155])
    feed(second, [score(i, "thumbs", 0) for i in range(200)])
    shown = second.evaluate()
    assert "offmap_failure_ratio" not in shown
    assert by_kind(second)["feedback"] == 200
    feed(second, newer[155:])
    third = make("ticket 7")
    third.set_state(second.get_state())
    feed(third, [score(i, "thumbs", -1) for i in range(200)])
    assert set(third.evaluate()["offmap_failure_ratio"]) >= {("loop",), ("any",)}
    assert ("feedback",) not in third.evaluate()["offmap_failure_ratio"]
    assert third.evaluate()["offmap_failure_ratio"] == second.evaluate()["offmap_failure_ratio"]


def test_an_old_checkpoint_s_join_buffer_loads(make: Make) -> None:
    first, second = make(), make()
    half = exchange(1)
    answer = {"id": "r1", "time": NOW, "response": half.pop("response")}
    feed(first, [half, exchange(2)])
    state = first.get_state()
    new = {"complete", "answered", "held", "kinds", "told", "asked", "wording", "session", "model", "family"}
    old = [name for name in state["join/entries"].dtype.names or () if name not in new]
    state["join/entries"] = np.array(state["join/entries"][old].tolist(), dtype=_types(state["join/entries"], old))
    state = {name: array for name, array in state.items() if not name.startswith(("exchanges/", "settlement/"))}
    second.set_state(state)
    (joined,) = feed(second, [answer], start=2)
    assert joined.completed
    assert joined.prompt is not None


def _types(rows: Any, names: list[str]) -> Any:
    return np.dtype([(name, rows.dtype[name]) for name in names])


def test_the_state_is_bounded_and_holds_no_text(make: Make) -> None:
    pipeline = make()
    feed(pipeline, [exchange(i) | {"user": f"person-{i}"} for i in range(200)])
    state = {k: v for k, v in pipeline.get_state().items() if k.startswith(("exchanges/", "settlement/book"))}
    assert sum(array.nbytes for array in state.values()) < 100_000
    assert b"person" not in b"".join(array.tobytes() for array in state.values())


def test_rules_on_scores_and_labels() -> None:
    settings = OutcomeSettings(
        failing_scores=("Rating<=2", "toxicity>=0.5"), judge_scores=("rating",), gold_scores=("expert",)
    )
    rules = OutcomeRules(settings)

    def bits(name: str, value: float = math.nan, label: str | None = None, judge: str | None = None) -> int:
        return rules.bits(Verdict(digest(name), value, digest(label), digest(judge)))

    assert bits("rating", 2.0) == Kind.JUDGED | Kind.JUDGE
    assert bits("rating", 3.0) == Kind.JUDGED
    assert bits("toxicity", 0.5) == Kind.RATED | Kind.FEEDBACK
    assert [bits("toxicity", label=label) & Kind.FEEDBACK for label in ("yes", "true", "no", "fail")] == [
        Kind.FEEDBACK, Kind.FEEDBACK, 0, Kind.FEEDBACK,
    ]  # fmt: skip
    assert bits("toxicity", 0.5, judge="gpt-4") == Kind.JUDGED | Kind.JUDGE
    assert bits("other", 0.0) == 0
    assert bits("other", label="good") == Kind.RATED
    assert bits("rating", label="bad") == Kind.JUDGED | Kind.JUDGE
    assert (bits("expert", label="good"), bits("expert", label="bad")) == (Kind.GOLD_GOOD, Kind.GOLD_BAD)


@pytest.mark.parametrize(
    ("section", "culprit"),
    [
        ({"failing_scores": ["rating"]}, "outcomes.failing_scores"),
        ({"failing_scores": ["rating<=low"]}, "outcomes.failing_scores"),
        ({"failing_scores": ["rating<=nan"]}, "outcomes.failing_scores"),
        ({"failing_scores": ["rating<=2", "Rating>=9"]}, "more than one rule for rating"),
        ({"families": ["openai=("]}, "outcomes.families"),
        ({"failing_labels": ["meh"], "passing_labels": ["Meh"]}, "outcomes.failing_labels"),
        ({"uncovered_level": 0.1}, "outcomes.uncovered_level"),
        ({"any_of": ["sad"]}, "outcomes.any_of"),
    ],
)
def test_settings_that_cannot_be_used_name_the_field(section: dict[str, Any], culprit: str) -> None:
    with pytest.raises(ConfigError, match=culprit):
        load_settings(None, small_settings(outcomes=section))


def test_every_kind_has_its_name() -> None:
    assert len(set(NAMES)) == len(OUTCOMES) == 13


def test_a_replay_says_where_the_model_fails(tmp_path: Path) -> None:
    """From files to the table: 50 strange prompts fail, of 150 usual ones every tenth; late verdicts by a judge."""
    values = [exchange(i, LOOP if i >= 150 else None) for i in range(200)]
    values += [score(i, "rating", 2 if i >= 150 or i % 10 == 0 else 9, judge="gpt-4") for i in range(200)]
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    settings = load_settings(None, small_settings(outcomes={"failing_scores": ["rating<=4"]}))
    metrics = tmp_path / "final.om"
    snapshot = run_replay(settings, [log], ReplayOutputs(metrics=metrics)).snapshot
    uncovered = sum(shown_count(snapshot, band, "judge") for band in ("0.01", "0.05"))
    found = {one.kind: one for one in outcome_findings(snapshot, 0.05)}
    judged = found["judge"]
    assert judged.uncovered[1] + judged.covered[1] == 200
    assert judged.uncovered[0] + judged.covered[0] == 65
    assert uncovered == judged.uncovered[1]
    expected = failure_ratio(judged.uncovered, judged.covered, 0.05)
    assert expected is not None
    assert (judged.ratio, judged.lower, judged.upper) == (expected.ratio, expected.lower, expected.upper)
    console = Console(file=io.StringIO(), width=120)
    print_outcomes(snapshot, settings.outcomes, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Where it fails: off the map is p ≤ 0.05" in text
    assert f"{judged.uncovered[0]} of {judged.uncovered[1]}" in text
    assert f"{judged.lower:.2f} – {judged.upper:.2f}" in text
    assert "judges: 200 verdicts, 200 by a judge of the generator's own family" in text
    assert "bad for certain that the judge passed: " in text
    written = metrics.read_text(encoding="utf-8")
    assert f'offmap_brittle{{kind="judge"}} {1.0 if judged.lower > 1 else 0.0}' in written
    empty = Console(file=io.StringIO())
    print_outcomes({}, settings.outcomes, empty)
    assert empty.file.getvalue() == ""  # type: ignore[attr-defined]


def shown_count(snapshot: Snapshot, end: str, kind: str) -> int:
    return int(float(str(snapshot["offmap_outcome_exchanges"].get((end, kind), 0.0))))
