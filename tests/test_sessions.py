"""Bursts: texts of one session depend on each other, so that each block of it counts once, from the message on."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from agent.assembly import build_pipeline
from agent.crowd_watch import make_crowd_watchers
from agent.intake import Clocks
from agent.pipeline import Pipeline
from agent.profile import read_profile
from agent.records import Record
from agent.sampling import HashSampler
from agent.tally import Tally
from agent.watch import SideScores
from config import PagerSettings, load_settings
from detectors.blocks import unit_rows
from detectors.crowd_fit import fit_crowd
from detectors.sessions import BLOCK, SESSIONS, RecentSessions
from tests.small import ODD, sentences, small_profile, small_settings

START = 1_750_000_000.0
PAGER = {"tolerated_share": 0.02, "run_length": 2_000}


def test_a_long_session_begins_a_block_now_and_then_and_a_text_without_one_always() -> None:
    sessions = RecentSessions()
    begins = np.concatenate([sessions.begins(np.array([7, -1])) for _ in range(2 * BLOCK + 1)]).reshape(-1, 2)
    assert np.flatnonzero(begins[:, 0]).tolist() == [0, BLOCK, 2 * BLOCK]
    assert begins[:, 1].all()


def test_sessions_remembered_are_bounded_and_go_on_from_their_state() -> None:
    sessions, again = RecentSessions(), RecentSessions()
    assert sessions.begins(np.arange(3 * SESSIONS)).all()
    again.set_state(sessions.get_state())
    assert len(again.get_state()) == SESSIONS
    later = np.array([3 * SESSIONS - 1, 0])
    assert again.begins(later).tolist() == sessions.begins(later).tolist() == [False, True]


def pipeline(**payload: Any) -> Pipeline:
    settings = load_settings(None, small_settings(pager=PAGER, payload=payload))
    clocks = Clocks(now=None, horizon=lambda: START + 1e6, timer=lambda: 0.0)
    return build_pipeline(settings, read_profile(small_profile()), clocks, HashSampler())


def records(**burst: Any) -> list[Record]:
    """Quiet traffic, then sixty messages off the map that have in common what `burst` says."""
    texts = [(text, {}) for text in sentences(100, 31)] + [(text, burst) for text in sentences(60, 32, ODD)]
    rows = [{"id": i, "time": START + i, "prompt": text, **more} for i, (text, more) in enumerate(texts)]
    return [Record("chat", 0, i, json.dumps(row).encode()) for i, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("burst", "payload", "paged"),
    [
        ({}, {}, 1.0),
        ({"session_id": "s"}, {}, 0.0),
        ({"trace_id": "t"}, {}, 0.0),
        ({"meta": {"talk": 5}}, {}, 1.0),
        ({"meta": {"talk": 5}}, {"session_field": "meta.talk"}, 0.0),
    ],
)
def test_one_burst_is_no_drift(burst: dict[str, Any], payload: dict[str, Any], paged: float) -> None:
    made = pipeline(**payload)
    for i in range(0, 160, 33):
        made.process(records(**burst)[i : i + 33])
    found = made.evaluate()
    assert list(found["offmap_pager_alarm"].values()) == [paged]
    assert found["offmap_texts"]["prompt", "scored"] == 160
    assert found["offmap_session_blocks"]["prompt",] == (160 if paged else 101)


def test_the_sessions_outlive_a_restart() -> None:
    whole, first, second = (pipeline() for _ in range(3))
    whole.process(records(session_id="s"))
    first.process(records(session_id="s")[:130])
    second.set_state(first.get_state())
    second.process(records(session_id="s")[130:])
    assert second.evaluate() == whole.evaluate()


def test_sessions_about_one_topic_each_are_no_changed_mix_and_leave_no_cell_lost() -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((20, 16))

    def texts(topics: np.ndarray) -> SideScores:
        rows = unit_rows((centres[topics] + 0.3 * rng.standard_normal((len(topics), 16))).astype(np.float32))
        return SideScores(np.zeros(len(rows)), np.ones(len(rows)), topics.astype(np.int32), rows.astype(np.float16))

    arrays = fit_crowd(texts(rng.integers(20, size=3_000)).vector) | {"coverage_counts": np.full(20, 50.0)}
    sizes = rng.integers(5, 21, size=400)
    bursts = texts(np.repeat(rng.integers(20, size=400), sizes))
    told = bursts._replace(begins=RecentSessions().begins(np.repeat(np.arange(400), sizes)))
    changed, ratio, diversity = {}, {}, {}
    for name, scores in (("untold", bursts), ("told", told)):
        found = make_crowd_watchers("prompt", PagerSettings(run_length=2_000), arrays, 20)
        for i in range(0, len(scores.cell), 100):
            for watcher in found.values():
                part = scores.at(slice(i, i + 100))
                watcher.update(START + np.arange(len(part.cell), dtype=np.float64), part, Tally())
        (changed[name],) = found["mix"].measure()["offmap_mix_changed"].values()
        ratio[name] = found["coverage"].measure()["offmap_coverage_ratio"]["prompt", "1000"]
        diversity[name] = found["diversity"].measure().get("offmap_prompt_diversity_ratio")
    assert changed == {"untold": 1.0, "told": 0.0}
    assert ratio["told"] == pytest.approx(1, abs=0.02)
    assert diversity["told"] is None  # 400 sessions fill no window
