"""What a recorded baseline keeps of accepted traffic: slices, ups and downs, and what `inspect` says of it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.baseline import BaselineError, record_baseline
from agent.baseline_recorder import CrowdRecorder
from agent.inspection import as_text, inspect_profile
from agent.profile import read_profile, write_profile
from agent.replay import ReplayOutputs
from agent.tally import Tally
from agent.watch import SideScores
from agent.wiring import run_replay
from config import PagerSettings, load_settings
from tests.small import ODD, quick_mix, sentences, small_profile, small_settings  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("quick_mix")

START = 1_750_000_000.0
DAY = 86_400.0


def traffic(path: Path, n: int, shares: dict[str, float], seed: int, start: float = START) -> Path:
    """n messages, one in ten minutes, of tenants in turn, each with its share off the map."""
    rng = np.random.default_rng(seed)
    names = list(shares)
    with path.open("w", encoding="utf-8") as file:
        for i, (known, odd) in enumerate(zip(sentences(n, seed), sentences(n, seed + 1, ODD), strict=True)):
            tenant = names[i % len(names)]
            text = odd if rng.random() < shares[tenant] else known
            file.write(json.dumps({"id": i, "time": start + 600 * i, "prompt": text, "tenant": tenant}) + "\n")
    return path


def settings(profile: Path | None = None) -> Any:
    sections = small_settings(
        pager={"run_length": 1_000}, slices={"field": "tenant", "values": ["calm", "wild", "rare"]}
    )
    return load_settings(None, sections | ({"profile": {"path": profile}} if profile else {}))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, quick_mix: None) -> Path:  # noqa: F811
    folder = tmp_path_factory.mktemp("baseline")
    log = traffic(folder / "accepted.jsonl", 1_800, {"calm": 0.0, "wild": 0.4, "new": 0.1}, 50)
    record_baseline(settings(), [log], folder / "new.offmap", 3_600)
    return folder / "new.offmap"


def slice_alarms(profile: Path, log: Path) -> dict[tuple[str, str], float]:
    snapshot = run_replay(settings(profile), [log], ReplayOutputs()).snapshot
    return dict(snapshot["offmap_slice_pager_alarm"])  # type: ignore[arg-type]


def test_each_slice_compares_with_its_own_accepted_traffic(recorded: Path, tmp_path: Path) -> None:
    own, whole = "slice_baseline", "baseline"
    same = traffic(tmp_path / "same.jsonl", 900, {"calm": 0.0, "wild": 0.4, "new": 0.1}, 70)
    quiet = {("calm", own): 0.0, ("wild", own): 0.0, ("rare", whole): 0.0, ("other", own): 0.0}
    assert slice_alarms(recorded, same) == quiet
    # a fifth off the map is less than the whole has, and much more than this slice had
    drifted = traffic(tmp_path / "drifted.jsonl", 900, {"calm": 0.2, "wild": 0.4, "new": 0.1}, 90)
    assert slice_alarms(recorded, drifted) == quiet | {("calm", own): 1.0}


def test_other_slices_than_those_recorded_compare_with_all_traffic(recorded: Path, tmp_path: Path) -> None:
    log = traffic(tmp_path / "log.jsonl", 50, {"calm": 0.0}, 70)
    sections = small_settings(slices={"field": "tenant", "values": ["calm"]}) | {"profile": {"path": recorded}}
    snapshot = run_replay(load_settings(None, sections), [log], ReplayOutputs()).snapshot
    assert set(snapshot["offmap_slice_pager_alarm"]) == {("calm", "slice_baseline"), ("other", "baseline")}


def test_how_accepted_exchanges_ended_is_recorded_and_compared_with(quick_mix: None, tmp_path: Path) -> None:  # noqa: F811
    small = read_profile(small_profile())
    counts = small.references["prompt"]["counts"][0, -1].astype(np.float64)
    prompt = small.references["prompt"] | {"coverage_counts": counts}
    write_profile(tmp_path / "cells.offmap", dataclasses.replace(small, references={"prompt": prompt}))
    log = traffic(tmp_path / "log.jsonl", 1_200, {"calm": 0.0}, 50)
    log.write_text(log.read_text().replace("}", ', "response": "Done."}'))
    record_baseline(settings(tmp_path / "cells.offmap"), [log], tmp_path / "new.offmap", 3_600)
    ended = read_profile(tmp_path / "new.offmap").references["prompt"]["accepted_endings"]
    snapshot = run_replay(settings(tmp_path / "new.offmap"), [log], ReplayOutputs()).snapshot
    assert ended[:, 0].tolist() == [snapshot["offmap_cell_exchanges"][cells,] for cells in ("rare", "common")]
    assert snapshot["offmap_survival_change"][()] == 0


def test_inspect_says_what_was_accepted_and_what_the_pager_makes_of_it(recorded: Path) -> None:
    facts = inspect_profile(recorded)
    baseline = facts["baseline"]
    assert baseline["prompts_a_day"] == pytest.approx(144, rel=0.01)
    assert baseline["run_length_days"] == pytest.approx(PagerSettings().run_length / 144, rel=0.01)
    assert set(baseline["slices"]["own"]) == {"calm", "wild", "other"}
    assert baseline["slices"]["as_the_whole"] == ["rare"]
    for level, share in baseline["shares"].items():
        assert share < baseline["tolerated"][level] < 1
    assert baseline["slices"]["own"]["calm"]["shares"]["0.1"] < baseline["shares"]["0.1"]
    text = as_text(facts)
    for said in (
        "1,800 accepted prompts in 300 blocks",
        "at p ≤ 0.1, the pager tolerates",
        "tenant wild: 600 prompts",
        "tenant rare: too few prompts, compared with all traffic",
        "144 prompts a day",
        f"{baseline['run_length_days']:,.1f} days between false pages",
    ):
        assert said in text
    assert "none: the pager is off" not in text


def test_a_new_baseline_leaves_nothing_of_the_old_one(recorded: Path, tmp_path: Path) -> None:
    log = traffic(tmp_path / "later.jsonl", 400, {"calm": 0.1}, 110)
    plain = load_settings(None, small_settings() | {"profile": {"path": recorded}})
    record_baseline(plain, [log], tmp_path / "newer.offmap")
    arrays = read_profile(tmp_path / "newer.offmap").references["prompt"]
    assert not [name for name in arrays if name.startswith("slice_")]
    assert arrays["accepted_sizes"].tolist() == [400]


def test_traffic_that_the_profile_was_fitted_on_is_no_baseline(tmp_path: Path) -> None:
    profile = read_profile(small_profile())
    days = {"from": "2025-06-15T15:06:40+00:00", "to": "2025-06-20T00:00:00+00:00"}
    path = tmp_path / "production.offmap"
    write_profile(path, dataclasses.replace(profile, manifest={**profile.manifest, "production": days}))
    log = traffic(tmp_path / "log.jsonl", 400, {"calm": 0.1}, 110)
    mine = load_settings(None, small_settings() | {"profile": {"path": path}})
    with pytest.raises(BaselineError, match=r"400 of 400 prompts are of the time .* knows them too well"):
        record_baseline(mine, [log], tmp_path / "new.offmap")
    later = traffic(tmp_path / "later.jsonl", 400, {"calm": 0.1}, 110, START + 5 * DAY)
    assert record_baseline(mine, [later], tmp_path / "new.offmap").facts["prompts"] == 400


def test_traffic_too_uneven_to_know_a_rate_by_is_told(tmp_path: Path) -> None:
    texts = sentences(12, 1) + sentences(6, 2, ODD)  # one hour in three is off the map altogether
    rows = [{"time": START + 600 * i, "prompt": text} for i, text in enumerate(texts)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(BaselineError, match="say too little"):
        record_baseline(load_settings(None, small_settings()), [tmp_path / "log.jsonl"], tmp_path / "new.offmap")


def scores(numbers: np.ndarray) -> SideScores:
    vectors = numbers[:, None].astype(np.float16)
    return SideScores(numbers, numbers, np.zeros(len(numbers), np.int32), vectors)


def test_a_long_log_is_kept_in_bounded_memory_at_random_and_some_of_it_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, most in (("SAMPLE", 100), ("STRETCH", 10), ("STRETCHES", 30)):
        monkeypatch.setattr(f"agent.baseline_recorder.{name}", most)
    recorder = CrowdRecorder()
    for start in range(0, 2_000, 37):
        recorder.update(np.zeros(37), scores(np.arange(start, start + 37, dtype=np.float64)), Tally())
        assert sum(len(vectors) for _, vectors in recorder._drawn) < 237
        assert len(recorder._stretches) <= 30
    drawn = recorder.vectors()[:, 0]
    assert len(np.unique(drawn)) == len(drawn) == 100
    assert drawn.mean() == pytest.approx(1_000, abs=250)
    runs = [run[:, 0] for run in recorder.in_order()]
    assert all((np.diff(run) == 1).all() for run in runs)
    assert sum(map(len, runs)) <= 300
    assert np.mean([run.mean() for run in runs]) == pytest.approx(1_000, abs=400)


def test_a_short_log_is_kept_in_order_whole() -> None:
    recorder = CrowdRecorder()
    for start in range(0, 1_800, 450):
        recorder.update(np.zeros(450), scores(np.arange(start, start + 450, dtype=np.float64)), Tally())
    (run,) = recorder.in_order()
    assert run[:, 0].tolist() == list(range(1_800))
