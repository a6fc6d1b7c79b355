from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from agent.assembly import build_pipeline
from agent.intake import Clocks
from agent.pipeline import Pipeline, ScoreRow
from agent.profile import read_profile
from agent.records import Record
from agent.sampling import HashSampler
from agent.tally import Histogram
from config import load_settings
from tests.small import ODD, sentences, small_profile, small_settings

NOW = 1_760_000_000.0

Make = Callable[..., Pipeline]


@pytest.fixture
def make() -> Make:
    profile = read_profile(small_profile())

    def make(fraction: float = 1.0, **sections: dict[str, Any]) -> Pipeline:
        clocks = Clocks(now=lambda: NOW, horizon=lambda: NOW, timer=time.perf_counter)
        return build_pipeline(load_settings(None, small_settings(**sections)), profile, clocks, HashSampler(fraction))

    return make


def record(offset: int, value: dict[str, Any] | bytes | None, *, timestamp: float | None = None) -> Record:
    body = json.dumps(value).encode() if isinstance(value, dict) else value
    return Record("chat", 0, offset, body, timestamp=timestamp)


def exchanges(texts: list[str], start: float = NOW - 3_000) -> list[Record]:
    rows = [{"id": f"m{i}", "time": start + i, "prompt": text, "response": text} for i, text in enumerate(texts)]
    return [record(i, row) for i, row in enumerate(rows)]


def scored(pipeline: Pipeline, records: list[Record], size: int = 64) -> list[ScoreRow]:
    rows: list[ScoreRow] = []
    for i in range(0, len(records), size):
        pipeline.process(records[i : i + size], rows.extend)
    return rows


def test_every_message_ends_in_one_row_and_one_count(make: Make) -> None:
    pipeline = make()
    messages = [
        record(0, {"id": "a", "prompt": "meter bill tariff", "response": "refund"}),
        record(1, b"{broken"),
        record(2, None),
        record(3, {"id": "b", "prompt": "\u65e5\u672c", "response": "refund quote"}),
        record(4, {"prompt": "boiler outage solar"}),
        record(5, {"nothing": "known"}),
    ]
    rows = scored(pipeline, messages)
    assert [row.status for row in rows] == ["scored", "not_json", "tombstone", "empty", "scored", "unrecognised"]
    assert [row.id for row in rows] == ["a", "chat/0/1", "chat/0/2", "b", "chat/0/4", "chat/0/5"]
    samples = pipeline.evaluate()
    assert samples["offmap_records"] == {
        ("decoded",): 3.0, ("not_json",): 1.0, ("tombstone",): 1.0, ("unrecognised",): 1.0,
    }  # fmt: skip
    assert samples["offmap_texts"] == {
        ("prompt", "scored"): 2.0, ("prompt", "empty"): 1.0, ("response", "scored"): 2.0, ("response", "absent"): 1.0,
    }  # fmt: skip
    assert pipeline.intake.positions == {("chat", 0): 6}


def test_a_score_does_not_depend_on_the_batch(make: Make) -> None:
    records = exchanges(sentences(150, 3))
    rows = [scored(make(), records, size) for size in (1, 7, 64, 150)]
    assert rows[0] == rows[1] == rows[2] == rows[3]
    assert len({row.p_value for row in rows[0]}) > 20


def test_p_values_are_uniform_on_the_known_and_small_on_the_strange(make: Make) -> None:
    known = np.array([row.p_value for row in scored(make(), exchanges(sentences(800, 11)))], dtype=float)
    odd = np.array([row.p_value for row in scored(make(), exchanges(sentences(200, 12, ODD)))], dtype=float)
    assert 0.02 < (known <= 0.05).mean() < 0.09
    assert (odd <= 0.05).mean() > 0.8


def test_the_windows_hold_the_share_between_its_bounds(make: Make) -> None:
    pipeline = make()
    texts = sentences(90, 4) + sentences(10, 5, ODD)
    rows = scored(pipeline, exchanges(texts, NOW - 200))
    samples = pipeline.evaluate()
    labels = ("prompt", "1h", "0.05")
    share = sum(row.p_value <= 0.05 for row in rows if row.p_value is not None) / len(rows)
    assert samples["offmap_uncovered_share"][labels] == pytest.approx(share)
    bounds = [samples[f"offmap_uncovered_share_{end}"][labels] for end in ("lower", "upper")]
    assert bounds[0] < share < bounds[1]
    assert samples["offmap_window_texts"]["prompt", "1h"] == 100
    assert samples["offmap_uncovered_share_null"]["0.05",] == 0.05
    histogram = samples["offmap_p_value"]["prompt",]
    assert isinstance(histogram, Histogram)
    assert sum(histogram.counts[:9]) == round(share * 100)


