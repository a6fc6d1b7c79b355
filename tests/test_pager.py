from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.baseline import BaselineError, record_baseline
from agent.pager import Pager, PagerOff, make_pager
from agent.profile import read_profile, write_profile
from agent.replay import ReplayOutputs
from agent.supervisor import KnownError
from agent.tally import Tally
from agent.watch import SideScores
from agent.wiring import run_replay
from config import PagerSettings, load_settings
from detectors.crowd import mix_of
from detectors.evidence_accepted import held_out, to_arrays
from tests.small import ODD, sentences, small_profile, small_settings

SIZES = np.array([3_000], dtype=np.int32)
START = 1_750_000_000.0


def feed(pager: Any, p_values: np.ndarray, start: float = START) -> None:
    n = len(p_values)
    times = start + 60.0 * np.arange(n)
    pager.update(times, SideScores(p_values, p_values, np.zeros(n, np.int32), np.zeros((n, 0), np.float16)), Tally())


def value(pager: Any, name: str) -> float | None:
    samples = pager.measure().get(f"offmap_pager_{name}", {})
    assert len(samples) <= 1
    return next(iter(samples.values()), None)


def test_with_nothing_accepted_it_is_off_and_says_so() -> None:
    pager = make_pager("prompt", PagerSettings(), {}, SIZES)
    assert isinstance(pager, PagerOff)
    feed(pager, np.full(5_000, 0.001))
    assert pager.measure() == {"offmap_pager_off": {("prompt",): 1.0}}


def test_a_baseline_comes_before_the_held_out_texts() -> None:
    arrays = to_arrays(held_out([5_000]))
    assert list(make_pager("prompt", PagerSettings(), arrays, SIZES).measure()["offmap_pager_off"].values()) == [0.0]
    for settings, given, reference in (
        (PagerSettings(), arrays, "baseline"),
        (PagerSettings(tolerated_share=0.1), arrays, "baseline"),
        (PagerSettings(tolerated_share=0.1), {}, "tolerated"),
    ):
        pager = make_pager("prompt", settings, given, SIZES)
        assert list(pager.measure()["offmap_pager_threshold"]) == [("prompt", reference)]


@pytest.mark.parametrize("mode", ["guaranteed", "calibrated"])
def test_it_pages_on_drift_says_when_it_began_and_stays(mode: Any) -> None:
    rng = np.random.default_rng(0)
    pager = make_pager("prompt", PagerSettings(tolerated_share=0.0, run_length=2_000, mode=mode), {}, SIZES)
    feed(pager, rng.uniform(size=1_000))
    assert value(pager, "alarm") == 0
    assert value(pager, "alarm_timestamp_seconds") is None
    feed(pager, rng.uniform(size=60) * 0.02, START + 60_000)
    assert value(pager, "alarm") == 1
    assert value(pager, "change_timestamp_seconds") == pytest.approx(START + 60_000, abs=600)
    feed(pager, rng.uniform(0.1, 1, size=3_000), START + 70_000)
    assert value(pager, "alarm") == 1


def test_a_tolerated_share_is_tolerated() -> None:
    rng = np.random.default_rng(1)
    p_values = np.where(rng.random(8_000) < 0.1, 0.0003, rng.uniform(size=8_000))
    strict, lenient = (
        make_pager("prompt", PagerSettings(tolerated_share=share, run_length=5_000), {}, SIZES) for share in (0.0, 0.12)
    )
    feed(strict, p_values)
    feed(lenient, p_values)
    assert (value(strict, "alarm"), value(lenient, "alarm")) == (1, 0)


def test_acknowledged_it_begins_anew_and_only_then() -> None:
    def made(word: str) -> Pager | PagerOff:
        return make_pager("prompt", PagerSettings(tolerated_share=0.0, run_length=1_000, acknowledged=word), {}, SIZES)

    first, same, other = made("monday"), made("monday"), made("tuesday")
    feed(first, np.full(100, 0.001))
    same.set_state(first.get_state())
    other.set_state(first.get_state())
    assert (value(same, "alarm"), value(other, "alarm")) == (1, 0)
    assert value(other, "evidence") is None


