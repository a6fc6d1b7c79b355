"""Answers given what was asked, in the agent: from `fit` through the pipeline to metrics, state and alarms."""

from __future__ import annotations

import json
import random
import re
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from agent.assembly import build_pipeline
from agent.baseline import record_baseline
from agent.collapse_watch import pair_reference
from agent.fitting.fit import fit_profile
from agent.fitting.options import FitOptions
from agent.fitting.rows import RowFields
from agent.inspection import as_text, inspect_profile
from agent.intake import Clocks
from agent.pipeline import Pipeline
from agent.profile import Profile, ProfileError, read_profile, write_profile
from agent.records import Record
from agent.report_collapse import print_answers
from agent.sampling import HashSampler
from agent.tally import Snapshot
from config import load_settings
from detectors.near import Whole
from tests.fitting import letters_model
from tests.models import letters_embedder
from tests.pairs import pair_rows
from tests.small import quick_mix  # noqa: F401  a fixture

NOW = 1_750_000_000.0
CANNED = ["I can certainly help you with whatever it is you want.", "Please have a look at our pages of help, online."]
TRAIN = pair_rows(2_200, 1)


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    with pytest.MonkeyPatch.context() as patch:
        letters_model.__wrapped__(patch)
        path = tmp_path_factory.mktemp("pairs") / "train.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in TRAIN), encoding="utf-8")
        fields = RowFields(synthetic="made")
        result = fit_profile(FitOptions((path,), path.with_suffix(".offmap"), "letters", fields=fields, threads=1))
    return read_profile(result.path)


def make(profile: Profile, **sections: dict[str, Any]) -> Pipeline:
    settings = load_settings(None, {"profile": {"path": "unused"}, "embedding": {"threads": 1}, **sections})
    return build_pipeline(settings, profile, Clocks(None, lambda: NOW + 1e6, lambda: 0.0), HashSampler())


def records(rows: list[dict[str, Any]], first: int = 0) -> list[Record]:
    values = ({"id": f"i{i}", "time": NOW + i} | row for i, row in enumerate(rows, first))
    return [Record("t", 0, i, json.dumps(value).encode()) for i, value in enumerate(values, first)]


def feed(pipeline: Pipeline, batch: list[Record], size: int = 128) -> Snapshot:
    for i in range(0, len(batch), size):
        pipeline.process(batch[i : i + size])
    return pipeline.evaluate()


def canned(rows: list[dict[str, Any]], share: float) -> list[dict[str, Any]]:
    draw = random.Random(3)
    return [row | {"response": draw.choice(CANNED)} if draw.random() < share else row for row in rows]


def test_answers_like_trainings_raise_no_alarm(profile: Profile) -> None:
    found = feed(make(profile), records(pair_rows(1_100, 2)))
    assert {labels: value for labels, value in found["offmap_collapse_alarm"].items() if value} == {}
    assert set(found["offmap_collapse_alarm"]) == {(m,) for m in ("diversity", "likeness", "tail", "echo", "recycled")}
    assert {window for _, window in found["offmap_collapse_z"]} == {"256", "512", "1024"}
    assert found["offmap_answer_share"]["tail", "1024"] == pytest.approx(
        found["offmap_answer_share_expected"]["tail", "1024"], abs=0.06
    )
    assert found["offmap_compared_answers"] == {(): 1_100.0}
    assert "offmap_collapse_alarm_timestamp_seconds" not in found


def test_a_few_answers_for_everything_raise_alarms_that_stay(profile: Profile) -> None:
    pipeline = make(profile)
    feed(pipeline, records(pair_rows(512, 3)))
    found = feed(pipeline, records(canned(pair_rows(1_024, 4), 0.3), 512))
    for metric in ("diversity", "likeness", "recycled"):
        assert found["offmap_collapse_alarm"][metric,] == 1
        assert NOW + 512 < found["offmap_collapse_alarm_timestamp_seconds"][metric,] < NOW + 512 + 513
    assert found["offmap_collapse_alarm"]["echo",] == 0
    assert 250 < found["offmap_answer_signs"]["recycled",] < 360
    console = Console(record=True, width=120, file=StringIO())
    print_answers(found, console)
    table = console.export_text()
    assert len(re.findall(r"given to other prompts too.* yes", table)) == 1
    assert "rare training cells:" in table
    assert "(provenance, not proof of harm)" in table
    again = make(profile)
    again.set_state(pipeline.get_state())
    healthy = feed(again, records(pair_rows(1_100, 5), 1_536))
    assert healthy["offmap_collapse_alarm"] == found["offmap_collapse_alarm"]
    assert healthy["offmap_answer_share"]["recycled", "256"] < 0.05
    acknowledged = make(profile, pager={"acknowledged": "monday"})
    acknowledged.set_state(again.get_state())
    assert not any(acknowledged.evaluate()["offmap_collapse_alarm"].values())


