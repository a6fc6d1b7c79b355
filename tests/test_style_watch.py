"""The second channel from fit to metrics: another way of writing about the same, which the first channel cannot see."""

from __future__ import annotations

import dataclasses
import json
import string
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from agent.assembly import build_pipeline
from agent.baseline import record_baseline
from agent.checkpoint import CheckpointStore
from agent.embedding.runtime import OnnxEmbedder
from agent.embedding.spec import CANARY_TEXTS
from agent.fitting.fit import fit_profile
from agent.fitting.options import FitOptions
from agent.inspection import as_json, as_text, inspect_profile
from agent.intake import Clocks
from agent.pipeline import Pipeline
from agent.profile import ProfileError, read_profile, write_profile
from agent.records import Record
from agent.replay import ReplayOutputs
from agent.report import findings
from agent.sampling import HashSampler
from agent.supervisor import KnownError
from agent.wiring import run_replay
from config import Settings, load_settings
from detectors.style import StyleReference
from tests.fitting import COSINES
from tests.models import Parts, letters_parts, letters_tokenizer
from tests.small import sentences

START = 1_750_000_000.0


def deaf_parts() -> Parts:
    """An embedder whose vectors know nothing of punctuation; only the states of word pieces show it."""
    parts = letters_parts()
    model = onnx.load_from_string(parts.onnx)
    (table,) = (one for one in model.graph.initializer if one.name == "table")
    vectors = numpy_helper.to_array(table).copy()
    pieces = numpy_helper.from_array(vectors[:, 1].copy(), "pieces")
    vectors[[letters_tokenizer().token_to_id(sign) for sign in string.punctuation]] = 0
    table.CopyFrom(numpy_helper.from_array(vectors, "table"))
    model.graph.initializer.append(pieces)
    model.graph.node[-1].CopyFrom(helper.make_node("Gather", ["pieces", "ids"], ["states"]))
    graph = model.SerializeToString()
    bare = dataclasses.replace(parts.spec, canary_texts=(), canary_bytes=b"")
    canaries = OnnxEmbedder(graph, parts.tokenizer, bare, threads=1).encode(CANARY_TEXTS, 1).layers.tobytes()
    spec = dataclasses.replace(parts.spec, canary_texts=CANARY_TEXTS, canary_bytes=canaries)
    return Parts(graph, parts.tokenizer, spec)


def written(n: int, seed: int, marks: str = ",.") -> list[str]:
    """Sentences of known words, with one sign between the words and one at the end."""
    return [f"{marks[0]} ".join(text.split()) + marks[1] for text in sentences(n, seed)]


def jsonl(path: Path, texts: list[str], **more: Any) -> Path:
    rows = [{"id": str(i), "time": START + 600 * i, "prompt": text, **more} for i, text in enumerate(texts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("style")
    train = folder / "train.jsonl"
    train.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in written(600, 0)))
    compiled = SimpleNamespace(**deaf_parts()._asdict(), **COSINES)
    stand_in = SimpleNamespace(compile_model=lambda _name: compiled)
    more: dict[str, Any] = {"threads": 1, "mix_run_length": 500}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "agent.embedding.compile_model", stand_in)
        patch.setattr("agent.fitting.sides.watched_arrays", lambda *_: {})  # of the crowd: seconds, and not looked at
        options = FitOptions((train,), folder / "with.offmap", "letters", style_channel=True, **more)
        return fit_profile(options).path


def settings(path: Path, **sections: dict[str, Any]) -> Settings:
    embedding = {"threads": 1} | sections.pop("embedding", {})
    return load_settings(None, {"profile": {"path": str(path)}, "embedding": embedding, **sections})


def tolerant(path: Path) -> Settings:
    return settings(path, pager={"tolerated_share": 0.0, "tolerated_style_share": 0.0, "run_length": 2_000})


