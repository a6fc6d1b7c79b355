"""Parts of an exchange that arrive apart: in any order, twice, too late, across a restart; counted once."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from agent.assembly import build_pipeline
from agent.intake import Clocks
from agent.join_entry import digest
from agent.join_known import Known
from agent.outcome_kinds import Kind
from agent.pipeline import Pipeline
from agent.profile import read_profile
from agent.records import Record
from agent.sampling import HashSampler
from config import load_settings
from tests.small import sentences, small_profile, small_settings

NOW = 1_760_000_000.0
TEXTS = sentences(24, 31)
Make = Callable[..., Pipeline]


@pytest.fixture(scope="module")
def make() -> Make:
    profile = read_profile(small_profile())

    def make(fraction: float = 1.0, **join: Any) -> Pipeline:
        settings = load_settings(None, small_settings(join=join))
        clocks = Clocks(now=None, horizon=lambda: NOW + 10**6, timer=lambda: 0.0)
        return build_pipeline(settings, profile, clocks, HashSampler(fraction))

    return make


def record(value: Any, partition: int = 0, offset: int = 0) -> Record:
    return Record("llm", partition, offset, json.dumps(value).encode())


def asked(i: int, time: float | None = None) -> dict[str, Any]:
    return {"id": f"r{i}", "time": NOW + i if time is None else time, "request": chat(i)}


def chat(i: int) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": TEXTS[i]}]}


def answered(i: int, time: float | None = None) -> dict[str, Any]:
    body = {"choices": [{"message": {"content": TEXTS[-i]}}]}
    return {"id": f"r{i}", "time": NOW + i + 0.5 if time is None else time, "response": body}


def whole(i: int) -> dict[str, Any]:
    return asked(i) | {"response": answered(i)["response"]}


def thumbs(i: int, value: float = 1.0, time: float | None = None, **more: str) -> dict[str, Any]:
    """A score of Langfuse's; it names the observation, or its trace."""
    stamp = NOW + i + 1 if time is None else time
    body = {"name": "thumbs", "value": value} | (more or {"observationId": f"r{i}"})
    return {"type": "score-create", "timestamp": stamp, "body": body}


