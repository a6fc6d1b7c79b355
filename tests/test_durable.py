from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.baseline import record_baseline
from agent.durable import OverwriteError, keep_apart
from agent.fitting.fit import fit_profile
from agent.fitting.options import FitOptions
from agent.replay import ReplayOutputs
from agent.wiring import run_replay
from config import load_settings
from tests.small import sentences, small_profile, small_settings


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in sentences(120, 1)))
    return path


@pytest.mark.parametrize("which", ["scores", "metrics"])
@pytest.mark.parametrize("victim", ["log", "profile", "link"])
def test_a_replay_never_writes_over_what_it_reads(log: Path, tmp_path: Path, which: str, victim: str) -> None:
    profile = tmp_path / "mine.offmap"
    profile.write_bytes(small_profile().read_bytes())
    link = tmp_path / "link.jsonl"
    link.symlink_to(log)
    target = {"log": log, "profile": profile, "link": link}[victim]
    before = {path: path.read_bytes() for path in (log, profile)}
    settings = load_settings(None, small_settings() | {"profile": {"path": profile}})
    with pytest.raises(OverwriteError, match="is an input: writing to it would destroy it"):
        run_replay(settings, [log], ReplayOutputs(**{which: target}))
    assert {path: path.read_bytes() for path in before} == before


def test_two_outputs_in_one_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OverwriteError, match="another output"):
        keep_apart([], [tmp_path / "same", None, tmp_path / "." / "same"])


def test_a_baseline_and_a_fit_never_write_over_their_rows(log: Path) -> None:
    before = log.read_bytes()
    with pytest.raises(OverwriteError):
        record_baseline(load_settings(None, small_settings()), [log], log)
    with pytest.raises(OverwriteError):
        fit_profile(FitOptions(train=(log,), output=log, model="any"))
    assert log.read_bytes() == before
