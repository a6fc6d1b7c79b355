"""Regions through the agent: from texts to metrics, state and report; and that no word of theirs gets out unasked."""

from __future__ import annotations

import dataclasses
import io
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from agent.assembly import build_pipeline
from agent.intake import Clocks
from agent.profile import read_profile, write_profile
from agent.region_terms import MOST_WORDS, RegionTerms, WordTally
from agent.replay import ReplayOutputs, ReplayResult
from agent.report_regions import print_regions, region_findings
from agent.sampling import HashSampler
from agent.sources.files import FileSource
from agent.supervisor import KnownError
from agent.wiring import run_replay
from agent.words import LONGEST, RareWords, word_ids, words_of
from config import load_settings
from detectors.rarity import WordCounter, WordRarity
from tests.small import sentences, small_profile, small_settings

TOPICS = [["quokka", "quoll", "quokkas"], ["zyzzyva", "zyzzy", "zyzzyvas"]]
START = 1_750_000_000.0


def log(path: Path, n: int = 600, share: float = 0.3) -> Path:
    """Known traffic with two new topics in it, a text a minute; the id of a text says its topic."""
    draw = random.Random(0)
    known = iter(sentences(n, 77))
    new = [iter(sentences(n, 80 + topic, words)) for topic, words in enumerate(TOPICS)]
    with path.open("w") as file:
        for i in range(n):
            topic = draw.randrange(2) if draw.random() < share else None
            text = next(known if topic is None else new[topic])
            file.write(json.dumps({"id": f"{topic}-{i}", "time": START + 60 * i, "prompt": text}) + "\n")
    return path


def replayed(path: Path, outputs: ReplayOutputs | None = None, **regions: Any) -> ReplayResult:
    return run_replay(load_settings(None, small_settings(regions=regions)), [path], outputs or ReplayOutputs())


def of_prompts(snapshot: Any, name: str) -> dict[str, float]:
    return {labels[-1]: value for labels, value in snapshot[name].items() if labels[0] == "prompt"}


def test_two_new_topics_become_two_regions_with_their_words(tmp_path: Path) -> None:
    path = log(tmp_path / "log.jsonl")
    result = replayed(path, show_terms=True)
    sizes = of_prompts(result.snapshot, "offmap_region_size")
    first, second = sorted(sizes, key=lambda region: -sizes[region])[:2]
    assert sizes[second] > 40
    assert sum(sizes.values()) - sizes[first] - sizes[second] < 20
    words = [set(result.terms["prompt"][region]) for region in (first, second)]
    assert sorted(map(sorted, words)) == sorted(map(sorted, TOPICS))
    assert of_prompts(result.snapshot, "offmap_new_region_rate")["prompt"] < 0.1


def test_every_text_off_the_map_is_counted_once(tmp_path: Path) -> None:
    snapshot = replayed(log(tmp_path / "log.jsonl"), level=0.01).snapshot
    counts = of_prompts(snapshot, "offmap_region_texts")
    assert set(counts) <= {f"r{i}" for i in range(1, 17)} | {"other"}
    histogram = snapshot["offmap_p_value"]["prompt",].counts
    assert sum(counts.values()) == sum(histogram[:7])  # up to the edge .01
    for region, share in of_prompts(snapshot, "offmap_region_share").items():
        assert of_prompts(snapshot, "offmap_region_share_lower")[region] <= share
        assert of_prompts(snapshot, "offmap_region_share_upper")[region] >= share
        assert of_prompts(snapshot, "offmap_region_first_seen_timestamp_seconds")[region] >= START


def test_regions_go_on_after_a_restart_and_no_word_is_in_the_state(tmp_path: Path) -> None:
    settings = load_settings(None, small_settings(regions={"show_terms": True}))
    records = FileSource([log(tmp_path / "log.jsonl")]).poll().records

    def made() -> Any:
        clocks, terms = Clocks(now=None, timer=lambda: 0.0), {"prompt": RegionTerms()}
        return build_pipeline(settings, read_profile(small_profile()), clocks, HashSampler(), terms=terms)

    whole, before, after = made(), made(), made()
    for k in range(0, len(records), 50):
        whole.process(records[k : k + 50])
        (before if k < 300 else after).process(records[k : k + 50])
        if k == 250:
            state = before.get_state()
            after.set_state(state)
    regions = {name: dict(samples) for name, samples in whole.evaluate().items() if "region" in name}
    assert len(regions) > 5
    assert {name: dict(samples) for name, samples in after.evaluate().items() if "region" in name} == regions
    assert any(name.startswith("side/prompt/regions/") for name in state)
    saved = b"".join(array.tobytes() for array in state.values()) + str(whole.evaluate()).encode()
    assert not [word for topic in TOPICS for word in topic if word.encode() in saved]


def test_words_are_written_only_where_they_are_asked_for(tmp_path: Path) -> None:
    path, plain, asked = log(tmp_path / "log.jsonl"), tmp_path / "plain.jsonl", tmp_path / "asked.jsonl"
    quiet = replayed(path, ReplayOutputs(plain, tmp_path / "plain.om"))
    replayed(path, ReplayOutputs(asked, tmp_path / "asked.om"), show_terms=True)
    assert quiet.terms == {}
    assert (tmp_path / "plain.om").read_bytes() == (tmp_path / "asked.om").read_bytes()
    assert "words" not in plain.read_text()
    rows = [json.loads(line) for line in asked.read_text().splitlines()]
    assert all(("words" in row) == (row["p_value"] <= 0.01) for row in rows)
    new = [row["words"] for row in rows if "words" in row and not row["id"].startswith("None")]
    assert len(new) > 60
    assert all(words and set(words) <= {*TOPICS[0], *TOPICS[1]} for words in new)


