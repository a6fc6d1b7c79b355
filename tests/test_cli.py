import ast
import importlib.util
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple, get_args

import pyarrow as pa
import pytest
from pyarrow import parquet

from agent import cli, cli_fit
from agent.cli_errors import KNOWN
from agent.payloads.text import WHICH
from tests.fitting import letters_model  # noqa: F401  a fixture
from tests.small import sentences, small_profile

HEAVY = {"torch", "sentence_transformers", "sklearn", "scipy", "onnxruntime", "pyarrow", "numpy", "pydantic", "rich"}
LOADED = f"import sys, atexit; atexit.register(lambda: print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)); "


class Ended(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def offmap(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Run a command line in this process."""

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["offmap", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        captured = capsys.readouterr()
        return Ended(int(left.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def train(tmp_path: Path) -> Path:
    return jsonl(tmp_path / "train.jsonl", [{"prompt": text} for text in sentences(200, 0)])


def jsonl(path: Path, rows: list[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    assert python(LOADED + "import agent.cli").stderr.strip() == "[]"


def test_help_loads_nothing_heavy() -> None:
    ended = python(LOADED + "sys.argv = ['offmap', '--help']; import agent.cli; agent.cli.main()")
    assert ended.returncode == 0
    assert ended.stderr.strip() == "[]"
    for command in ("sniff", "fit", "inspect", "run", "check-config", "replay"):
        assert f"\n  {command} " in ended.stdout


def test_help_answers_in_a_moment() -> None:
    def once() -> float:
        start = time.perf_counter()
        python("import sys; sys.argv = ['offmap', '--help']; import agent.cli; agent.cli.main()")
        return time.perf_counter() - start

    assert min(once() for _ in range(5)) < 0.5


def test_every_known_error_exists() -> None:
    for module, name in KNOWN:
        spec = importlib.util.find_spec(module)
        assert spec is not None
        assert spec.origin is not None
        classes = {
            node.name
            for node in ast.walk(ast.parse(Path(spec.origin).read_text("utf-8")))
            if isinstance(node, ast.ClassDef)
        }
        assert name in classes, f"{module}.{name}"


def test_the_parts_of_a_conversation_are_those_of_the_payloads() -> None:
    assert get_args(cli_fit.PromptPart) == WHICH


def test_without_a_command_the_help_is_shown(offmap) -> None:
    ended = offmap()
    assert "Usage: offmap" in ended.out + ended.err


def test_version(offmap) -> None:
    assert offmap("--version").out.startswith("offmap 0.")


@pytest.mark.usefixtures("letters_model")
def test_fit_then_inspect(offmap, train: Path, tmp_path: Path) -> None:
    profile = tmp_path / "shop.offmap"
    ended = offmap("fit", train, "-o", profile, "--threads", 1)
    assert ended.status == 0
    assert "embedding 200 texts" in ended.err
    assert "prompts" in ended.out
    shown = offmap("inspect", profile)
    assert shown.out == ended.out
    facts = json.loads(offmap("inspect", profile, "--json").out)
    assert facts["fingerprint"] in shown.out
    assert facts["sides"]["prompt"]["texts"] == 200
    assert facts["training"]["shapes"] == {"prompt": 200}
    assert facts["kept_examples"] == 0
    lacking = [line for line in shown.out.splitlines() if line.startswith("not told")]
    assert ["irrelevant" in lacking[0], "offmap_collapse" in lacking[1]] == [True, True]


@pytest.mark.usefixtures("letters_model")
def test_fit_says_what_the_style_channel_costs(offmap, train: Path, tmp_path: Path) -> None:
    ended = offmap("fit", train, "-o", tmp_path / "shop.offmap", "--threads", 1, "--style-channel")
    assert re.search(r"style channel: \d+ word pieces in context, .*; costs [\d,]+ µs a text of", ended.out)


def test_a_profile_of_other_origin_is_shown_too(offmap) -> None:
    shown = offmap("inspect", small_profile())
    assert shown.status == 0
    assert "letters" in shown.out
    (lacking,) = [line for line in shown.out.splitlines() if line.startswith("not told")]  # it has responses, no pairs
    assert "offmap_collapse" in lacking


@pytest.mark.usefixtures("letters_model")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["gone.jsonl"], "gone.jsonl: cannot be read: No such file"),
        (["TRAIN", "--prompt-field", "question"], "no field 'question' (for the prompt); there are: prompt"),
        (["TRAIN", "--response-field", "answer"], "no field 'answer' (for the response); there are: prompt"),
        (["EMPTY"], "empty.jsonl: is empty"),
        (["LATIN"], "latin.jsonl: holds no row that can be read (line 1: not UTF-8)"),
        (["FEW"], "1 training prompts in "),
        (["TRAIN", "--calibration", "TRAIN"], "they are not held out"),
        (["TRAIN", "--limit", "0"], "Invalid value for '--limit'"),
        (["TRAIN", "--prompt-part", "first"], "Invalid value for '--prompt-part'"),
    ],
)
def test_what_fit_refuses(arguments: list[str], expected: str, offmap, train: Path, tmp_path: Path) -> None:
    files = {"TRAIN": train, "EMPTY": tmp_path / "empty.jsonl", "LATIN": tmp_path / "latin.jsonl"}
    files["EMPTY"].touch()
    files["LATIN"].write_bytes(b'{"prompt": "caf\xe9"}\n')
    files["FEW"] = jsonl(tmp_path / "few.jsonl", [{"prompt": "only one"}])
    ended = offmap("fit", *[files.get(argument, argument) for argument in arguments], "-o", tmp_path / "x.offmap")
    assert ended.status == 2
    assert expected in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "x.offmap").exists()


@pytest.mark.usefixtures("letters_model")
def test_a_bad_line_among_good_ones_is_told_with_its_place(offmap, train: Path, tmp_path: Path) -> None:
    with train.open("a") as file:
        file.write("{broken\n")
    ended = offmap("fit", train, "-o", tmp_path / "x.offmap", "--threads", 1)
    assert ended.status == 0
    assert f"left out: {train}, line 201: not JSON" in ended.err
    assert "left out: 1 not JSON" in ended.out or "1 not JSON" in ended.out


@pytest.mark.model
@pytest.mark.slow
def test_an_unknown_model_is_named(offmap, train: Path, tmp_path: Path) -> None:
    ended = offmap("fit", train, "-o", tmp_path / "x.offmap", "--model", str(tmp_path / "no-such-model"))
    assert ended.status == 2
    assert "no-such-model" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.usefixtures("letters_model")
def test_a_missing_extra_is_named(offmap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet.write_table(pa.Table.from_pylist([{"prompt": "x"}]), tmp_path / "t.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "agent.fitting.parquet", raising=False)
    ended = offmap("fit", tmp_path / "t.parquet", "-o", tmp_path / "x.offmap")
    assert ended.status == 2
    assert "fitting needs pyarrow: install offmap with its extra `fit`" in ended.err


def test_ctrl_c_leaves_without_a_trace(offmap, train: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_fit, "_fit", interrupted)
    ended = offmap("fit", train, "-o", tmp_path / "x.offmap")
    assert ended.status == 130
    assert ended.err == ""


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli_fit, "_fit", broken)
    monkeypatch.setattr(sys, "argv", ["offmap", "fit", "a", "-o", str(tmp_path / "x.offmap")])
    with pytest.raises(ZeroDivisionError):
        cli.main()


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"", "is empty"), (b"PK\x03\x04 and nothing", "zip"), (b"{}" * 500, "")],
)
def test_inspect_refuses_what_is_no_profile(content: bytes, expected: str, offmap, tmp_path: Path) -> None:
    path = tmp_path / "x.offmap"
    path.write_bytes(content)
    ended = offmap("inspect", path)
    assert ended.status == 2
    assert str(path) in ended.err
    assert "Traceback" not in ended.err


def test_inspect_of_a_missing_file(offmap, tmp_path: Path) -> None:
    ended = offmap("inspect", tmp_path / "gone.offmap")
    assert ended.status == 2
    assert "gone.offmap" in ended.err


def test_check_config_prints_every_problem_and_its_path(offmap, tmp_path: Path) -> None:
    path = tmp_path / "offmap.yaml"
    path.write_text("profil: {}\nserver: {port: 0.5}\nkafka: {topics: [a], topic_pattern: a}\n")
    ended = offmap("check-config", path)
    assert ended.status == 2
    for problem in ("profil: ", "profile.path: ", "server.port: ", "kafka.bootstrap_servers: ", "kafka.topics: "):
        assert f"\n  {problem}" in ended.err
    assert offmap("run", "--config", path).err == ended.err


def test_check_config_accepts_a_good_one(offmap, tmp_path: Path) -> None:
    path = tmp_path / "offmap.yaml"
    path.write_text("profile: {path: x.offmap}\nkafka: {topics: [a], bootstrap_servers: [a:1]}\n")
    ended = offmap("check-config", path)
    assert ended == Ended(0, f"{path}: OK\n", "")


def test_run_needs_kafka(offmap, tmp_path: Path) -> None:
    path = tmp_path / "offmap.yaml"
    path.write_text("profile: {path: x.offmap}\n")
    ended = offmap("run", "--config", path)
    assert ended.status == 2
    assert "kafka: is missing" in ended.err


def test_replay_prints_a_table_and_writes_both_files(offmap, tmp_path: Path) -> None:
    logs = [
        {"id": f"m{i}", "time": 1_750_000_000 + i, "prompt": text, "response": text}
        for i, text in enumerate([*sentences(150, 5), *["quokka zyzzyva fjord xylem"] * 50])
    ]
    scores, metrics = tmp_path / "scores.jsonl", tmp_path / "final.om"
    path = jsonl(tmp_path / "log.jsonl", [*logs, "no object"])
    ended = offmap("replay", path, "--profile", small_profile(), "--scores", scores, "--metrics", metrics)
    assert ended.status == 0
    assert "records: 200 decoded" in ended.out
    assert "200 scored" in ended.out
    assert "p ≤ 0.05" in ended.out
    assert len(scores.read_text().splitlines()) == 201
    assert metrics.read_text().endswith("# EOF\n")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["gone.jsonl", "--profile", "SMALL"], "gone.jsonl"),
        (["LOG", "--profile", "gone.offmap"], "gone.offmap"),
        (["LOG"], "profile.path: is missing"),
        (["LOG", "--profile", "SMALL", "--config", "gone.yaml"], "gone.yaml"),
        (["LOG", "--profile", "SMALL", "--scores", "no-such-folder/scores.jsonl"], "no-such-folder"),
    ],
)
def test_what_replay_refuses(arguments: list[str], expected: str, offmap, tmp_path: Path) -> None:
    files = {"LOG": jsonl(tmp_path / "log.jsonl", [{"prompt": "x"}]), "SMALL": small_profile()}
    ended = offmap("replay", *[files.get(argument, argument) for argument in arguments])
    assert ended.status == 2
    assert expected in ended.err
    assert "Traceback" not in ended.err