def feed(pipeline: Pipeline, values: list[Any], size: int = 64) -> list[Known]:
    known: list[Known] = []
    records = [record(value, i % 3, i // 3) for i, value in enumerate(values)]
    for i in range(0, len(records), size):
        known += pipeline.process(records[i : i + size]).known
    return known


def joins(pipeline: Pipeline) -> dict[tuple[str, ...], float]:
    return {labels: float(count) for labels, count in pipeline.evaluate().get("offmap_joins", {}).items()}


def texts(pipeline: Pipeline) -> dict[tuple[str, ...], float]:
    return dict(pipeline.evaluate()["offmap_texts"])


def pending(pipeline: Pipeline) -> float:
    return pipeline.evaluate()["offmap_join_pending"][()]


@pytest.mark.parametrize("swap", [False, True], ids=["request first", "response first"])
@pytest.mark.parametrize("size", [1, 64])
def test_two_halves_are_what_the_whole_is(make: Make, swap: bool, size: int) -> None:
    halves = [asked(1), answered(1)]
    apart, together = make(), make()
    (found,), (expected,) = feed(apart, halves[::-1] if swap else halves, size), feed(together, [whole(1)])
    assert found == expected
    assert math.isfinite(found.cosine)
    assert joins(apart) == {("half", "joined"): 1.0}
    assert joins(together) == {}
    for name in ("offmap_exchanges", "offmap_texts", "offmap_p_value", "offmap_novelty", "offmap_cells_hit"):
        assert apart.evaluate()[name] == together.evaluate()[name]
    assert pending(apart) == 0


def test_a_text_is_closest_to_itself(make: Make) -> None:
    pipeline = make()
    same = {"id": "r1", "time": NOW, "response": {"choices": [{"message": {"content": TEXTS[1]}}]}}
    (echo,) = feed(pipeline, [asked(1), same])
    assert echo.cosine == pytest.approx(1.0, abs=1e-3)
    (other,) = feed(pipeline, [asked(2), answered(2)])
    assert other.cosine < 0.99


def test_what_comes_twice_is_scored_once(make: Make) -> None:
    pipeline = make()
    known = feed(pipeline, [asked(1), asked(1), answered(1), answered(1), asked(1)])
    assert len(known) == 1
    assert joins(pipeline) == {("half", "joined"): 1.0, ("half", "duplicate"): 3.0}
    assert texts(pipeline) == {("prompt", "scored"): 1.0, ("response", "scored"): 1.0}
    assert sum(pipeline.evaluate()["offmap_exchanges"].values()) == 1


def test_a_half_that_waits_too_long_is_given_up_and_its_other_half_is_late(make: Make) -> None:
    pipeline = make(ttl_seconds=60)
    feed(pipeline, [asked(1, NOW), whole(2) | {"time": NOW + 60}])
    assert pending(pipeline) == 1  # to the second
    known = feed(pipeline, [whole(3) | {"time": NOW + 61}, answered(1, NOW + 62), answered(1, NOW + 62)])
    assert len(known) == 1  # the whole one: what is late is not joined
    assert joins(pipeline) == {("half", "expired"): 1.0, ("half", "late"): 1.0, ("half", "duplicate"): 1.0}
    assert texts(pipeline) == {("prompt", "scored"): 3.0, ("response", "scored"): 3.0, ("response", "absent"): 1.0}
    assert pending(pipeline) == 0


def test_a_full_buffer_gives_the_oldest_up(make: Make) -> None:
    pipeline = make(max_pending=3)
    feed(pipeline, [asked(i) for i in range(5)])
    assert pending(pipeline) == 3
    assert joins(pipeline) == {("half", "expired"): 2.0}
    feed(pipeline, [answered(i) for i in range(5)])
    assert joins(pipeline) == {("half", "expired"): 2.0, ("half", "late"): 2.0, ("half", "joined"): 3.0}


def test_a_silent_partition_holds_nothing_back_and_an_old_one_is_not_given_up_at_once(make: Make) -> None:
    pipeline = make(ttl_seconds=60)
    backlog = [asked(1, NOW - 10_000), answered(1, NOW - 10_000)]
    feed(pipeline, [whole(0), *backlog])
    assert joins(pipeline) == {("half", "joined"): 1.0}


@pytest.mark.parametrize("first", [[asked(1), answered(1)], [whole(1)]], ids=["halves", "whole"])
def test_late_feedback_finds_its_exchange(make: Make, first: list[Any]) -> None:
    pipeline = make()
    exchange = feed(pipeline, first)[0]
    (judged,) = feed(pipeline, [thumbs(1, 0.0)])
    assert judged[:3] == exchange[:3]
    assert [(each.name, each.value) for each in judged.verdicts] == [(digest("thumbs"), 0.0)]
    assert not judged.completed
    feed(pipeline, [thumbs(1, 0.0), thumbs(1, 1.0)])  # the same again, and another opinion
    counted = joins(pipeline)
    assert counted["feedback", "joined"] == 2
    assert counted["feedback", "duplicate"] == 1
    assert texts(pipeline) == {("prompt", "scored"): 1.0, ("response", "scored"): 1.0}


@pytest.mark.parametrize("size", [1, 64])
def test_feedback_that_comes_first_waits_for_its_exchange(make: Make, size: int) -> None:
    pipeline = make()
    known = feed(pipeline, [thumbs(1), answered(1), asked(1)], size)
    assert [(len(each.verdicts), each.completed) for each in known] == [(1, True)]
    assert joins(pipeline) == {("feedback", "joined"): 1.0, ("half", "joined"): 1.0}


def test_feedback_for_nothing_is_unmatched_once_it_is_too_old(make: Make) -> None:
    pipeline = make(ttl_seconds=60)
    feed(pipeline, [thumbs(1, time=NOW)])
    assert (joins(pipeline), pending(pipeline)) == ({}, 1)
    feed(pipeline, [whole(2) | {"time": NOW + 61}])
    assert (joins(pipeline), pending(pipeline)) == ({("feedback", "unmatched"): 1.0}, 0)


def test_feedback_that_names_a_trace_goes_to_its_newest_exchange(make: Make) -> None:
    pipeline = make()
    exchanges = feed(pipeline, [whole(i) | {"trace_id": "t"} for i in (1, 2)])
    (judged,) = feed(pipeline, [thumbs(9, traceId="t")])
    assert judged.prompt == exchanges[1].prompt


def test_most_feedback_on_one_exchange_is_bounded(make: Make) -> None:
    pipeline = make()
    feed(pipeline, [thumbs(1, float(i)) for i in range(30)])
    assert joins(pipeline) == {("feedback", "unmatched"): 22.0}
    assert len(feed(pipeline, [whole(1)])[0].verdicts) == 8


def test_an_error_in_the_response_s_place_completes(make: Make) -> None:
    pipeline = make()
    (known,) = feed(pipeline, [cloud("request", chat(1)), cloud("response", {"error": {"code": "overloaded"}})])
    assert (known.kinds, known.response, known.completed) == (Kind.ERROR | Kind.ANY | Kind.COUNTED, None, True)
    assert texts(pipeline) == {("prompt", "scored"): 1.0, ("response", "absent"): 1.0}


def test_create_and_update(make: Make) -> None:
    """An update that brings the whole again does not count the prompt again."""
    create = {"id": "g1", "startTime": NOW, "model": "m", "input": TEXTS[1]}
    events = [("create", create), ("update", create | {"output": TEXTS[2], "endTime": NOW + 1})]
    values = [{"type": f"generation-{kind}", "timestamp": NOW, "body": body} for kind, body in events]
    pipeline = make()
    assert len(feed(pipeline, values)) == 1
    assert joins(pipeline) == {("half", "joined"): 1.0}
    assert texts(pipeline) == {("prompt", "scored"): 1.0, ("response", "scored"): 1.0}
    feed(pipeline, [{"type": "generation-update", "timestamp": NOW, "body": {"id": "g1", "endTime": NOW + 1}}])
    assert joins(pipeline)["feedback", "joined"] == 1


def cloud(kind: str, data: Any) -> dict[str, Any]:
    event = {"specversion": "1.0", "id": "e1", "source": "s", "time": "2025-10-09T08:53:20Z"}
    return event | {"type": f"org.kubeflow.serving.inference.{kind}", "data": data}


def turn(name: str, body: Any) -> dict[str, Any]:
    entries = [{"key": key, "value": {"stringValue": text}} for key, text in body.items()]
    one = {
        "timeUnixNano": str(int(NOW) * 10**9),
        "eventName": name,
        "traceId": "ab" * 16,
        "spanId": "cd" * 8,
        "body": {"kvlistValue": {"values": entries}},
    }
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [one]}]}]}


