import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.embedding.runtime import OnnxEmbedder
from agent.fitting.errors import FitError
from agent.fitting.fit import FEWEST_HELD_OUT, fit_profile
from agent.fitting.options import FitOptions, Silent
from agent.fitting.rows import RowFields
from agent.profile import read_profile
from detectors.reference import Reference
from tests.fitting import letters_model  # noqa: F401  a fixture
from tests.models import tiny_transformer
from tests.small import WORDS, sentences

pytestmark = pytest.mark.usefixtures("letters_model")


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rows(n: int, seed: int = 0, **more: Any) -> list[dict[str, Any]]:
    prompts, responses = sentences(n, seed), sentences(n, seed + 1_000)
    return [{"prompt": p, "response": r, **more} for p, r in zip(prompts, responses, strict=True)]


@pytest.fixture
def train(tmp_path: Path) -> Path:
    return jsonl(tmp_path / "train.jsonl", rows(400))


def options(train: Path, **more: Any) -> FitOptions:
    return FitOptions(
        train=(train,),
        output=train.parent / "out.offmap",
        model="letters",
        **{"threads": 1, "mix_run_length": 500, **more},
    )


class Notes(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps: list[tuple[str, int | None]] = []
        self.done: dict[str, int] = {}

    def step(self, what: str, total: int | None = None) -> None:
        self.steps.append((what, total))

    def advance(self, count: int, total: int | None = None) -> None:
        what, known = self.steps[-1]
        self.steps[-1] = (what, total or known)
        self.done[what] = self.done.get(what, 0) + count

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_a_profile_comes_out_and_says_what_went_in(train: Path) -> None:
    with train.open("a", encoding="utf-8") as file:
        file.write("{broken\n" + json.dumps(rows(1)[0]) + "\n")
    progress = Notes()
    result = fit_profile(options(train), progress)
    profile = read_profile(result.path, expected_fingerprint=result.fingerprint)
    manifest = profile.manifest
    assert set(profile.references) == {"prompt", "response"}
    assert manifest == result.manifest
    assert manifest["prompt_part"] == "last_user"
    assert manifest["training"]["documents"] == 402
    assert manifest["training"]["bad"] == {"not JSON": 1}
    assert manifest["sides"]["prompt"]["method"] == "cross-fitted"
    prompts = manifest["sides"]["prompt"]
    assert prompts["texts"] + prompts["duplicates"] == 401
    assert prompts["duplicates"] >= 1
    assert progress.notes[0] == f"left out: {train}, line 401: not JSON"
    arrays = profile.references["prompt"]
    assert len(arrays["coverage_counts"]) == prompts["prototypes"]
    assert 3 < arrays["length_tokens"] < 100
    assert arrays["script_counts"].tolist() == [prompts["texts"], *[0] * 11]
    assert float(arrays["mix_run_length"]) == 500  # of 400 prompts, half stand for production
    assert "diversity_n" not in arrays  # that takes 512
    assert not any(name.startswith(("coverage", "mix")) for name in profile.references["response"])


def test_progress_knows_how_much_is_left(train: Path) -> None:
    progress = Notes()
    fit_profile(options(train), progress)
    totals = dict(progress.steps)
    assert list(totals) == [
        "reading",
        "compiling letters",
        "embedding",
        "fitting prompts",
        "fitting responses",
        "writing",
    ]
    for what, done in progress.done.items():
        assert done == totals[what]
    assert progress.done["embedding"] > 700


@pytest.mark.parametrize("threads", [1, 3])
def test_the_same_seed_gives_the_same_bytes_with_any_threads(
    threads: int, train: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1750000000")
    first = fit_profile(options(train))
    expected = first.path.read_bytes()
    assert first.manifest["created"] == "2025-06-15T15:06:40+00:00"
    assert fit_profile(options(train, threads=threads)).path.read_bytes() == expected
    assert fit_profile(options(train, seed=1)).fingerprint != first.fingerprint


def test_held_out_rows_calibrate(train: Path, tmp_path: Path) -> None:
    held_out = jsonl(tmp_path / "held.jsonl", rows(300, seed=7))
    sides = fit_profile(options(train, calibration=(held_out,), style_channel=True)).manifest["sides"]
    assert {side: found["method"] for side, found in sides.items()} == {"prompt": "held-out", "response": "held-out"}
    assert sides["prompt"]["style"]["calibration_texts"] == sides["prompt"]["calibration_texts"] + 60  # the constants'


def test_held_out_rows_without_responses_leave_these_to_cross_fitting(train: Path, tmp_path: Path) -> None:
    held_out = jsonl(tmp_path / "held.jsonl", [{"prompt": row["prompt"]} for row in rows(300, seed=7)])
    progress = Notes()
    sides = fit_profile(options(train, calibration=(held_out,)), progress).manifest["sides"]
    assert {side: found["method"] for side, found in sides.items()} == {
        "prompt": "held-out",
        "response": "cross-fitted",
    }
    assert progress.notes[0].endswith("calibrated by cross-fitting")


def test_calibration_rows_that_are_not_held_out_are_refused(train: Path) -> None:
    with pytest.raises(FitError, match="they are not held out"):
        fit_profile(options(train, calibration=(train,)))


def test_too_few_held_out_rows(train: Path, tmp_path: Path) -> None:
    held_out = jsonl(tmp_path / "held.jsonl", rows(40, seed=7))
    with pytest.raises(FitError, match=rf"40 calibration prompts in .*held\.jsonl; at least {FEWEST_HELD_OUT} "):
        fit_profile(options(train, calibration=(held_out,)))


def test_too_few_rows_say_how_many_and_why(tmp_path: Path) -> None:
    train = jsonl(tmp_path / "train.jsonl", [*rows(50), *rows(30), {"prompt": ""}])
    with pytest.raises(
        FitError, match=r"50 training prompts .* at least 100 .*\(30 were duplicates, 1 could not be read"
    ):
        fit_profile(options(train))


def test_too_few_responses_are_not_scored(tmp_path: Path) -> None:
    data = [*rows(40), *[{"prompt": row["prompt"]} for row in rows(300, seed=3)]]
    progress = Notes()
    result = fit_profile(options(jsonl(tmp_path / "train.jsonl", data)), progress)
    assert set(read_profile(result.path).references) == {"prompt"}
    assert "40 responses are too few" in progress.notes[0]


def test_texts_that_cannot_be_embedded_are_counted(tmp_path: Path) -> None:
    data = [*rows(200), *[{"prompt": "世界" * (i + 1)} for i in range(50)]]
    sides = fit_profile(options(jsonl(tmp_path / "train.jsonl", data))).manifest["sides"]
    assert sides["prompt"]["empty"] == 50


def test_no_training_text_in_the_profile_unless_asked(tmp_path: Path) -> None:
    train = jsonl(tmp_path / "train.jsonl", rows(200))
    assert json.loads(train.read_text().splitlines()[0])["prompt"] == rows(1)[0]["prompt"]
    path = fit_profile(options(train)).path
    with zipfile.ZipFile(path) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist() if not name.endswith(".onnx"))
    assert not [row for row in rows(200) if row["prompt"].encode() in content]
    examples = read_profile(fit_profile(options(train, keep_examples=7)).path).examples
    assert len(examples) == 7
    assert set(examples) <= {row["prompt"] for row in rows(200)}


def test_the_synthetic_share_is_said(tmp_path: Path) -> None:
    data = [*rows(100, seed=1, made="synthetic"), *rows(300, seed=2, made="human")]
    fitted = fit_profile(options(jsonl(tmp_path / "t", data), fields=RowFields(synthetic="made")))
    assert fitted.manifest["training"]["synthetic_share"] == pytest.approx(0.25, abs=0.01)


def test_rows_of_a_group_are_kept_together(tmp_path: Path) -> None:
    data = [{**row, "source": i % 40} for i, row in enumerate(rows(400))]
    train = jsonl(tmp_path / "t", data)
    grouped = fit_profile(options(train, fields=RowFields(group="source"))).manifest["sides"]["prompt"]["groups"]
    assert grouped <= 40
    assert fit_profile(options(train)).manifest["sides"]["prompt"]["groups"] > grouped


def labelled(n: int) -> list[dict[str, Any]]:
    """Rows of three topics, each with words of its own; every fourth without its label."""
    topics = {"money": WORDS[:5], "power": WORDS[5:10], "home": WORDS[10:]}
    texts = {name: sentences(n, seed, words) for seed, (name, words) in enumerate(topics.items())}
    found = [{"prompt": text, "intent": name} for name, some in texts.items() for text in some]
    return [{"prompt": row["prompt"]} if i % 4 == 0 else row for i, row in enumerate(found)]


def test_labels_and_the_local_term_go_into_the_profile(tmp_path: Path) -> None:
    train = jsonl(tmp_path / "t", labelled(200))
    fitted = fit_profile(options(train, fields=RowFields(label="intent"), local_term=True))
    found = fitted.manifest["sides"]["prompt"]
    assert (found["labels"], found["local_rows"]) == (3, found["chunks"])
    assert found["labelled_texts"] < 0.8 * found["texts"]
    assert fitted.manifest["training"]["label_field"] == "intent"
    arrays = read_profile(fitted.path).references["prompt"]
    assert arrays["label_weights"].shape[0] == 3
    assert arrays["local_rows"].shape[0] == found["chunks"]
    assert len(Reference.from_arrays(arrays).constants) == len(Reference.from_arrays(arrays).scorer.prototypes) + 2
    with zipfile.ZipFile(fitted.path) as archive:
        assert not [name for name in archive.namelist() if b"money" in archive.read(name)]


def test_labels_are_not_of_the_responses(tmp_path: Path) -> None:
    data = [row | {"response": text} for row, text in zip(labelled(100), sentences(300, 50), strict=True)]
    sides = fit_profile(options(jsonl(tmp_path / "t", data), fields=RowFields(label="intent"))).manifest["sides"]
    assert {side: "labels" in found for side, found in sides.items()} == {"prompt": True, "response": False}


def test_without_them_a_profile_holds_nothing_of_them(train: Path) -> None:
    fitted = fit_profile(options(train))
    assert "label_field" not in fitted.manifest["training"]
    names = set(read_profile(fitted.path).references["prompt"])
    assert names
    assert not [name for name in names if name.startswith(("local_", "label_"))]


def test_a_field_without_labels_is_told_before_the_work(train: Path) -> None:
    progress = Notes()
    with pytest.raises(FitError, match=r"the field 'intnt': 0 labels with at least 5 texts each"):
        fit_profile(options(train, fields=RowFields(label="intnt")), progress)
    assert [what for what, _ in progress.steps] == ["reading"]


def test_labels_that_say_nothing_are_refused(tmp_path: Path) -> None:
    data = [{**row, "day": i % 7} for i, row in enumerate(rows(400))]
    with pytest.raises(FitError, match="the 7 labels cannot be told from the texts"):
        fit_profile(options(jsonl(tmp_path / "t", data), fields=RowFields(label="day")))


def test_the_local_term_is_left_out_where_there_are_too_many_rows(train: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.fitting.sides.MOST_ROWS", 300)
    progress = Notes()
    found = fit_profile(options(train, local_term=True), progress).manifest["sides"]["prompt"]
    assert "local_rows" not in found
    assert "too many for the local term (at most 300): without it" in progress.notes[0]


def test_one_group_alone_cannot_be_split(tmp_path: Path) -> None:
    train = jsonl(tmp_path / "t", rows(400, source="one"))
    with pytest.raises(FitError, match="group"):
        fit_profile(options(train, fields=RowFields(group="source")))


def test_the_profile_scores_texts_as_it_was_calibrated(train: Path) -> None:
    profile = read_profile(fit_profile(options(train, limit=300)).path)
    reference = Reference.from_arrays(profile.references["prompt"])
    embedder = OnnxEmbedder(profile.embedder_onnx, profile.tokenizer, profile.embedder_spec, threads=1)
    strange = ["quokka zyzzyva fjord xylem jynx vizier"] * 2
    shares = []
    for texts in (sentences(1_000, seed=99), strange):
        encoded = embedder.encode(texts, 6)
        scores = reference.score(encoded.layers, encoded.owner, len(texts))
        tokens = np.bincount(encoded.owner, weights=encoded.tokens, minlength=len(texts))
        shares.append(float((reference.p_values(scores.novelty, tokens) <= 0.05).mean()))
    assert 0.01 < shares[0] < 0.12
    assert shares[1] == 1.0


@pytest.mark.parametrize("where", ["gone/out.offmap", "."])
def test_an_output_that_cannot_be_written_is_told_before_the_work(where: str, train: Path, tmp_path: Path) -> None:
    progress = Notes()
    asked = FitOptions(train=(train,), output=tmp_path / where, model="letters")
    with pytest.raises(FitError, match=r"there is no folder|is a folder"):
        fit_profile(asked, progress)
    assert not progress.steps


def test_a_folder_without_permission_is_told_before_the_work(train: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write anywhere
    with pytest.raises(FitError, match="no permission to write"):
        fit_profile(options(train))


@pytest.mark.model
@pytest.mark.slow
def test_with_a_real_model(train: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    model = tiny_transformer(tmp_path)
    result = fit_profile(FitOptions(train=(train,), output=tmp_path / "out.offmap", model=str(model), threads=2))
    assert result.manifest["embedder"]["fp32_cosine_min"] > 0.999
    assert read_profile(result.path).embedder_spec.dim == 32