def test_a_profile_without_word_counts_says_what_to_do(tmp_path: Path) -> None:
    profile = read_profile(small_profile())
    old = {side: {k: v for k, v in arrays.items() if "word" not in k} for side, arrays in profile.references.items()}
    damaged = {side: arrays | {"word_counts": np.zeros(3)} for side, arrays in profile.references.items()}
    path = tmp_path / "other.offmap"
    for references, message in ((old, "no word counts of prompts.*fit it anew"), (damaged, "word counts of float64")):
        write_profile(path, dataclasses.replace(profile, references=references))
        settings = small_settings(regions={"show_terms": True}) | {"profile": {"path": path}}
        with pytest.raises(KnownError, match=message):
            run_replay(load_settings(None, settings), [log(tmp_path / "log.jsonl", 5)], ReplayOutputs())


def printed(snapshot: Any, terms: Any) -> str:
    console = Console(file=io.StringIO(), width=80)
    print_regions(snapshot, terms, 0.05, console)
    return console.file.getvalue()


def test_the_report_names_the_regions_and_fits_a_terminal(tmp_path: Path) -> None:
    result = replayed(log(tmp_path / "log.jsonl"), show_terms=True)
    found = region_findings(result.snapshot)
    assert [one.texts for one in found] == sorted((one.texts for one in found), reverse=True)
    text, without = (printed(result.snapshot, terms) for terms in (result.terms, {}))
    assert "Regions of prompts off the map" in text
    assert f"{found[0].share:.1%}" in text
    assert "15 Jun 15:" in text
    assert "…" not in text
    assert "quokka" in text
    assert "quokka" not in without
    assert "of the next ones would be unlike all before" in text


def test_exchanges_count_for_the_region_of_their_prompt(tmp_path: Path) -> None:
    path = log(tmp_path / "log.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    hard = [row["id"].startswith("1-") for row in rows]
    answered = [row | {"response": "" if fails else "Fine."} for row, fails in zip(rows, hard, strict=True)]
    path.write_text("\n".join(map(json.dumps, answered)))
    result = run_replay(load_settings(None, small_settings(outcomes={"any_of": ["empty"]})), [path], ReplayOutputs())
    n, failed = (result.snapshot[f"offmap_region_{name}"] for name in ("exchanges", "failures"))
    assert [failed.get(region, 0.0) for region in sorted(n)] in ([0.0, n["r2",]], [n["r1",], 0.0])
    assert set(n) == {("r1",), ("r2",)}
    named = of_prompts(result.snapshot, "offmap_region_texts")
    assert all(0.95 * named[region] < count <= named[region] for (region,), count in n.items())  # a prompt counts once
    text = printed(result.snapshot, {})
    assert "…" not in text
    for region, count in n.items():
        row = next(line for line in text.splitlines() if line.split()[:1] == list(region))
        assert row.rstrip().endswith(f"{failed.get(region, 0):.0f}/{count:.0f}")


def test_without_regions_nothing_is_printed() -> None:
    assert printed({}, {}) == ""


def test_what_is_not_known_of_a_region_is_left_open() -> None:
    text = printed({"offmap_region_size": {("prompt", "r1"): 5.0}}, {})
    assert "r1" in text
    assert "?" in text


def test_terms_of_a_name_that_went_to_another_region_are_forgotten() -> None:
    terms = RegionTerms()
    terms.renew({"r1": 1})
    for _ in range(3):
        terms.add("r1", ("old",))
    terms.renew({"r1": 1})
    assert terms.found() == {"r1": ["old"]}
    terms.renew({"r1": 2})
    for _ in range(3):
        terms.add("r1", ("new",))
    assert terms.found() == {"r1": ["new"]}


def test_a_word_that_is_everywhere_off_the_map_sets_no_region_apart() -> None:
    terms = RegionTerms()
    for i in range(40):
        terms.add(f"r{i % 4}", ("hiya", f"topic{i % 4}"))
    assert terms.found()["r1"] == ["topic1"]


def test_words_remembered_of_a_region_are_bounded() -> None:
    tally = WordTally()
    for i in range(5_000):
        tally.add((f"w{i}", "common"))
    assert len(tally.counts) <= 2 * MOST_WORDS
    assert tally.counts["common"] == 5_000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("12 345.6 __ -- '' 7th", ["th"]),
        ("It’s IT'S it's", ["it's"]),
        ("Straße STRASSE", ["strasse"]),
        ("ИЗМЕНИТЬ тариф", ["изменить", "тариф"]),
        ("電 of 東京都", ["電", "of", "東京", "京都"]),
        ("a\ud800b", ["a", "b"]),
    ],
)
def test_a_text_falls_into_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words
    assert len(word_ids(words)) == len(words)


def test_a_long_text_is_read_to_a_limit() -> None:
    assert "behind" not in words_of("x " * LONGEST + "behind")


def test_rare_words_are_those_that_the_reference_seldom_holds() -> None:
    counter = WordCounter()
    for i in range(1_000):
        counter.add(word_ids(["meter", "bill"] + ["pump"] * (i < 3)))
    rarity = WordRarity.from_arrays(counter.to_arrays())
    assert rarity is not None
    found = RareWords(rarity, 0.01).of(["Meter pump quokka", "quokka", None, ""], np.array([0.01, 0.5, 0.001, np.nan]))
    assert found.tolist() == [("quokka", "pump"), None, (), None]
