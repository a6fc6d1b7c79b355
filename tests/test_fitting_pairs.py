"""What `fit` learns of pairs of prompts and responses, and of where rows came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.answer_signs import SHORTEST, wording
from agent.fitting.fit import fit_profile
from agent.fitting.pairs import LACKING
from agent.fitting.rows import Row, RowFields
from agent.fitting.scan import scan
from agent.inspection import as_text, inspect_profile
from agent.profile import read_profile
from detectors.pair_reference import PREFIX, SIGNS, PairReference
from tests.fitting import letters_model  # noqa: F401  a fixture
from tests.pairs import pair_rows
from tests.test_fitting_fit import Notes, jsonl, options

pytestmark = pytest.mark.usefixtures("letters_model")


def pairs_of(arrays: dict[str, Any]) -> PairReference:
    return PairReference.from_arrays(
        {name.removeprefix(PREFIX): array for name, array in arrays.items() if name.startswith(PREFIX)}
    )


def test_rows_know_the_first_with_their_answer() -> None:
    texts = ["An answer of more than forty characters, surely.", "Short.", None]
    texts += ["an ANSWER of more than forty  characters, surely."]
    selection = scan([Row(f"p{i}", text, None, synthetic=False) for i, text in enumerate(texts)])
    assert selection.answers.tolist() == [0, 1, -1, 0]
    assert selection.wordings[0] == selection.wordings[3] == wording(texts[0], SHORTEST)
    assert selection.wordings[1:3].tolist() == [0, 0]


def test_pairs_and_origins_stand_in_the_profile(tmp_path: Path) -> None:
    rows = pair_rows(1_100, 1)
    for row in rows[:30]:
        row["response"] = "One canned answer that is given to many prompts."
    train = jsonl(tmp_path / "train.jsonl", rows)
    progress = Notes()
    result = fit_profile(options(train, fields=RowFields(synthetic="made")), progress)
    assert not progress.notes
    profile = read_profile(result.path)
    reference = pairs_of(profile.references["response"])
    assert reference.n_pairs == result.manifest["sides"]["response"]["pairs"] > 1_000
    assert [usual.n for usual in reference.usual] == [256, 512]
    usual = dict(zip(SIGNS, reference.counts @ reference.expected / reference.counts.sum(), strict=True))
    assert 0.1 < usual["tail"] < 0.3
    assert 0.03 < usual["echo"] < 0.07
    assert usual["recycled"] == pytest.approx(29 / 1_100, abs=0.01)  # the first time it was new
    hashes = np.array([wording(row["response"], SHORTEST) for row in rows], dtype=np.uint64)
    assert reference.echo.has(hashes).all()
    share = profile.references["prompt"]["synthetic_share"]
    assert share.shape == profile.references["prompt"]["coverage_counts"].shape
    assert share.min() < 0.3
    assert share.max() > 0.7
    assert f"{reference.n_pairs:,} pairs" in as_text(inspect_profile(result.path))


def test_who_wrote_a_row_is_not_known_where_its_flag_does_not_say(tmp_path: Path) -> None:
    """Names of models are no flag; rows without one are people's only where it is never said of any that they are."""

    def share(flags: list[Any]) -> tuple[Any, list[str]]:
        rows = [
            {"prompt": text} | ({} if flag is None else {"made": flag}) for text, flag in zip(texts, flags, strict=True)
        ]
        progress = Notes()
        result = fit_profile(options(jsonl(tmp_path / "t.jsonl", rows), fields=RowFields(synthetic="made")), progress)
        arrays = read_profile(result.path).references["prompt"]
        notes = [note for note in progress.notes if "who wrote them" in note]
        return (result.manifest["training"]["synthetic_share"], arrays.get("synthetic_share")), notes

    texts = [row["prompt"] for row in pair_rows(400, 4)]
    (overall, cells), notes = share(["gpt-4", "human"] * 200)
    assert overall == 0
    assert cells.max() <= 0.5  # (0 + 1)/(0 + 2) at most
    assert notes[0].startswith("200 of 400 prompts do not say who wrote them")
    (overall, cells), notes = share(["gpt-4", None] * 200)
    assert overall is cells is None
    assert "no share by cell" in notes[0]
    (overall, cells), notes = share([True, None] * 200)
    assert overall == pytest.approx(0.5, abs=0.01)
    assert notes == []


def test_a_fit_says_what_it_cannot_watch(tmp_path: Path) -> None:
    rows = pair_rows(300, 2)
    few, none = Notes(), Notes()
    result = fit_profile(options(jsonl(tmp_path / "few.jsonl", rows)), few)
    assert not any(name.startswith(PREFIX) for name in read_profile(result.path).references["response"])
    assert [LACKING in note for note in few.notes] == [True]
    for row in rows:
        del row["response"]
    fit_profile(options(jsonl(tmp_path / "none.jsonl", rows)), none)
    assert none.notes == [f"no responses in training: {LACKING}"]
