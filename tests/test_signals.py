from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from agent.signals import stopped_by_signals

NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture
def forced(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Set where the process would be ended by force; the handlers are those of before in any case."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    found = threading.Event()
    monkeypatch.setattr(os, "_exit", lambda _status: found.set())
    yield found
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_does_not_leave_in_time_is_made_to(number: signal.Signals, forced: threading.Event) -> None:
    with stopped_by_signals(0.05) as stop:
        assert not stop.wait(0.1)
        assert not forced.is_set()
        os.kill(os.getpid(), number)
        assert stop.wait(5)
        assert forced.wait(5)


def test_who_leaves_in_time_is_let_be(forced: threading.Event) -> None:
    with stopped_by_signals(0.2):
        os.kill(os.getpid(), signal.SIGTERM)
    assert not forced.wait(0.4)


def test_to_be_told_twice_is_to_be_told(forced: threading.Event) -> None:
    with stopped_by_signals(30.0) as stop:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
        assert stop.is_set()
    assert not forced.is_set()


def test_a_hangup_is_no_stop_and_everything_is_as_it_was_afterwards(forced: threading.Event) -> None:
    hangup, before = threading.Event(), [signal.getsignal(number) for number in NUMBERS]
    with stopped_by_signals(30.0, hangup) as stop:
        os.kill(os.getpid(), signal.SIGHUP)
        assert hangup.wait(5)
        assert not stop.is_set()
    assert [signal.getsignal(number) for number in NUMBERS] == before
    assert not forced.is_set()