def test_another_style_pages_while_the_first_channel_stays_silent(profile: Path, tmp_path: Path) -> None:
    log = jsonl(tmp_path / "log.jsonl", written(400, 50) + written(150, 51, ";!"))
    scores = tmp_path / "scores.jsonl"
    snapshot = run_replay(tolerant(profile), [log], ReplayOutputs(scores)).snapshot
    assert snapshot["offmap_pager_alarm"] == {("prompt", "tolerated"): 0.0, ("style", "tolerated"): 1.0}
    assert {one.side for one in findings(snapshot)} == {"prompt", "style"}  # the report of a replay
    began = snapshot["offmap_pager_change_timestamp_seconds"]["style", "tolerated"]
    assert began == pytest.approx(START + 600 * 400, abs=600 * 5)
    counts = {side: sum(histogram.counts) for (side,), histogram in snapshot["offmap_p_value"].items()}
    assert counts == {"prompt": 550, "style": 550}
    rows = [json.loads(line) for line in scores.read_text().splitlines()]
    low = {name: np.array([row[name] <= 0.05 for row in rows]) for name in ("p_value", "style_p_value")}
    assert low["style_p_value"][400:].mean() > 0.9
    assert low["style_p_value"][:400].mean() < 0.1
    assert low["p_value"].mean() < 0.1
    assert min(row["style_novelty"] for row in rows[400:]) > 0
    shares = snapshot["offmap_uncovered_share"]
    assert shares["style", "1h", "0.05"] > 0.9
    assert shares["prompt", "1h", "0.05"] < 0.5


def test_without_a_baseline_or_a_share_of_its_own_its_pager_is_off(profile: Path, tmp_path: Path) -> None:
    log = jsonl(tmp_path / "log.jsonl", written(50, 52, ";!"))
    only_first = settings(profile, pager={"tolerated_share": 0.0})
    snapshot = run_replay(only_first, [log], ReplayOutputs()).snapshot
    assert snapshot["offmap_pager_off"] == {("prompt",): 0.0, ("style",): 1.0}


def test_switched_off_nothing_of_it_is_left_and_the_rest_is_the_same(profile: Path, tmp_path: Path) -> None:
    log = jsonl(tmp_path / "log.jsonl", written(60, 53))
    outputs = {name: ReplayOutputs(tmp_path / f"{name}.jsonl") for name in ("on", "off")}
    on = run_replay(settings(profile), [log], outputs["on"]).snapshot
    off = run_replay(settings(profile, embedding={"style_channel": False}), [log], outputs["off"]).snapshot
    assert off == {
        name: kept
        for name, samples in on.items()
        if (kept := {labels: value for labels, value in samples.items() if labels[:1] != ("style",)})
    }
    for with_style, without in zip(*(each.scores.read_text().splitlines() for each in outputs.values()), strict=True):
        both = json.loads(with_style)
        assert {both.pop("style_p_value"), both.pop("style_novelty")}
        assert both == json.loads(without)


def pipeline(path: Path) -> Pipeline:
    clocks = Clocks(now=None, horizon=lambda: START + 1e9, timer=lambda: 0.0)
    return build_pipeline(tolerant(path), read_profile(path), clocks, HashSampler())


def records(texts: list[str], first: int = 0) -> list[Record]:
    rows = [{"id": str(i), "time": START + 60 * i, "prompt": text} for i, text in enumerate(texts, first)]
    return [Record("log", 0, first + i, json.dumps(row).encode()) for i, row in enumerate(rows)]


def test_alone_or_in_a_batch_the_same_bits(profile: Path) -> None:
    texts = [*written(20, 54), "ab " * 100, "", "zz!"]
    whole = pipeline(profile)._sides["prompt"]
    embedder = OnnxEmbedder(*deaf_parts(), threads=1)
    together = whole.score(embedder.encode(texts, 6, whole.reduce), texts)
    assert together.style_novelty is not None
    assert np.isnan(together.style_novelty).tolist() == [text == "" for text in texts]
    for i, text in enumerate(texts):
        alone = whole.score(embedder.encode([text], 6, whole.reduce), [text])
        assert alone.style_novelty is not None
        assert alone.style_novelty.tobytes() == together.style_novelty[i : i + 1].tobytes()


def test_its_state_goes_through_a_checkpoint(profile: Path, tmp_path: Path) -> None:
    texts = written(150, 55) + written(100, 56, ";!")
    whole, first, second = (pipeline(profile) for _ in range(3))
    whole.process(records(texts))
    first.process(records(texts[:170]))
    store = CheckpointStore(tmp_path, "profile")
    store.save({("log", 0): 170}, first.get_state())
    second.set_state(store.load().state)
    second.process(records(texts[170:], 170))
    assert second.evaluate() == whole.evaluate()
    assert whole.evaluate()["offmap_pager_alarm"]["style", "tolerated"] == 1.0


