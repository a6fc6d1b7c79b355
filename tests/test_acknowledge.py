"""A page from beginning to end, through restarts of the agent: it comes, says since when, stays, and is taken back."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from agent.baseline import record_baseline
from agent.board import Board
from agent.sources.files import FileSource
from agent.worker import make_worker
from config import load_settings
from tests.small import ODD, quick_mix, sentences, small_settings  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("quick_mix")

START = 1_750_000_000.0
ALARM, WHEN, SINCE = (
    f"offmap_pager_{name}" for name in ("alarm", "alarm_timestamp_seconds", "change_timestamp_seconds")
)


class Agent:
    """Starts, reads one more file of messages, checkpoints, and leaves: every call is a restart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = 0
        self.sections: dict[str, Any] = {"pager": {"tolerated_share": 0.05, "run_length": 2_000}}
        self.profile: Path | None = None

    def settings(self) -> Any:
        state = {"checkpoint": {"path": str(self.folder / "state")}}
        profile = {} if self.profile is None else {"profile": {"path": str(self.profile)}}
        return load_settings(None, small_settings(**self.sections, **state) | profile)

    def write(self, texts: list[str]) -> Path:
        log = self.folder / f"{self.files}.jsonl"
        rows = [{"time": START + 1e5 * self.files + 300 * i, "prompt": text} for i, text in enumerate(texts)]
        log.write_text("".join(json.dumps(row) + "\n" for row in rows))
        self.files += 1
        return log

    def reads(self, texts: list[str]) -> dict[str, float]:
        """Return what /metrics shows in the end, of the pager of prompts and of the warning of a changed mix."""
        log, board = self.write(texts), Board()
        make_worker(self.settings(), board, lambda _settings, _listener: FileSource([log]), Event())()
        found = {
            name: samples for name, samples in board.snapshot.items() if name.startswith(("offmap_pager", "offmap_mix"))
        }
        return {name: next(iter(samples.values())) for name, samples in found.items()}  # type: ignore[misc]


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path)


def quiet(seed: int, n: int = 200) -> list[str]:
    return sentences(n, seed)


def drifted(seed: int, n: int = 200) -> list[str]:
    return [
        odd if i % 3 == 0 else known
        for i, (known, odd) in enumerate(zip(quiet(seed, n), sentences(n, seed, ODD), strict=True))
    ]


def test_a_page_stays_through_restarts_and_calm_until_it_is_acknowledged(agent: Agent) -> None:
    before = agent.reads(quiet(40))
    assert before[ALARM] == 0
    assert WHEN not in before

    paged = agent.reads(quiet(41, 100) + drifted(42, 100))
    assert paged[ALARM] == 1
    began = START + 1e5 + 300 * 100
    assert began - 300 * 5 <= paged[SINCE] <= began + 300 * 10
    assert paged[SINCE] < paged[WHEN] <= began + 300 * 100

    calm = agent.reads(quiet(43, 400))
    assert {name: calm[name] for name in (ALARM, WHEN, SINCE)} == {name: paged[name] for name in (ALARM, WHEN, SINCE)}
    assert calm["offmap_pager_evidence"] < calm["offmap_pager_threshold"]  # nothing to see any more, and it says so

    agent.sections["pager"]["acknowledged"] = "ticket 7"
    after = agent.reads(quiet(44))
    assert after[ALARM] == 0
    assert WHEN not in after
    again = agent.reads(drifted(45))
    assert again[ALARM] == 1
    assert again[SINCE] >= START + 4e5


def test_a_new_baseline_is_the_new_normal(agent: Agent) -> None:
    assert agent.reads(drifted(50))[ALARM] == 1
    accepted = agent.write(drifted(51, 600))
    new = agent.folder / "new.offmap"
    record_baseline(agent.settings(), [accepted], new)
    agent.profile = new
    del agent.sections["pager"]["tolerated_share"]
    taken_back = agent.reads(drifted(52))
    assert taken_back[ALARM] == 0
    assert WHEN not in taken_back
    assert agent.reads(drifted(53, 400) + sentences(60, 54, ODD))[ALARM] == 1


def test_the_warning_of_a_changed_mix_is_acknowledged_with_the_page(agent: Agent) -> None:
    accepted, new = agent.write(quiet(60, 900)), agent.folder / "new.offmap"
    record_baseline(agent.settings(), [accepted], new)
    agent.profile = new
    assert agent.reads(quiet(61))["offmap_mix_changed"] == 0
    narrow = sentences(200, 62, ["meter", "bill"])
    warned = agent.reads(narrow)
    assert warned["offmap_mix_changed"] == 1
    assert agent.reads(quiet(63, 300))["offmap_mix_changed"] == 1
    agent.sections["pager"]["acknowledged"] = "seen"
    assert agent.reads(quiet(64))["offmap_mix_changed"] == 0