def test_the_run_length_in_days_follows_the_observed_rate() -> None:
    pager = make_pager("prompt", PagerSettings(tolerated_share=0.0, run_length=14_400), {}, SIZES)
    assert value(pager, "run_length_days") is None
    feed(pager, np.full(2_000, 0.5))  # one a minute: 1,440 a day
    assert value(pager, "run_length_days") == pytest.approx(10, rel=0.01)


def test_the_state_holds_what_it_was(tmp_path: Path) -> None:
    settings = PagerSettings(tolerated_share=0.0)
    rng = np.random.default_rng(5)
    p_values = rng.uniform(size=500)
    whole, first, second = (make_pager("prompt", settings, {}, SIZES) for _ in range(3))
    feed(whole, p_values)
    feed(first, p_values[:123])
    second.set_state(first.get_state())
    feed(second, p_values[123:], START + 60.0 * 123)
    assert second.measure() == whole.measure()


def log(path: Path, texts: list[str], step: float = 600.0, **more: Any) -> Path:
    rows = [{"id": i, "time": START + i * step, "prompt": text} | more for i, text in enumerate(texts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_recorded_baseline_lets_what_was_accepted_pass_and_pages_on_more(tmp_path: Path) -> None:
    """Production with 10 % off the map is accepted; later there are 30 %."""
    rng = np.random.default_rng(2)

    def traffic(n: int, share: float, seed: int) -> list[str]:
        known, odd = sentences(n, seed), sentences(n, seed + 1, ODD)
        return [o if new else k for k, o, new in zip(known, odd, rng.random(n) < share, strict=True)]

    accepted = log(tmp_path / "accepted.jsonl", traffic(1_500, 0.1, 50))
    settings = load_settings(None, small_settings(pager={"run_length": 2_000}))
    new = tmp_path / "new.offmap"
    found = record_baseline(settings, [accepted], new, 3_600)
    assert (found.facts["prompts"], found.facts["blocks"]) == (1_500, 250)
    assert found.facts["shares"]["0.1"] > 0.12
    assert found.fingerprint == read_profile(new).fingerprint != read_profile(small_profile()).fingerprint
    mix = mix_of(read_profile(new).references["prompt"])
    assert mix is not None
    assert mix.windows.tolist() == [50]  # half of 1,500 prompts simulate production

    alarms, changed = {}, {}
    for name, share in (("same", 0.1), ("more", 0.3)):
        path = log(tmp_path / f"{name}.jsonl", traffic(1_500, share, 70))
        with_baseline = load_settings(None, small_settings(pager={"run_length": 2_000}) | {"profile": {"path": new}})
        snapshot = run_replay(with_baseline, [path], ReplayOutputs()).snapshot
        (alarms[name],) = snapshot["offmap_pager_alarm"].values()
        (changed[name],) = snapshot["offmap_mix_changed"].items()
    assert alarms == {"same": 0.0, "more": 1.0}
    labels = ("prompt", "baseline")
    assert changed == {"same": (labels, 0.0), "more": (labels, 1.0)}


@pytest.mark.parametrize(
    ("texts", "more", "message"),
    [
        (["meter bill tariff"] * 4, {"time": None}, "4 of 4 prompts have no time stamp"),
        (["meter bill tariff"] * 4, {}, "blocks? of time|at least 3"),
        ([], {}, "no prompt"),
        ([""] * 9, {}, "no prompt in the logs could be scored"),
    ],
)
def test_logs_that_cannot_be_a_baseline_are_told(
    tmp_path: Path, texts: list[str], more: dict[str, Any], message: str
) -> None:
    path = log(tmp_path / "log.jsonl", texts, **more)
    if not texts:
        path.write_text("{}\n")
    with pytest.raises(BaselineError, match=message):
        record_baseline(load_settings(None, small_settings()), [path], tmp_path / "new.offmap")
    assert not (tmp_path / "new.offmap").exists()


def test_a_damaged_baseline_is_refused(tmp_path: Path) -> None:
    profile = read_profile(small_profile())
    arrays = profile.references["prompt"] | {"accepted_levels": np.array([0.1])}
    path = tmp_path / "odd.offmap"
    write_profile(path, dataclasses.replace(profile, references={"prompt": arrays}))
    settings = load_settings(None, small_settings() | {"profile": {"path": path}})
    with pytest.raises(KnownError, match="an accepted baseline without counts"):
        run_replay(settings, [log(tmp_path / "log.jsonl", ["meter"])], ReplayOutputs())
