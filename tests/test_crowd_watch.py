from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agent.assembly import build_pipeline
from agent.context_watch import ReferenceContext
from agent.crowd_watch import make_crowd_watchers
from agent.intake import Clocks
from agent.profile import Profile, ProfileError
from agent.sampling import HashSampler
from agent.tally import Tally
from agent.watch import SideScores
from agent.window_watch import AlphaPrecision
from config import PagerSettings, load_settings
from detectors.blocks import unit_rows
from detectors.crowd_fit import fit_crowd
from tests.models import letters_parts
from tests.small import small_profile, small_settings

DIM, TOPICS = 16, 20
CENTRES = np.random.default_rng(77).standard_normal((TOPICS, DIM))
START = 1_750_000_000.0


def traffic(n: int, seed: int, topics: int = TOPICS) -> SideScores:
    """n texts, all on the map, each in the cell of its topic."""
    rng = np.random.default_rng(seed)
    cell = rng.integers(topics, size=n).astype(np.int32)
    rows = unit_rows((CENTRES[cell] + 0.3 * rng.standard_normal((n, DIM))).astype(np.float32))
    return SideScores(np.zeros(n), rng.uniform(0.06, 1, size=n), cell, rows.astype(np.float16))


ARRAYS = {
    **fit_crowd(traffic(3_000, 0).vector, run_length=50_000),
    "coverage_counts": np.full(TOPICS, 50.0),
}


def watchers(word: str = "", **more: Any) -> dict[str, Any]:
    settings = PagerSettings(acknowledged=word, run_length=5_000)
    return make_crowd_watchers("prompt", settings, ARRAYS | more, TOPICS)


def feed(watcher: Any, scores: SideScores, first: int = 0) -> None:
    times = START + first + np.arange(len(scores.cell), dtype=np.float64)
    for i in range(0, len(times), 100):
        watcher.update(times[i : i + 100], scores.at(slice(i, i + 100)), Tally())


def all_of(found: dict[str, Any]) -> dict[str, Any]:
    return {name: each for watcher in found.values() for name, each in watcher.measure().items()}


def test_what_the_profile_does_not_know_is_not_watched() -> None:
    assert make_crowd_watchers("prompt", PagerSettings(), {}, TOPICS) == {}
    fresh = all_of(watchers())
    assert fresh == {"offmap_mix_run_length": {("prompt", "training"): 50_000.0}}


def test_quiet_traffic_warns_of_nothing() -> None:
    found = watchers()
    for watcher in found.values():
        feed(watcher, traffic(2_000, 1))
    measured = all_of(found)
    assert measured["offmap_mix_changed"] == {("prompt", "training"): 0.0}
    assert set(measured["offmap_mix_change"]) == {("prompt", "training", "50"), ("prompt", "training", "200")}
    assert max(measured["offmap_mix_change"].values()) < 1
    assert measured["offmap_coverage_ratio"]["prompt", "1000"] == pytest.approx(1, abs=0.01)
    assert measured["offmap_lost_cells"] == {("prompt",): 0.0}
    assert "offmap_lost_evidence" not in measured
    assert "offmap_mix_changed_timestamp_seconds" not in measured
    assert measured["offmap_prompt_diversity_ratio"]["training", "0.5"] == pytest.approx(1, abs=0.05)
    assert abs(measured["offmap_prompt_diversity_z"]["training", "1"]) < 5


def test_half_of_the_topics_gone_shows_everywhere_and_the_warning_stays() -> None:
    found = watchers()
    for watcher in found.values():
        feed(watcher, traffic(1_000, 1))
        feed(watcher, traffic(3_000, 2, topics=10), 1_000)
    measured = all_of(found)
    assert measured["offmap_mix_changed"] == {("prompt", "training"): 1.0}
    (warned,) = measured["offmap_mix_changed_timestamp_seconds"].values()
    assert START + 1_000 < warned < START + 1_300
    assert measured["offmap_coverage_ratio"]["prompt", "1000"] == pytest.approx(0.5, abs=0.01)
    assert measured["offmap_unvisited_mass"]["prompt", "1000"] == pytest.approx(0.5, abs=0.01)
    assert measured["offmap_lost_mass"]["prompt",] == pytest.approx(0.5)
    assert measured["offmap_lost_evidence"]["prompt",] > 20
    assert measured["offmap_prompt_diversity_ratio"]["training", "0.5"] < 0.9
    assert measured["offmap_prompt_diversity_z"]["training", "0.5"] < -4
    feed(found["mix"], traffic(3_000, 3), 4_000)
    assert found["mix"].measure()["offmap_mix_changed"] == {("prompt", "training"): 1.0}


