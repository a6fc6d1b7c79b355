from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest

from agent.assembly import build_pipeline
from agent.intake import Clocks
from agent.pipeline import Pipeline
from agent.profile import read_profile
from agent.records import Exchange, Record
from agent.sampling import HashSampler
from agent.slices import Slices, make_slices
from agent.tally import Tally
from agent.watch import SideScores
from config import ConfigError, PagerSettings, SliceSettings, load_settings
from tests.small import ODD, sentences, small_profile, small_settings

SIZES = np.array([3_000], dtype=np.int32)
START = 1_750_000_000.0
PAGER = PagerSettings(tolerated_share=0.1, run_length=1_000)


def made(*values: str, field: str = "model", pager: PagerSettings = PAGER) -> Slices:
    return make_slices(SliceSettings(field=field, values=values), pager, {}, SIZES)


def feed(slices: Slices, models: list[str | None], p_values: np.ndarray, tally: Tally | None = None) -> Tally:
    tally = tally or Tally()
    n = len(models)
    scores = SideScores(p_values, p_values, np.zeros(n, np.int32), np.zeros((n, 0), np.float16))
    slices.update([Exchange(model=model) for model in models], START + 60.0 * np.arange(n), scores, tally)
    return tally


def test_texts_are_counted_by_slice_and_band_and_strangers_share_one() -> None:
    models = ["big", "small", "big", "unheard-of", None, "other", "big"]
    tally = feed(made("big", "small"), models, np.array([0.01, 0.02, 0.011, 0.2, 1.0, 0.6, 0.0002]))
    assert tally.samples()["offmap_slice_texts"] == {
        ("big", "0.01"): 2.0, ("big", "0.05"): 1.0, ("small", "0.05"): 1.0,
        ("other", "0.2"): 1.0, ("other", "1"): 2.0,
    }  # fmt: skip


def test_the_model_that_was_asked_for_stands_for_one_that_did_not_answer_yet() -> None:
    slices, tally = made("big"), Tally()
    scores = SideScores(np.ones(1), np.ones(1), np.zeros(1, np.int32), np.zeros((1, 0), np.float16))
    slices.update([Exchange(model_asked="big")], np.zeros(1), scores, tally)
    slices.update([None], np.zeros(1), scores._replace(cell=np.array([-1], np.int32)), tally)
    assert tally.samples()["offmap_slice_texts"] == {("big", "1"): 1.0}


def test_only_the_slice_that_drifts_pages() -> None:
    rng = np.random.default_rng(0)
    slices = made("big", "small")
    thresholds = slices.measure()["offmap_slice_pager_threshold"]
    assert list(thresholds) == [("big", "tolerated"), ("small", "tolerated"), ("other", "tolerated")]
    assert list(thresholds.values()) == pytest.approx([np.log(1_000)] * 3)
    models = ["big", "small"] * 500
    drifting = np.tile([False, True], 500) & (np.arange(1_000) > 600) & (rng.random(1_000) < 0.6)
    feed(slices, list(models), np.where(drifting, 0.001, rng.uniform(size=1_000)))
    alarms = slices.measure()["offmap_slice_pager_alarm"]
    assert alarms == {("big", "tolerated"): 0.0, ("small", "tolerated"): 1.0, ("other", "tolerated"): 0.0}
    (when,) = slices.measure()["offmap_slice_pager_change_timestamp_seconds"].values()
    assert when == pytest.approx(START + 60 * 600, abs=60 * 60)


def test_all_slices_together_keep_to_one_budget_of_false_pages() -> None:
    """By chance, at most n/A of streams of n prompts see any slice page; with unequal slices too."""
    rng = np.random.default_rng(0)
    draws = rng.uniform(size=(60, 250))
    models = [["big", "small", "unheard-of"][i] for i in rng.choice(3, size=250, p=[0.8, 0.15, 0.05])]
    paged, fresh = 0, made("big", "small", pager=PagerSettings(tolerated_share=0.0, run_length=500))
    for p_values in draws:
        slices = copy.deepcopy(fresh)
        feed(slices, list(models), p_values)
        paged += any(slices.measure()["offmap_slice_pager_alarm"].values())
    assert paged <= 30


def test_where_the_pager_is_off_slices_are_counted_only() -> None:
    slices = made("big", pager=PagerSettings())
    feed(slices, ["big"] * 500, np.full(500, 0.001))
    assert slices.measure() == {}


def test_the_state_goes_by_the_slices_name() -> None:
    p_values = np.random.default_rng(1).uniform(size=200)
    models: list[str | None] = ["a/b", "a", None, "a"] * 50
    whole, first = made("a/b", "a"), made("a/b", "a")
    feed(whole, models, p_values)
    feed(first, models[:77], p_values[:77])
    again = made("a", "new", "a/b")
    again.set_state(first.get_state())
    measured = first.measure()["offmap_slice_pager_evidence"]
    assert {name: again.measure()["offmap_slice_pager_evidence"].get(name) for name in measured} == measured
    assert ("new", "tolerated") not in again.measure()["offmap_slice_pager_evidence"]


@pytest.mark.parametrize(("values", "message"), [(["a", "a"], "same value twice"), (["other"], "all the rest")])
def test_values_that_cannot_be_told_apart_are_refused(values: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_settings(None, small_settings(slices={"values": values}))


def pipeline(**sections: Any) -> Pipeline:
    settings = load_settings(None, small_settings(**sections))
    clocks = Clocks(now=None, horizon=lambda: START + 1e6, timer=lambda: 0.0)
    return build_pipeline(settings, read_profile(small_profile()), clocks, HashSampler())


def records(n: int, tag: str, words: list[str] | None = None) -> list[Record]:
    texts = sentences(n, 5, words) if words else sentences(n, 4)
    rows = [{"id": f"{tag}{i}", "time": START + i, "prompt": t, "meta": {"tenant": tag}} for i, t in enumerate(texts)]
    return [Record("chat", 0, i, json.dumps(row).encode()) for i, row in enumerate(rows)]


def test_a_tag_of_the_message_makes_slices_and_they_survive_a_restart() -> None:
    sections = {"slices": {"field": "meta.tenant", "values": "shop, bank"}, "pager": {"tolerated_share": 0.1}}
    one = pipeline(**sections)
    one.process(records(60, "shop") + records(200, "bank", ODD) + records(30, "new"))
    found = one.evaluate()
    texts: dict[str, float] = {}
    for (name, band), count in found["offmap_slice_texts"].items():
        texts[name] = texts.get(name, 0) + float(count)  # type: ignore[arg-type]
        assert band in {"0.01", "0.05", "0.2", "1"}
    assert texts == {"shop": 60.0, "bank": 200.0, "other": 30.0}
    alarms = {name: value for (name, _), value in found["offmap_slice_pager_alarm"].items()}
    assert alarms == {"shop": 0.0, "bank": 1.0, "other": 0.0}
    again = pipeline(**sections)
    again.set_state(one.get_state())
    assert again.evaluate() == found
    assert "offmap_slice_texts" not in pipeline().evaluate()
