from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent import config_file, reload, wiring
from agent.board import Board
from agent.config_file import ConfigFile
from agent.records import Batch, Partition, Record
from agent.reload import Reload
from agent.supervisor import KnownError, PassingError
from agent.tally import Snapshot
from config import ConfigError, Settings
from tests.fakes import ListSource
from tests.small import sentences, small_settings

MESSAGES = 400


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The file is looked at every time; the logging stays as it was."""
    monkeypatch.setattr(reload, "LOOK_SECONDS", 0.0)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


class Written:
    """A configuration in a file, as a ConfigMap lies there: a link to a folder that is put in place of another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._versions = 0
        self.path = folder / "offmap.yaml"
        self.path.symlink_to(folder / "..data" / "offmap.yaml")
        self.base = small_settings(
            kafka={"bootstrap_servers": ["127.0.0.1:9"], "topics": ["t"]},
            server={"host": "127.0.0.1", "port": 0},
            checkpoint={"path": str(folder / "state"), "interval_seconds": 0.01},
        )
        self.write()

    def write(self, **sections: dict[str, Any]) -> None:
        whole = self.base | {name: self.base.get(name, {}) | values for name, values in sections.items()}
        self.put(json.dumps(whole))

    def put(self, text: str) -> None:
        self._versions += 1
        version = self._folder / f"..{self._versions}"
        version.mkdir()
        (version / "offmap.yaml").write_text(text)
        link = self._folder / "..new"
        link.symlink_to(version)
        link.replace(self._folder / "..data")


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def records() -> list[Record]:
    bodies = [
        {"id": str(i), "time": 1_750_000_000 + i, "prompt": text} for i, text in enumerate(sentences(MESSAGES, seed=9))
    ]
    return [Record("t", 0, i, json.dumps(body).encode(), timestamp=1.0) for i, body in enumerate(bodies)]


class Happening(ListSource):
    """A list of records; before some polls something happens."""

    def __init__(self, happens: Mapping[int, Callable[[], None]], positions: Mapping[Partition, int]) -> None:
        super().__init__(records(), positions, size=40)
        self._happens = dict(happens)

    def poll(self) -> Batch:
        batch = super().poll()
        for offset in sorted(self._happens):
            if batch.records and batch.records[-1].offset >= offset:
                self._happens.pop(offset)()
        return batch


class Run:
    """`run_agent` on the records, in which something happens when they have come so far; what was to be seen."""

    def __init__(self, written: Written, happens: Mapping[int, Callable[[], None]], monkeypatch: Any) -> None:
        self.boards: list[Board] = []
        self.used: list[Settings] = []
        left = dict(happens)

        class Seen(Board):
            def __init__(board) -> None:  # noqa: N805 - `self` is the run
                super().__init__()
                self.boards.append(board)

        def source(settings: Settings, listener: Any) -> Happening:
            self.used.append(settings)
            due = {at: left.pop(at) for at in sorted(left)[:1]}
            return Happening(due, listener.assigned([("t", 0)]))

        monkeypatch.setattr(wiring, "Board", Seen)
        file = ConfigFile(written.path)
        wiring.run_agent(file.load(), make_source=source, file=file)
        assert not left

    @property
    def snapshot(self) -> Snapshot:
        return self.boards[-1].snapshot

    @property
    def successful(self) -> float:
        return float(str(self.boards[-1].live()["offmap_config_last_reload_successful"][()]))

    def counted(self) -> dict[str, Any]:
        names = ("offmap_records", "offmap_texts", "offmap_exchanges", "offmap_tokens", "offmap_p_value")
        return {name: str(self.snapshot[name]) for name in names}