def test_a_checkpoint_from_before_the_channel_was_on_goes_on(profile: Path) -> None:
    before = pipeline(profile)
    before.process(records(written(40, 57)))
    state = {name: array for name, array in before.get_state().items() if not name.startswith("side/prompt/style/")}
    after = pipeline(profile)
    after.set_state(state)
    after.process(records(written(40, 58), 40))
    snapshot = after.evaluate()
    windows = {labels[0]: value for labels, value in snapshot["offmap_window_texts"].items() if labels[1] == "1d"}
    assert windows == {"prompt": 80.0, "style": 40.0}


def test_its_state_does_not_grow_and_holds_no_states_of_word_pieces(profile: Path) -> None:
    running, sizes = pipeline(profile), []
    for i in range(3):
        running.process(records(written(100, 60 + i), 100 * i))
        found = running.get_state()
        sizes.append(sum(array.nbytes for name, array in found.items() if "/style/" in name))
    assert 0 < sizes[0] == sizes[1] == sizes[2] < 100_000


def test_a_recorded_baseline_is_accepted_by_each_channel_for_itself(profile: Path, tmp_path: Path) -> None:
    """A third of production is written otherwise, and that is accepted; later all of it is."""

    def traffic(seed: int, part: float) -> list[str]:
        other = np.random.default_rng(seed).random(300) < part
        pairs = zip(written(300, seed), written(300, seed + 1, ";!"), other, strict=True)
        return [new if is_other else old for old, new, is_other in pairs]

    new = tmp_path / "new.offmap"
    found = record_baseline(settings(profile), [jsonl(tmp_path / "accepted.jsonl", traffic(70, 0.33))], new, 3_600)
    assert found.facts["style_shares"]["0.1"] > 0.3 > found.facts["shares"]["0.1"]
    alarms = {}
    for name, part in (("same", 0.33), ("more", 0.9)):
        log = jsonl(tmp_path / f"{name}.jsonl", traffic(80, part))
        snapshot = run_replay(settings(new, pager={"run_length": 2_000}), [log], ReplayOutputs()).snapshot
        alarms[name] = snapshot["offmap_pager_alarm"]
    assert alarms["same"] == {("prompt", "baseline"): 0.0, ("style", "baseline"): 0.0}
    assert alarms["more"] == {("prompt", "baseline"): 0.0, ("style", "baseline"): 1.0}


def test_the_profile_holds_it_and_inspect_says_what_it_costs(profile: Path) -> None:
    arrays = read_profile(profile).references["style"]
    assert arrays["rows"].dtype == np.int8
    assert StyleReference.from_arrays(arrays).calibration_sizes.sum() >= 500
    facts = inspect_profile(profile)
    style = json.loads(as_json(facts))["sides"]["prompt"]["style"]
    assert style["microseconds"] >= 0
    assert "µs a text of" in as_text(facts)
    del facts["sides"]["prompt"]["style"]
    assert "style channel" not in as_text(facts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda made: {"radii": -made["radii"]}, "radii of prototypes must be finite and positive"),
        (lambda made: {"rows": made["rows"][:, :, :8]}, "does not fit"),
    ],
)
def test_arrays_that_do_not_fit_the_embedder_are_refused_at_start(
    profile: Path, tmp_path: Path, change: Any, message: str
) -> None:
    found = read_profile(profile)
    style = found.references["style"]
    odd = dataclasses.replace(found, references={**found.references, "style": {**style, **change(style)}})
    write_profile(tmp_path / "odd.offmap", odd)
    with pytest.raises(KnownError, match=f"the reference of style does not fit.*{message}|{message}.*fit it anew"):
        run_replay(settings(tmp_path / "odd.offmap"), [jsonl(tmp_path / "log.jsonl", ["a"])], ReplayOutputs())


def test_a_graph_without_states_is_refused_where_the_channel_is_on(profile: Path, tmp_path: Path) -> None:
    found = read_profile(profile)
    model = onnx.load_from_string(found.embedder_onnx)
    del model.graph.output[1]
    old = dataclasses.replace(found, embedder_onnx=model.SerializeToString())
    with pytest.raises(ProfileError, match="no states of word pieces"):
        build_pipeline(tolerant(profile), old, Clocks(), HashSampler())
    build_pipeline(settings(profile, embedding={"style_channel": False}), old, Clocks(), HashSampler())