def test_an_old_window_empties_as_event_time_goes_on(make: Make) -> None:
    pipeline = make()
    scored(pipeline, exchanges(sentences(50, 4), NOW - 90_000))
    scored(pipeline, [record(50, {"time": NOW, "prompt": "meter bill", "response": "quote"})])
    samples = pipeline.evaluate()
    assert samples["offmap_window_texts"]["prompt", "5m"] == 1
    assert samples["offmap_window_texts"]["prompt", "1h"] == 1


def test_nothing_scored_is_no_series(make: Make) -> None:
    samples = make().evaluate()
    assert "offmap_uncovered_share" not in samples
    assert "offmap_window_texts" not in samples
    assert "offmap_watermark_timestamp_seconds" not in samples


@pytest.mark.parametrize(
    ("said", "recorded", "expected", "source"),
    [
        (NOW - 5, NOW, NOW - 5, "message"),
        (None, NOW - 7, NOW - 7, "record"),
        (None, None, NOW, "clock"),
        (NOW + 10**9, NOW - 7, NOW - 7, "future"),
        (NOW + 10**9, None, NOW, "future"),
        (NOW + 100, NOW, NOW + 100, "message"),
    ],
)
def test_event_time(make: Make, said: float | None, recorded: float | None, expected: float, source: str) -> None:
    pipeline = make()
    (row,) = scored(pipeline, [record(0, {"time": said, "prompt": "meter", "response": "x"}, timestamp=recorded)])
    assert row.time == expected
    assert pipeline.evaluate()["offmap_event_times"] == {(source,): 1.0}
    assert pipeline.evaluate()["offmap_watermark_timestamp_seconds"] == {(): expected}


def test_sampling_keeps_the_raw_counts_beside(make: Make) -> None:
    records = exchanges(sentences(400, 6))
    some, whole = make(0.25), make()
    rows, all_rows = scored(some, records), scored(whole, records)
    kept = [row for row in rows if row.status == "scored"]
    assert 60 < len(kept) < 140
    assert kept == [row for row in all_rows if row.id in {k.id for k in kept}]
    samples = some.evaluate()
    assert samples["offmap_records"]["decoded",] == 400
    assert samples["offmap_texts"]["prompt", "sampled_out"] == 400 - len(kept)
    assert samples["offmap_window_texts"]["prompt", "1h"] == len(kept)


def test_responses_can_be_switched_off(make: Make) -> None:
    pipeline = make(embedding={"score_responses": False, "threads": 1})
    scored(pipeline, exchanges(sentences(10, 6)))
    assert pipeline.evaluate()["offmap_texts"] == {("prompt", "scored"): 10.0, ("response", "off"): 10.0}


def test_state_goes_round(make: Make) -> None:
    records = exchanges(sentences(300, 8))
    straight, first, second = make(), make(), make()
    scored(straight, records)
    scored(first, records[:130])
    second.set_state(first.get_state())
    scored(second, records[130:])
    assert timeless(second) == timeless(straight)


def test_with_another_profile_only_the_counters_go_on(make: Make) -> None:
    first, second = make(), make()
    scored(first, exchanges(sentences(100, 8)))
    second.set_state(first.get_state(), detectors=False)
    assert second.evaluate()["offmap_records"] == {("decoded",): 100.0}
    assert "offmap_uncovered_share" not in second.evaluate()


def timeless(pipeline: Pipeline) -> dict[str, Any]:
    unlike = {"offmap_stage_seconds", "offmap_last_scored_timestamp_seconds"}
    return {name: samples for name, samples in pipeline.evaluate().items() if name not in unlike}


def test_state_is_bounded_and_holds_no_text(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detectors.sessions.SESSIONS", 100)  # of thousands, which would take minutes to fill
    pipeline = make()
    sizes = []
    for seed in range(4):
        scored(pipeline, exchanges(sentences(200, 20 + seed)))
        state = pipeline.get_state()
        # the tally grows until every label value that there is has been met
        sizes.append(sum(array.nbytes for name, array in state.items() if not name.startswith("tally/")))
        blob = b"".join(array.tobytes() for array in state.values())
        assert b"boiler" not in blob
    assert sizes[2] == sizes[3]


def test_texts_are_counted_by_length_and_by_how_far_off_the_map_they_lie(make: Make) -> None:
    pipeline = make()
    scored(pipeline, exchanges(["gas", *sentences(300, 31), " ".join(sentences(60, 32))]))
    found = pipeline.evaluate()
    by_length = {key: count for key, count in found["offmap_length_texts"].items() if key[0] == "prompt"}
    assert sum(by_length.values()) == found["offmap_texts"]["prompt", "scored"]
    assert {length for _, length, _ in by_length} == {"8", "16", "32", "64", "256"}
    assert {band for _, _, band in by_length} == {"0.01", "0.05", "0.2", "1"}
