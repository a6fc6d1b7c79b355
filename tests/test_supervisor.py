from __future__ import annotations

import json
import logging
from threading import Event
from types import SimpleNamespace

import pytest

from agent import supervisor
from agent.board import Board
from agent.logs import set_up_logging
from agent.supervisor import KnownError, PassingError, supervise

SECRET = "the patient's diagnosis"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_WAIT_SECONDS", 0.001)


def failing(times: int, error: Exception) -> tuple[list[str], object]:
    seen: list[str] = []

    def work() -> None:
        seen.append("start")
        if len(seen) <= times:
            raise error

    return seen, work


def test_a_crashed_worker_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    board = Board()
    seen, work = failing(3, RuntimeError(SECRET))
    supervise(work, board, Event(), stay_up=False)
    assert len(seen) == 4
    assert board.live()["offmap_worker_restarts"] == {(): 3.0}
    assert board.reason == "stopped"


def test_a_known_error_at_first_is_told_to_the_user() -> None:
    seen, work = failing(9, KnownError("bad_profile", "no such file"))
    with pytest.raises(KnownError, match="no such file"):
        supervise(work, Board(), Event(), stay_up=False)
    assert len(seen) == 1


def test_a_sidecar_stays_up_and_says_why() -> None:
    board = Board()
    reasons = []

    def work() -> None:
        reasons.append(board.reason)
        if len(reasons) < 3:
            raise KnownError("bad_profile", "no such file")

    supervise(work, board, Event(), stay_up=True)
    assert reasons == ["starting", "bad_profile", "bad_profile"]


def test_what_may_pass_is_waited_out_by_everybody() -> None:
    seen, work = failing(2, PassingError("profile_unreachable", "no answer"))
    board = Board()
    supervise(work, board, Event(), stay_up=False)
    assert len(seen) == 3
    assert "offmap_worker_restarts" not in board.live(), "waiting is no crash"


def test_it_waits_ever_longer_and_after_a_time_that_went_well_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, waits, seen = [0.0], [], []
    monkeypatch.setattr(supervisor, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(supervisor, "FIRST_WAIT_SECONDS", 1.0)

    def work() -> None:
        seen.append("start")
        clock[0] += 61.0 if len(seen) == 9 else 1.0
        if len(seen) <= 9:
            raise RuntimeError

    supervise(work, Board(), Event(), stay_up=False, pause=waits.append)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 1]


def test_a_crash_is_shown_and_gives_a_sign_of_life() -> None:
    beats, reasons = [], []

    class Beating(Board):
        def beat(self) -> None:
            beats.append(self.reason)

    board = Beating()
    board.up()

    def work() -> None:
        reasons.append(board.reason)
        if len(reasons) < 3:
            raise RuntimeError

    supervise(work, board, Event(), stay_up=False)
    assert reasons == [None, "crashed", "crashed"]
    assert beats == ["crashed", "crashed"]


def test_stop_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_WAIT_SECONDS", 30.0)
    stop = Event()

    def work() -> None:
        stop.set()
        raise RuntimeError

    supervise(work, Board(), stop, stay_up=True)


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_exception_is_logged_without_its_message(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        set_up_logging("info", form)
        _, work = failing(1, ValueError(SECRET))
        supervise(work, Board(), Event(), stay_up=True)
        written = capsys.readouterr().err
    finally:
        root.handlers[:], root.level = before
    assert SECRET not in written
    assert "ValueError" in written
    assert "test_supervisor.py" in written
    if form == "json":
        assert json.loads(written.splitlines()[0])["level"] == "error"
