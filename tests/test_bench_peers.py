"""Other programs beside ours: what a peer's script keeps to, and what becomes of one that fails."""

import ast
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import foreign
from benchmarks.foreign import DUMMY, SCRIPTS, PeerError, ask

STREAMS = np.zeros((40, 3_000), dtype=np.int64)


def test_the_dummy_alarms_at_the_rate_that_was_asked_or_never():
    found = ask(DUMMY, "alarms", values=np.zeros(1), before=100, run_length=500, **{"no drift": STREAMS})
    first = np.array(found["at random"]["no drift"])
    watched = np.where(first > 0, first, STREAMS.shape[1] - 100).sum()
    assert 350 < watched / (first > 0).sum() < 700
    assert found["never"]["no drift"] == [0] * len(STREAMS)


@pytest.fixture
def contract(monkeypatch):
    """What the scripts share: in their environments it stands beside them on the path."""
    monkeypatch.syspath_prepend(SCRIPTS)
    yield importlib.import_module("contract")
    del sys.modules["contract"]


def test_an_alarm_before_the_drift_does_not_count(contract):
    steps = iter([True, False, False, True])
    found = contract.first_alarms(lambda: lambda _value: next(steps), np.zeros(1), {"a": np.zeros((1, 4), int)}, 2)
    assert found == {"a": [2]}


@pytest.mark.parametrize(("alarms", "found"), [([1, 1, 0, 0, 1], [2, 2]), ([0, 0, 0, 0, 0], [0, 0])])
def test_alarms_of_quiet_weeks_are_counted_and_the_first_after_them_is_dated(contract, alarms, found):
    steps = iter(alarms)
    assert contract.quiet_then_new(lambda _value: bool(next(steps)), np.zeros(5), 3) == found


@pytest.fixture
def stub(monkeypatch, tmp_path):
    """A peer whose environment is the interpreter that runs the tests, and whose script a test writes."""
    python = tmp_path / "environments" / "stub" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')  # a link would not find its libraries
    python.chmod(0o755)
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    monkeypatch.setattr(foreign, "ENVIRONMENTS", tmp_path / "environments")
    monkeypatch.setattr(foreign, "SCRIPTS", scripts)
    foreign._python.cache_clear()
    yield scripts / "stub_peer.py"
    foreign._python.cache_clear()


def test_a_peer_reads_the_arrays_and_its_last_line_is_the_answer(stub):
    stub.write_text(
        "import json, sys, numpy as np\n"
        "arrays = np.load(sys.argv[2])\n"
        "print('chatter')\n"
        "print(json.dumps({'version': '9.9', 'found': {sys.argv[1]: arrays['x'].tolist()}}))\n"
    )
    assert ask("stub", "double", x=[1, 2]) == {"double": [1, 2]}
    assert foreign.versions()["stub"] == "9.9"


def test_a_peer_reports_nothing_to_anybody(stub):
    stub.write_text(
        "import json, os\n"
        "names = ('DO_NOT_TRACK', 'NML_DISABLE_USAGE_LOGGING')\n"
        "print(json.dumps({'version': '', 'found': [os.environ[name] for name in names]}))\n"
    )
    assert ask("stub", "any") == ["1", "1"]


def test_a_peer_that_fails_is_told_with_its_last_words(stub):
    stub.write_text("raise SystemExit('no such thing')\n")
    with pytest.raises(PeerError, match="stub: no such thing"):
        ask("stub", "any")


def test_a_peer_that_takes_too_long_is_given_up(stub, monkeypatch):
    monkeypatch.setattr(foreign, "LONGEST", 0.2)
    stub.write_text("import time; time.sleep(60)\n")
    with pytest.raises(PeerError, match="not done after"):
        ask("stub", "any")


def test_a_peer_without_environment_says_how_to_make_one(stub):
    with pytest.raises(PeerError, match="make bench-peers"):
        ask("river", "alarms")


def test_every_peer_has_a_script_and_its_pins():
    scripts = {path.name.removesuffix("_peer.py") for path in SCRIPTS.glob("*_peer.py")}
    assert scripts == {DUMMY, *foreign.names()}
    for peer in foreign.names():
        wanted = (foreign.LOCKS / f"{peer}.in").read_text(encoding="utf-8").splitlines()
        pinned = (foreign.LOCKS / f"{peer}.txt").read_text(encoding="utf-8").splitlines()
        assert all("==" in line for line in pinned)
        assert wanted[0].replace("[torch]", "") in pinned, f"{peer}: run `make lock`"


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.stem)
def test_a_peers_script_knows_nothing_of_offmap(script: Path):
    tree = ast.parse(script.read_text(encoding="utf-8"))
    known = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    known |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert known
    assert not {name.partition(".")[0] for name in known} & {"agent", "benchmarks", "config", "detectors"}