@pytest.mark.parametrize(
    "halves",
    [
        [cloud("request", chat(1)), cloud("response", answered(1)["response"])],
        [turn("gen_ai.user.message", {"content": TEXTS[1]}), turn("gen_ai.choice", {"content": TEXTS[2]})],
    ],
    ids=["cloudevents", "a log record for each turn"],
)
def test_shapes_that_come_in_halves(make: Make, halves: list[Any]) -> None:
    for values in (halves, halves[::-1]):
        pipeline = make()
        assert len(feed(pipeline, values)) == 1
        assert joins(pipeline) == {("half", "joined"): 1.0}


def test_ids_that_come_again_whole_are_other_exchanges(make: Make) -> None:
    pipeline = make()
    feed(pipeline, [whole(1), whole(1)])
    assert joins(pipeline) == {}
    assert texts(pipeline)["prompt", "scored"] == 2


def test_halves_are_sampled_together(make: Make) -> None:
    pipeline = make(0.4)
    feed(pipeline, [part for i in range(20) for part in (asked(i), answered(i))])
    counted = texts(pipeline)
    assert 0 < counted["prompt", "scored"] < 20
    assert counted["prompt", "scored"] == counted["response", "scored"] == joins(pipeline)["half", "joined"]
    assert counted["prompt", "sampled_out"] == counted["response", "sampled_out"] == 20 - counted["prompt", "scored"]


def test_a_second_half_follows_the_first_whatever_the_fraction_is_by_then(make: Make) -> None:
    pipeline = make()
    feed(pipeline, [asked(1)])
    pipeline.intake.sampler.fraction = 0.0
    assert len(feed(pipeline, [answered(1)])) == 1


def a_stream(seed: int) -> list[Any]:
    """Wholes, halves, feedback and repetitions, shuffled over some minutes."""
    draw = random.Random(seed)
    values: list[Any] = []
    for i in range(20):
        start = NOW + draw.uniform(0, 900)
        parts = [asked(i, start), answered(i, start + draw.uniform(0, 200)), thumbs(i, time=start + 300)]
        values += draw.choice([parts, parts[:1], parts[1:], [whole(i) | {"time": start}, parts[2]], [*parts, *parts]])
    draw.shuffle(values)
    return values