def test_texts_off_the_map_visit_no_cell() -> None:
    coverage = watchers()["coverage"]
    scores = traffic(500, 1)
    coverage.update(np.zeros(500), scores._replace(p_value=np.full(500, 0.05)), Tally())
    assert coverage.measure() == {}


def test_the_state_holds_what_it_was_whatever_the_batches() -> None:
    scores = traffic(1_500, 4, topics=10)
    whole, first, second = watchers(), watchers(), watchers()
    for name in whole:
        feed(whole[name], scores)
        feed(first[name], scores.at(slice(0, 777)))
        second[name].set_state(first[name].get_state())
        feed(second[name], scores.at(slice(777, None)), 777)
    assert all_of(second) == all_of(whole)


def test_another_word_of_acknowledgement_or_another_plan_takes_the_warning_back() -> None:
    warned, acknowledged, other = watchers("monday")["mix"], watchers("tuesday")["mix"], watchers("monday")["mix"]
    feed(warned, traffic(1_000, 2, topics=3))
    state = warned.get_state()
    acknowledged.set_state(state)
    assert set(acknowledged.measure()) == {"offmap_mix_run_length"}
    other.set_state(state)
    assert other.measure() == warned.measure()
    plan = watchers("monday", mix_centre=ARRAYS["mix_centre"] + 1)["mix"]
    plan.set_state(state)
    assert set(plan.measure()) == {"offmap_mix_run_length"}


def test_a_baseline_is_said_to_be_the_reference() -> None:
    found = watchers(accepted_levels=np.array([0.1]))
    assert list(found["mix"].measure()["offmap_mix_run_length"]) == [("prompt", "baseline")]
    feed(found["diversity"], traffic(600, 1))
    assert ("baseline", "0.5") in found["diversity"].measure()["offmap_prompt_diversity"]


def test_counts_of_other_cells_are_refused() -> None:
    with pytest.raises(ValueError, match="50 cells"):
        make_crowd_watchers("prompt", PagerSettings(), ARRAYS, 50)


def test_alpha_precision_is_one_for_uniform_p_values_only() -> None:
    watcher = AlphaPrecision("prompt", {"1h": 3_600.0})
    assert watcher.measure() == {"offmap_alpha_precision": {}}
    scores = traffic(2_000, 1)
    rng = np.random.default_rng(0)
    watcher.update(np.full(2_000, START), scores._replace(p_value=rng.uniform(1e-6, 1, size=2_000)), Tally())
    (uniform,) = watcher.measure()["offmap_alpha_precision"].values()
    assert uniform > 0.97
    again = AlphaPrecision("prompt", {"1h": 3_600.0})
    again.set_state(watcher.get_state())
    again.update(np.full(2_000, START), scores._replace(p_value=np.full(2_000, 0.01)), Tally())
    (tail,) = again.measure()["offmap_alpha_precision"].values()
    assert tail == pytest.approx(0.5, abs=0.03)  # half of the texts at .01


def test_the_length_of_reference_texts_is_told() -> None:
    assert ReferenceContext("prompt", {"length_tokens": np.asarray(12.5)}).measure() == {
        "offmap_reference_tokens": {("prompt",): 12.5}
    }
    assert ReferenceContext("prompt", {}).measure() == {}


def test_they_stand_in_the_agent_and_a_damaged_profile_is_refused() -> None:
    from agent.profile import read_profile

    profile = read_profile(small_profile())
    n_cells = profile.references["prompt"]["counts"].shape[2]

    def built(arrays: dict[str, Any]) -> dict[str, Any]:
        references = {**profile.references, "prompt": profile.references["prompt"] | arrays}
        fitted = Profile(profile.manifest, references, *letters_parts())
        return dict(build_pipeline(load_settings(None, small_settings()), fitted, Clocks(), HashSampler()).evaluate())

    assert "offmap_mix_run_length" not in built({})
    arrays = ARRAYS | {"coverage_counts": np.full(n_cells, 50.0), "length_tokens": np.asarray(9.0)}
    assert built(arrays)["offmap_reference_tokens"] == {("prompt",): 9.0}
    assert "offmap_mix_run_length" in built(arrays)
    with pytest.raises(ProfileError, match="a mix plan without frequencies"):
        built({name: array for name, array in arrays.items() if name != "mix_frequencies"})