@pytest.fixture
def run(written: Written, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    return lambda happens={}: Run(written, happens, monkeypatch)


@pytest.fixture
def straight(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a run counts in which nothing happens."""
    return Run(Written(tmp_path_factory.mktemp("straight")), {}, monkeypatch).counted()


def test_another_configuration_is_taken_up_and_nothing_is_lost_or_counted_twice(
    written: Written, run: Callable[..., Run], straight: dict[str, Any]
) -> None:
    seen = run(
        {
            50: lambda: written.write(windows={"lengths": ["2m", "1h"]}),
            170: lambda: written.write(windows={"lengths": ["2m"], "levels": [0.05]}, logging={"level": "error"}),
            290: lambda: written.write(regions={"max_regions": 4}, sampling={"min_fraction": 0.5}),
        }
    )
    assert [used.windows.lengths for used in seen.used[1:3]] == [(120.0, 3600.0), (120.0,)]
    assert seen.used[-1].regions.max_regions == 4
    assert seen.counted() == straight
    assert seen.successful == 1.0


REFUSED = {
    "not YAML": (lambda written: written.put("kafka: ["), "line 1, column"),
    "a day that does not exist": (
        lambda written: written.put("pager: {acknowledged: 2026-02-30}"),
        "is no timestamp",
    ),
    "an unknown key": (lambda written: written.write(kafka={"topic": "t"}), "kafka.topic: unknown key"),
    "nothing at all": (lambda written: written.path.unlink(), "cannot be read"),
    "another port": (lambda written: written.write(server={"port": 1}), "server.port: cannot be changed without a"),
    "a profile that is not there": (lambda written: written.write(profile={"path": "nowhere"}), "profile nowhere"),
    "a profile of another kind": (
        lambda written: written.write(profile={"fingerprint": "0" * 64}),
        "its fingerprint is",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_used_changes_nothing(
    what: str, written: Written, run: Callable[..., Run], straight: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, message = REFUSED[what]
    seen = run({200: lambda: spoil(written)})
    assert all(used == seen.used[0] for used in seen.used)
    assert seen.counted() == straight
    assert seen.successful == 0.0
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("server", "host", "::1"),
        ("server", "port", 1),
        ("checkpoint", "path", "elsewhere"),
        ("shutdown", "grace_seconds", 5),
    ],
)
def test_what_one_process_keeps_refuses_all_that_comes_with_it(
    section: str, key: str, value: object, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    file, board = ConfigFile(written.path), Board()
    watched = Reload(file.load(), file, threading.Event(), threading.Event(), board)
    written.write(**{section: {key: value}, "regions": {"max_regions": 4}})
    assert not watched.is_set()
    assert board.live()["offmap_config_last_reload_successful"] == {(): 0.0}
    assert f"{section}.{key}: cannot be changed without a restart" in capsys.readouterr().err


def test_after_a_bad_configuration_a_good_one_is_good_again(written: Written) -> None:
    file, board = ConfigFile(written.path), Board()
    watched = Reload(file.load(), file, threading.Event(), threading.Event(), board)
    taken_up = [when(board)]
    for put, successful in ((lambda: written.put("kafka: ["), 0.0), (written.write, 1.0)):
        put()
        assert not watched.is_set()  # the second is as it was at first: nothing to build
        assert board.live()["offmap_config_last_reload_successful"] == {(): successful}
        taken_up.append(when(board))
    assert taken_up[0] == taken_up[1] < taken_up[2] < time.time()


def when(board: Board) -> float:
    return float(str(board.live()["offmap_config_last_reload_success_timestamp_seconds"][()]))


def test_a_fault_of_our_own_refuses_a_configuration_and_does_not_end_the_work(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise KeyError("the patient's diagnosis")

    monkeypatch.setattr(config_file, "load_settings", fail)
    with pytest.raises(ConfigError, match=r"the agent fails with it \(KeyError\)$"):
        ConfigFile(written.path).load()


def test_sighup_builds_anew_with_the_same_configuration(run: Callable[..., Run], straight: dict[str, Any]) -> None:
    seen = run({200: lambda: os.kill(os.getpid(), signal.SIGHUP)})
    assert len(seen.used) == 2
    assert seen.used[0] == seen.used[1]
    assert seen.counted() == straight


def test_the_file_is_not_read_at_every_turn(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "LOOK_SECONDS", 60.0)
    file = ConfigFile(written.path)
    watched = Reload(file.load(), file, threading.Event(), threading.Event(), Board())
    assert not watched.is_set()
    written.write(regions={"max_regions": 4})
    assert not watched.is_set()


def test_waiting_for_a_profile_ends_when_another_is_named(written: Written) -> None:
    """With a configuration that was right at first, and whose profile then went."""
    good = written.base["profile"]["path"]
    written.base["profile"] = {"path": "nowhere"}
    written.write()
    file = ConfigFile(written.path)
    watched = Reload(file.load(), file, threading.Event(), threading.Event(), Board())
    threading.Timer(0.1, lambda: written.write(profile={"path": good})).start()
    assert watched.wait(30.0)
    assert watched.pending


SUMS = {"first": "a" * 64, "second": "b" * 64}


class Fetching:
    """A profile that comes from far away, when the test says so or not at all; and who asked for it."""

    def __init__(self, written: Written) -> None:
        self.asked: list[str | None] = []
        self.there = threading.Event()
        self.error: Exception | None = None
        self.gave_up = threading.Event()
        self.board = Board()
        self.stop = threading.Event()
        file = ConfigFile(written.path)
        self.reload = Reload(file.load(), file, self.stop, threading.Event(), self.board, self._prepare)

    def _prepare(self, settings: Settings, going_on: Callable[[], bool]) -> None:
        self.asked.append(settings.profile.sha256)
        while not self.there.wait(0.01):
            if not going_on():
                self.gave_up.set()
                return
        self.there.clear()
        if self.error is not None:
            raise self.error

    def ends(self) -> bool:
        """Whether the worker is told to end; waits for the thread that fetches."""
        ahead = self.reload._ahead
        if ahead is not None:
            ahead.join(10)
        return self.reload.is_set()

    @property
    def successful(self) -> float:
        return float(str(self.board.live()["offmap_config_last_reload_successful"][()]))


def far(sha256: str) -> dict[str, str]:
    return {"url": "http://127.0.0.1:9/shop.offmap", "sha256": sha256, "path": "kept.offmap"}


def test_the_work_goes_on_until_the_profile_of_another_configuration_is_there(written: Written) -> None:
    fetching = Fetching(written)
    written.write(profile=far(SUMS["first"]))
    assert not fetching.reload.is_set()
    assert not fetching.reload.is_set()
    fetching.there.set()
    assert fetching.ends()
    assert fetching.asked == [SUMS["first"]]
    assert fetching.reload.build(lambda settings: settings.profile.sha256) == SUMS["first"]
    written.write(profile=far(SUMS["first"]), regions={"max_regions": 4})
    assert fetching.reload.is_set(), "it is there already"
    assert fetching.asked == [SUMS["first"]]
    fetching.reload.build(lambda _settings: None)
    written.write(profile=far(SUMS["second"]))
    assert not fetching.reload.is_set()
    fetching.there.set()
    assert fetching.ends()
    assert fetching.asked == list(SUMS.values())


def test_a_profile_that_does_not_come_is_tried_again_and_the_work_goes_on(written: Written) -> None:
    fetching = Fetching(written)
    fetching.error = PassingError("profile_unreachable", "no answer")
    fetching.there.set()
    written.write(profile=far(SUMS["first"]))
    assert not fetching.reload.is_set()
    assert not fetching.ends()
    assert fetching.successful == 0.0
    fetching.error = None
    assert not fetching.ends()
    assert len(fetching.asked) == 1
    fetching.reload._look_at -= reload.AGAIN_SECONDS
    assert not fetching.reload.is_set()
    fetching.there.set()
    assert fetching.ends()
    assert fetching.asked == 2 * [SUMS["first"]]


@pytest.mark.parametrize("error", [KnownError("bad_profile", "another file"), ValueError("the patient's diagnosis")])
def test_a_profile_that_is_another_file_is_refused_once(
    error: Exception, written: Written, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reload, "AGAIN_SECONDS", 0.0)
    fetching = Fetching(written)
    fetching.error = error
    fetching.there.set()
    written.write(profile=far(SUMS["first"]))
    assert not fetching.reload.is_set()
    assert not fetching.ends()
    assert not fetching.ends()
    assert len(fetching.asked) == 1
    assert fetching.successful == 0.0
    assert "patient's" not in capsys.readouterr().err


def test_what_no_configuration_asks_for_any_more_is_not_fetched(written: Written) -> None:
    fetching = Fetching(written)
    written.write(profile=far(SUMS["first"]))
    assert not fetching.reload.is_set()
    written.write(profile=far(SUMS["second"]))
    assert fetching.gave_up.wait(10)
    assert not fetching.ends()
    fetching.there.set()
    assert fetching.ends()
    assert fetching.asked == list(SUMS.values())


def test_a_stop_ends_fetching(written: Written) -> None:
    fetching = Fetching(written)
    written.write(profile=far(SUMS["first"]))
    assert not fetching.reload.is_set()
    fetching.stop.set()
    assert fetching.gave_up.wait(10)


def test_the_agent_fetches_ahead(
    written: Written, run: Callable[..., Run], straight: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def fetch(settings: Settings, _going_on: Callable[[], bool]) -> None:
        asked.append(settings.profile.sha256)
        raise KnownError("bad_profile", "another file")

    monkeypatch.setattr(wiring, "fetch_profile", fetch)
    seen = run({50: lambda: written.write(profile=far(SUMS["first"]))})
    assert asked == [SUMS["first"]]
    assert len(seen.used) == 1
    assert seen.counted() == straight


def test_a_stop_is_a_stop(written: Written) -> None:
    stop = threading.Event()
    watched = Reload(ConfigFile(written.path).load(), None, stop, threading.Event(), Board())
    assert not watched.wait(0.0)
    stop.set()
    assert watched.is_set()
    assert not watched.pending


def test_what_fails_without_another_configuration_is_the_supervisors(written: Written) -> None:
    watched = Reload(ConfigFile(written.path).load(), None, threading.Event(), threading.Event(), Board())

    def make(_settings: Settings) -> None:
        raise KnownError("bad_profile", "gone")

    with pytest.raises(KnownError):
        watched.build(make)
    assert watched._board.live()["offmap_config_last_reload_successful"] == {(): 1.0}


def test_a_crash_with_the_new_configuration_tells_no_text(written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    file = ConfigFile(written.path)
    watched = Reload(file.load(), file, threading.Event(), threading.Event(), Board())
    written.write(regions={"max_regions": 4})
    assert watched.is_set()

    def make(settings: Settings) -> int:
        if settings.regions.max_regions == 4:
            raise ValueError("the patient" + "'s diagnosis")
        return settings.regions.max_regions

    assert watched.build(make) == 16
    assert not watched.pending
    told = capsys.readouterr().err
    assert "refused" in told
    assert "patient's" not in told
