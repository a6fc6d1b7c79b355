"""Recycled answers: marked on the exchange, whatever the batches, across a restart."""

from __future__ import annotations

import json

import pytest

from agent.assembly import build_pipeline
from agent.intake import Clocks
from agent.outcome_kinds import Kind
from agent.pipeline import Pipeline
from agent.profile import read_profile
from agent.records import Record
from agent.sampling import HashSampler
from config import load_settings
from tests.small import sentences, small_profile, small_settings

PROMPTS = ["zebra quartz", "meter reading account", "jumping vixen hops", "boiler smart moving", "tariff quote gas"]
LONG = "You can find the answer to this and to more under the menu settings."
OWN = sentences(40, 9)


def pipeline() -> Pipeline:
    clocks = Clocks(now=None, horizon=lambda: 2e9, timer=lambda: 0.0)
    return build_pipeline(load_settings(None, small_settings()), read_profile(small_profile()), clocks, HashSampler())


def record(i: int, prompt: str, response: str) -> Record:
    value = {"id": f"x{i}", "time": 1.7e9 + i, "prompt": prompt, "response": response}
    return Record("t", 0, i, json.dumps(value).encode())


def kinds(pipe: Pipeline, records: list[Record], size: int) -> list[int]:
    marks = Kind.RECYCLED | Kind.RECYCLED_SOFTLY
    found = []
    for i in range(0, len(records), size):
        found += [one.kinds & marks for one in pipe.process(records[i : i + size]).known]
    return found


def test_an_answer_given_before_to_another_prompt_is_recycled() -> None:
    asked = [PROMPTS[0], PROMPTS[0], PROMPTS[1], PROMPTS[2], PROMPTS[3]]
    given = [LONG, LONG, LONG.upper() + "  ", LONG + ".", "Yes."]
    records = [record(i, *pair) for i, pair in enumerate(zip(asked, given, strict=True))]
    records += [record(9, PROMPTS[4], "Yes.")]
    assert kinds(pipeline(), records, 64) == [0, 0, Kind.RECYCLED, Kind.RECYCLED_SOFTLY, 0, 0]


@pytest.mark.parametrize("size", [1, 7])
def test_marks_do_not_depend_on_batches_or_a_restart(size: int) -> None:
    records = [record(i, PROMPTS[i % 5], LONG if i % 3 else OWN[i]) for i in range(40)]
    whole = kinds(pipeline(), records, 64)
    assert 10 < sum(map(bool, whole)) < 40
    first = pipeline()
    before = kinds(first, records[:20], size)
    second = pipeline()
    second.set_state(first.get_state())
    assert before + kinds(second, records[20:], size) == whole
