"""The rules of the test run themselves, run on small suites of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")

SKIPS = {
    "a call": "import pytest\ndef test_it(): pytest.skip('no Java here')",
    "a mark": "import pytest\n@pytest.mark.skip(reason='no Java here')\ndef test_it(): pass",
    "a fixture": "import pytest\n@pytest.fixture\ndef it(): pytest.skip('no Java here')\ndef test_it(it): pass",
    "a module": "import pytest\npytest.skip('no Java here', allow_module_level=True)",
    "an import": "import pytest\npytest.importorskip('nothing', reason='no Java here')",
}


def run_suite(folder: Path, body: str, ci: str) -> tuple[int, str]:
    (folder / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_it.py").write_text(body)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={folder}", str(folder)]
    environment = os.environ | {"CI": ci, "PYTHONPATH": str(CONFTEST.parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("how", SKIPS)
def test_a_skip_fails_in_ci_and_says_why(tmp_path, how):
    status, output = run_suite(tmp_path, SKIPS[how], ci="true")
    assert status not in {0, 5}, output
    assert "nothing may be skipped in CI" in output
    assert "no Java here" in output


def test_a_skip_is_a_skip_on_a_laptop(tmp_path):
    assert run_suite(tmp_path, SKIPS["a call"] + "\ndef test_other(): pass", ci="")[0] == 0


def test_an_expected_failure_is_no_skip(tmp_path):
    body = "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_it(): assert False"
    assert run_suite(tmp_path, body, ci="true")[0] == 0


def test_a_run_without_tests_fails(tmp_path):
    assert run_suite(tmp_path, "", ci="true")[0] == 5


def test_a_process_left_behind_fails_the_run(tmp_path):
    body = "import subprocess\nDONE = []\ndef test_it(): DONE.append(subprocess.Popen(['sleep', '5']))"
    status, output = run_suite(tmp_path, body, ci="")
    assert status == 1
    assert "still running after the tests" in output


def test_a_connection_to_another_machine_is_refused(tmp_path):
    body = "import socket\ndef test_it(): socket.create_connection(('192.0.2.1', 80), timeout=1)"
    status, output = run_suite(tmp_path, body, ci="")
    assert status == 1
    assert "which is not this machine" in output


def test_the_seed_of_a_failed_run_is_printed(tmp_path):
    assert "--randomly-seed=" in run_suite(tmp_path, "def test_it(): assert False", ci="")[1].rpartition("again:")[2]


def test_told_to_end_it_ends_what_it_started(tmp_path):
    body = """
import os, signal, time, pathlib, pytest
@pytest.fixture
def part():
    yield
    pathlib.Path(__file__).with_name("ended").touch()
def test_it(part):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
"""
    assert run_suite(tmp_path, body, ci="true")[0] == 2
    assert (tmp_path / "ended").exists()