def outcome(pipeline: Pipeline, known: list[Known]) -> tuple[Any, ...]:
    # which texts count as late for a window depends on the batch that they come in
    shown = {name: s for name, s in pipeline.evaluate().items() if "seconds" not in name and "late_texts" not in name}
    return shown, [str(each) for each in known]  # NaN is not itself


@pytest.mark.parametrize("limits", [{"ttl_seconds": 100}, {"max_pending": 4}], ids=str)
@hypothesis.given(seed=st.integers(0, 99), cut=st.integers(0, 60), size=st.integers(1, 20))
@hypothesis.settings(max_examples=8)
def test_however_the_stream_is_cut_it_ends_the_same(
    make: Make, limits: dict[str, int], seed: int, cut: int, size: int
) -> None:
    values = a_stream(seed)
    straight, first, second = make(**limits), make(**limits), make(**limits)
    expected = outcome(straight, feed(straight, values, 1_000))
    known = feed(first, values[:cut], size)
    second.set_state(first.get_state())
    known += feed(second, values[cut:], size)
    assert outcome(second, known) == expected


@hypothesis.given(seed=st.integers(0, 10_000))
@hypothesis.settings(max_examples=10)
def test_every_part_ends_as_one_outcome(make: Make, seed: int) -> None:
    pipeline = make(ttl_seconds=100)
    values = a_stream(seed)
    known = feed(pipeline, values, 16)
    known += feed(pipeline, [{"prompt": "meter", "response": "bill", "time": NOW + 5_000}])  # nobody waits any longer
    count = joins(pipeline)
    halves = sum(("request" in value) != ("response" in value) for value in values)
    found = {outcome: count.get(("half", outcome), 0) for outcome in ("joined", "expired", "late", "duplicate")}
    assert halves == 2 * found["joined"] + found["expired"] + found["late"] + found["duplicate"]
    scored = sum(texts(pipeline).get((side, "scored"), 0) for side in ("prompt", "response"))
    wholes = sum("request" in value and "response" in value for value in values) + 1
    assert scored == halves - found["duplicate"] + 2 * wholes
    feedback = sum(value.get("type") == "score-create" for value in values)
    assert feedback == sum(number for (part, _), number in count.items() if part == "feedback")
    assert sum(each.completed for each in known) == found["joined"] + wholes
    assert pending(pipeline) == 0


def test_feedback_may_name_either_id_of_a_pair(make: Make) -> None:
    pipeline = make()
    pairs = [whole(i) for i in range(3)]
    for i, pair in enumerate(pairs):
        pair["response"] = pair["response"] | {"id": f"chatcmpl-{i}"}
    feed(pipeline, [*pairs, thumbs(0), thumbs(1, observationId="chatcmpl-1"), thumbs(2, traceId="r2")])
    assert joins(pipeline)["feedback", "joined"] == 3


def test_the_state_is_bounded_and_holds_neither_text_nor_ids(make: Make) -> None:
    pipeline = make(max_pending=50)
    sizes = []
    for start in (0, 1_000, 2_000):
        rows = [asked(i % 24) | {"id": f"secret-{start + i}", "trace_id": f"trace-{start + i}"} for i in range(200)]
        rows += [whole(i % 24) | {"id": f"whole-{start + i}"} for i in range(200)]
        rows += [thumbs(0, observationId=f"early-{start + i}") for i in range(20)]
        feed(pipeline, rows)
        state = {name: array for name, array in pipeline.get_state().items() if name.startswith("join/")}
        sizes.append(sum(array.nbytes for array in state.values()))
        blob = b"".join(array.tobytes() for array in state.values())
        assert not any(word in blob for word in (b"secret", b"trace-", b"whole-", b"early", b"thumbs", b"meter"))
    assert sizes[0] == sizes[1] == sizes[2]
    assert len(pipeline._join.waiting) + len(pipeline._join.settled) <= 100
    assert len(pipeline._join._by_trace) <= 100
    assert state["join/vectors"].dtype == np.float16


def test_with_another_profile_nothing_waits(make: Make) -> None:
    first, second = make(), make()
    feed(first, [asked(1)])
    second.set_state(first.get_state(), detectors=False)
    assert pending(second) == 0
