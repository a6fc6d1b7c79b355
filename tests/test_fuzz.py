"""Coverage-guided fuzzing: the committed inputs each time, new ones for as long as there is."""

import os
import platform
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fuzz.run import TARGETS
from tests.fuzz.targets import CORPUS, FRAMES, LONGEST, check, framed, records, seeds
from tests.needs import in_ci, require_module

SECONDS = 60 if in_ci() else 5


def inputs(target):
    return [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]


@pytest.mark.parametrize("target", TARGETS)
def test_the_kept_inputs_and_every_shape(target):
    kept = inputs(target)
    assert 10 < len(kept) <= 400
    assert sum(map(len, kept)) <= 250_000
    for data in [*kept, *seeds(target)]:
        check(target, data)


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_starts_with_messages_that_are_read(target):
    assert seeds(target)
    assert all(0 < len(data) <= LONGEST for data in seeds(target))
    assert all(record.value for data in seeds(target) for record in records(target, data))


def test_every_frame_is_reached():
    assert len({framed(bytes([i]) + b'{"prompt": "a"}') for i in range(len(FRAMES))}) == len(FRAMES)


def test_what_breaks_its_promises_is_a_failure(monkeypatch):
    monkeypatch.setattr("tests.fuzz.targets.decode_or_raise", lambda *_: [])
    with pytest.raises(AssertionError):
        check("json", b"{}")
    monkeypatch.setattr("tests.fuzz.targets.SLOWEST", 0.0)
    with pytest.raises(AssertionError, match="took more than"):
        check("json", b"{}")


def fuzz(target: str, seconds: int, folder: Path, start: tuple[str, ...] = ("-m", "tests.fuzz.run")) -> tuple[int, str]:
    command = [sys.executable, *start, target, "--seconds", str(seconds), "--folder", str(folder)]
    command += ["--seed", "1"]  # `make fuzz` looks further every time; a test repeats itself
    root = Path(__file__).parents[1]
    outputs = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(command, cwd=root, text=True, timeout=seconds + 120, check=False, **outputs)
    return done.returncode, done.stdout


@pytest.fixture
def _atheris():
    if platform.system() != "Linux" or sys.version_info >= (3, 14):
        pytest.skip("atheris has no build for this machine")
    require_module("atheris", "run `make install`")


@pytest.mark.slow
@pytest.mark.usefixtures("_atheris")
@pytest.mark.timeout(600)
def test_new_inputs(tmp_path):
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # a minute each, as many at once as there are processors
        ended = list(pool.map(lambda target: fuzz(target, SECONDS, tmp_path), TARGETS))
    for status, said in ended:
        assert status == 0, said[-4000:]
        assert int(re.search(r"number_of_executed_units: (\d+)", said)[1]) > 50 * SECONDS
        assert int(re.search(r"new_units_added: +(\d+)", said)[1]) > 0  # without instrumentation nothing is ever new
    assert not [path.name for path in tmp_path.iterdir() if path.is_file()]


@pytest.mark.slow
@pytest.mark.usefixtures("_atheris")
def test_a_crash_ends_it_and_leaves_the_input(tmp_path):
    program = "import tests.fuzz.run as r, agent.payloads.opening as o; o.DEEPEST = 'x'; r.main()"
    status, said = fuzz("json", 20, tmp_path, ("-c", program))
    assert status != 0
    assert "TypeError" in said
    assert list(tmp_path.glob("json-crash-*"))