def test_planted_answers_are_not_compared(profile: Profile) -> None:
    rows = [row | {"canary": i % 4 == 0} for i, row in enumerate(pair_rows(200, 3))]
    found = feed(make(profile, outcomes={"canary_tag": "canary"}), records(rows))
    assert found["offmap_compared_answers"] == {(): 150.0}


def test_a_log_without_times_alarms_without_a_time(profile: Profile) -> None:
    pipeline = make(profile)
    bare = [row | {"time": None} for row in canned(pair_rows(700, 4), 0.5)]
    found = feed(pipeline, records(bare), 64)
    assert found["offmap_collapse_alarm"]["recycled",] == 1
    assert "offmap_collapse_alarm_timestamp_seconds" not in found
    later = feed(pipeline, records(pair_rows(100, 5), 700))
    assert "offmap_collapse_alarm_timestamp_seconds" not in later


def terse(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Answers of a model that says less than training does."""
    return [row | {"response": f"{' '.join(row['response'].split()[:6])}."} for row in rows]


@pytest.mark.usefixtures("quick_mix")
def test_a_baseline_makes_the_model_s_own_way_of_answering_the_usual(profile: Profile, tmp_path: Path) -> None:
    fitted, log, output = (tmp_path / name for name in ("fitted.offmap", "log.jsonl", "accepted.offmap"))
    write_profile(fitted, profile)
    settings = load_settings(None, {"profile": {"path": fitted}, "embedding": {"threads": 1}})
    rows = terse(pair_rows(1_300, 20))
    log.write_text("".join(json.dumps(row | {"time": NOW + 600 * i}) + "\n" for i, row in enumerate(rows)))
    assert record_baseline(settings, [log], output).facts["answers"] > 1_200
    fresh = records(terse(pair_rows(1_100, 21)))
    against_training, accepted = feed(make(profile), fresh), feed(make(read_profile(output)), fresh)
    assert against_training["offmap_collapse_baseline"] == {(): 0.0}
    assert against_training["offmap_collapse_alarm"]["diversity",] == 1
    assert accepted["offmap_collapse_baseline"] == {(): 1.0}
    assert not any(accepted["offmap_collapse_alarm"].values())
    for found, beside in ((against_training, "beside training's"), (accepted, "beside accepted ones")):
        console = Console(record=True, width=120, file=StringIO())
        print_answers(found, console)
        assert beside in console.export_text()
    broken = feed(make(read_profile(output)), records(canned(terse(pair_rows(1_100, 22)), 0.3)))
    assert broken["offmap_collapse_alarm"]["diversity",] == broken["offmap_collapse_alarm"]["recycled",] == 1
    assert re.search(r"answers, given what was asked: 1,\d{3} exchanges", as_text(inspect_profile(output)))
    log.write_text("".join(json.dumps(row | {"time": NOW + 600 * i}) + "\n" for i, row in enumerate(rows[:400])))
    again = load_settings(None, {"profile": {"path": output}, "embedding": {"threads": 1}})
    assert record_baseline(again, [log], output).facts["answers"] == 0
    assert feed(make(read_profile(output)), fresh[:1])["offmap_collapse_baseline"] == {(): 0.0}
    assert "too few, compared with training's" in as_text(inspect_profile(output))


def test_replayed_training_answers_echo(profile: Profile) -> None:
    rows, draw = pair_rows(1_100, 6), random.Random(1)
    told = [row | {"response": draw.choice(TRAIN)["response"]} if draw.random() < 0.3 else row for row in rows]
    found = feed(make(profile), records(told))
    assert found["offmap_collapse_alarm"]["echo",] == 1
    assert found["offmap_answer_share"]["verbatim", "1024"] == pytest.approx(0.3, abs=0.06)
    assert found["offmap_answer_share_expected"]["verbatim", "1024"] < 0.05
    assert ("verbatim",) not in found["offmap_collapse_alarm"]


def test_rare_answers_that_no_longer_come_are_missed(profile: Profile) -> None:
    rows = pair_rows(1_100, 7)
    reference = pair_reference(profile.references["response"])
    assert reference is not None
    vectors = letters_embedder().encode([row["response"] for row in rows], 1).layers[:, -1]
    rare = reference.rare[Whole.of(vectors).cosines(reference.response_cells).argmax(axis=1)]
    assert 0.08 < rare.mean() < 0.3
    common = [row["response"] for row, is_rare in zip(rows, rare, strict=True) if not is_rare]
    told = [row | {"response": common[i % len(common)] if rare[i] else row["response"]} for i, row in enumerate(rows)]
    found = feed(make(profile), records(told))
    assert found["offmap_collapse_alarm"]["tail",] == 1
    assert found["offmap_collapse_z"]["tail", "1024"] < -4


def test_how_exchanges_end_in_rare_cells_and_in_synthetic_ones(profile: Profile) -> None:
    rows = [row | ({"response": ""} if row["topic"] > 15 else {}) for row in pair_rows(1_000, 8)]
    found = feed(make(profile, outcomes={"any_of": ["empty"]}), records(rows))
    n = found["offmap_cell_exchanges"]
    assert n["rare",] / (n["rare",] + n["common",]) == pytest.approx(found["offmap_rare_share"][()])
    assert found["offmap_rare_share_expected"][()] == pytest.approx(found["offmap_rare_share"][()], abs=0.08)
    good = {cells: 1 - found["offmap_cell_failures"][cells,] / n[cells,] for cells in ("rare", "common")}
    assert found["offmap_survival"][()] == pytest.approx(np.log(good["rare"] / good["common"]))
    assert found["offmap_survival_lower"][()] < found["offmap_survival"][()] < 0 < found["offmap_survival_upper"][()]
    assert not [name for name in found if name.startswith(("offmap_survival_change", "offmap_survival_expected"))]
    made, failed = (dict.fromkeys(("0.3", "0.7", "1"), 0.0) for _ in range(2))
    for name, counts in (("offmap_provenance_exchanges", made), ("offmap_provenance_failures", failed)):
        for (synthetic, _), count in found[name].items():
            counts[synthetic] += count
    assert sum(made.values()) > n["rare",] + n["common",]  # those off the map too
    assert failed["1"] / made["1"] < 0.5 * failed["0.3"] / made["0.3"]


def test_batches_do_not_matter(profile: Profile) -> None:
    batch = records(canned(pair_rows(700, 9), 0.1))
    whole, cut = make(profile), make(profile)
    assert feed(whole, batch, 700) == feed(cut, batch, 33)
    states = (whole.get_state(), cut.get_state())
    for name in (name for name in states[0] if name.startswith("exchanges/")):
        np.testing.assert_array_equal(states[0][name], states[1][name])


def test_a_profile_without_pairs_watches_no_answers(profile: Profile) -> None:
    bare = {side: {n: a for n, a in arrays.items() if not n.startswith("pair_")} for side, arrays in
            profile.references.items()}  # fmt: skip
    older = Profile({}, bare, profile.embedder_onnx, profile.tokenizer, profile.embedder_spec)
    found = feed(make(older), records(pair_rows(300, 2)))
    assert not [name for name in found if name.startswith(("offmap_collapse", "offmap_answer"))]
    broken = {**bare, "response": {**bare["response"], "pair_rare": np.zeros(3, np.int8)}}
    with pytest.raises(ProfileError, match="fit it anew"):
        make(Profile({}, broken, profile.embedder_onnx, profile.tokenizer, profile.embedder_spec))


def test_no_vector_of_an_answer_is_kept_as_it_came(profile: Profile, tmp_path: Path) -> None:
    pipeline = make(profile)
    feed(pipeline, records(pair_rows(600, 2)))
    state = {name: array for name, array in pipeline.get_state().items() if name.startswith("exchanges/collapse/")}
    assert {name.rpartition("/")[2] for name in state} >= {"prompts", "responses", "cell", "signs"}
    assert all(array.dtype != object for array in state.values())
    assert sum(array.nbytes for array in state.values()) < 100_000  # 16 dimensions; 384: 1 MB
