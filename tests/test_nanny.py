from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agent import nanny
from agent.board import Board
from tests.agent_process import free_port

ROOT = Path(__file__).parents[1]
CHILD = """
import os, signal, sys, time
from agent import nanny
nanny.FIRST_WAIT_SECONDS = {wait}
restarts = nanny.keep_running()
print(restarts, os.getpid(), flush=True)
"""


@contextmanager
def started(body: str, wait: float = 0.01) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", CHILD.format(wait=wait) + body]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=20)


def said(process: subprocess.Popen[str]) -> int:
    """How many children there were before the next one, which says so."""
    assert process.stdout is not None
    return int(process.stdout.readline().split()[0])


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "(signal 9)"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "(signal 11)"),
        ("sys.exit(3)", "(status 3)"),
        ("raise ImportError", "(status 1)"),
    ],
)
def test_a_child_that_is_ended_is_followed_by_another(end: str, words: str) -> None:
    with started(f"if restarts < 2: {end}") as process:
        out, err = process.communicate(timeout=20)
    assert [line.split()[0] for line in out.splitlines()] == ["0", "1", "2"]
    assert process.returncode == 0
    assert err.count(words) == 2


def test_children_that_end_at_once_come_ever_more_slowly() -> None:
    began = time.monotonic()
    with started("if restarts < 3: sys.exit(1)", wait=0.2) as process:
        process.communicate(timeout=20)
    assert time.monotonic() - began > 0.2 + 0.4 + 0.8


def test_the_parent_ends_with_the_child_that_was_told_to() -> None:
    body = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); print(9, flush=True); time.sleep(30)"
    with started(body) as process:
        assert (said(process), said(process)) == (0, 9)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 5


def test_a_child_that_does_not_listen_yet_ends_too() -> None:
    with started("time.sleep(30)") as process:
        assert said(process) == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_a_stop_between_two_children_is_a_stop() -> None:
    with started("os.kill(os.getpid(), signal.SIGKILL)", wait=30.0) as process:
        assert said(process) == 0
        assert process.stderr is not None
        assert "another starts in 30 s" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_a_hangup_is_passed_on_and_is_no_stop() -> None:
    hung_up = "print(7, flush=True) or (restarts or os._exit(3))"
    with started(
        f"signal.signal(signal.SIGHUP, lambda *_: {hung_up}); print(9, flush=True); time.sleep(30)"
    ) as process:
        assert (said(process), said(process)) == (0, 9)
        process.send_signal(signal.SIGHUP)
        assert (said(process), said(process), said(process)) == (7, 1, 9)
        assert process.poll() is None


@pytest.mark.parametrize("why", ["hangs", "orphan"])
def test_a_worker_that_hangs_or_has_no_parent_ends_its_process(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(os, "_exit", lambda _status: ended.set())
    monkeypatch.setattr(nanny, "LOOK_SECONDS", 0.01)
    with nanny.watched(Board()):
        assert not ended.wait(0.1)
        if why == "hangs":
            monkeypatch.setattr(nanny, "HUNG_SECONDS", -1.0)
        else:
            monkeypatch.setattr(os, "getppid", lambda: 1)
        assert ended.wait(10)


def test_nobody_watches_what_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(os, "_exit", lambda _status: ended.set())
    monkeypatch.setattr(nanny, "LOOK_SECONDS", 0.05)
    with nanny.watched(Board()):
        pass
    monkeypatch.setattr(nanny, "HUNG_SECONDS", -1.0)
    assert not ended.wait(0.2)


def test_a_sidecar_outlives_a_crash_in_native_code(tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "offmap.yaml"
    config.write_text(f"server: {{host: 127.0.0.1, port: {port}}}\nkafka: {{bootstrap_servers: [a:1], topics: [t]}}\n")
    command = [sys.executable, "-m", "agent.cli", "run", "--stay-up", "--config", str(config)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            assert 'offmap_down{reason="bad_config"} 1.0' in metrics(port)
            listing = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            os.kill(int(listing.read_text()), signal.SIGSEGV)
            assert 'offmap_down{reason="bad_config"} 1.0' in metrics(port)
            assert process.poll() is None
        finally:
            process.terminate()
            assert process.wait(30) == 0


def metrics(port: int) -> str:
    """What is shown, as soon as anything is."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with (
            suppress(urllib.error.URLError, ConnectionError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer,
        ):
            return str(answer.read().decode())
        time.sleep(0.1)
    raise AssertionError("nothing is shown")
