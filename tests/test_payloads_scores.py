"""The same exchange gets the same scores, to the bit, whatever shape it came in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.assembly import build_pipeline
from agent.intake import Clocks
from agent.join_entry import Numbers
from agent.pipeline import Pipeline
from agent.profile import read_profile
from agent.records import Record
from agent.sampling import HashSampler
from config import load_settings
from tests.payload_cases import CASES, PROMPT, RESPONSE, fixture
from tests.small import small_profile, small_settings

INSTRUMENTED = ["1_28.logs", "1_37.logs", "1_37.traces", "openllmetry.traces", "openllmetry_old.traces"]
INSTRUMENTED += ["openinference.traces", "langfuse.traces"]
OTLP = [f"{name}.{encoding}" for name in INSTRUMENTED for encoding in ("json", "pb")]
RECORDS = {f"OTLP {name}": Record("llm", 0, 0, fixture(f"otlp_{name}")) for name in OTLP}
RECORDS |= {
    name: case.record()
    for name, case in CASES.items()
    if all(each.prompt in {PROMPT, None} and each.response in {RESPONSE, None} for each in case.expected)
}


@pytest.fixture(scope="module")
def make() -> Callable[[], Pipeline]:
    profile, settings = read_profile(small_profile()), load_settings(None, small_settings())
    return lambda: build_pipeline(settings, profile, Clocks(now=None), HashSampler())


def scores(pipeline: Pipeline, record: Record) -> tuple[set[Numbers], set[Numbers]]:
    """What one message's prompts and responses scored."""
    known = [*pipeline.process([record]).known, *pipeline._join.waiting.values()]
    return {each.prompt for each in known} - {None}, {each.response for each in known} - {None}


@pytest.mark.parametrize("name", RECORDS)
def test_the_same_scores_through_every_shape(name: str, make: Callable[[], Pipeline]) -> None:
    expected = scores(make(), CASES["plain"].record())
    assert all(len(each) == 1 for each in expected)
    found = scores(make(), RECORDS[name])
    feedback = name in {"langfuse score export", "feedback"}
    assert any(found) != feedback
    assert all(each in (one, set()) for each, one in zip(found, expected, strict=True))


def test_nearly_every_case_is_compared() -> None:
    assert set(CASES) - set(RECORDS) == {"instruction"}
