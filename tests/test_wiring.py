from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent import reload, supervisor, wiring, worker
from agent.assembly import build_pipeline
from agent.board import Board
from agent.config_file import ConfigFile
from agent.intake import Clocks
from agent.profile import read_profile, write_profile
from agent.sampling import HashSampler
from agent.server import MetricsServer, ServerError
from agent.supervisor import KnownError
from agent.worker import make_worker
from config import ConfigError, ServerSettings, load_server_settings, load_settings
from tests.fakes import ListSource
from tests.small import small_profile, small_settings


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def settings(tmp_path: Path, **sections: dict[str, Any]) -> Any:
    server = {"host": "127.0.0.1", "port": 0}
    return load_settings(None, small_settings(server=server, checkpoint={"path": str(tmp_path / "state")}, **sections))


class Written(ConfigFile):
    """A configuration that the test's own code gives."""

    def __init__(self, path: Path, load: Callable[[], Any]) -> None:
        super().__init__(path)
        self._load = load

    def load(self) -> Any:
        return self._load()


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every server that was started, in a hurry and on a free port where nothing says which."""
    found: list[Any] = []

    class Watched(MetricsServer):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.board: Board = arguments[0]
            found.append(self)

    monkeypatch.setattr(wiring, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(wiring, "MetricsServer", Watched)
    address = ServerSettings(host="127.0.0.1", port=0)
    monkeypatch.setattr(wiring, "load_server_settings", lambda _path: address)
    return found


def test_a_bad_config_is_waited_out_by_a_sidecar(
    tmp_path: Path, servers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    good, seen, ran = settings(tmp_path), [], []

    def load() -> Any:
        if servers:
            url = f"http://127.0.0.1:{servers[0].port}"
            with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
                seen.append(answer.read().decode())
        if len(seen) < 2:
            raise ConfigError(["kafka.topics: is missing"])
        return good

    monkeypatch.setattr(wiring, "run_agent", lambda *arguments, **options: ran.append((arguments, options)))
    file = Written(tmp_path, load)
    wiring.run_sidecar(file, restarts=2)
    assert 'offmap_down{reason="bad_config"} 1.0' in seen[0]
    assert "offmap_up 0.0" in seen[0]
    assert "offmap_config_last_reload_successful 0.0" in seen[0]
    assert ran == [((good,), {"stay_up": True, "file": file, "restarts": 2})]


@pytest.mark.usefixtures("servers")
def test_a_sidecar_with_a_bad_config_leaves_when_told(tmp_path: Path) -> None:
    loads: list[int] = []

    def load() -> Any:
        loads.append(1)
        if len(loads) == 2:
            os.kill(os.getpid(), signal.SIGHUP)  # asks for what it does anyway
        if len(loads) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        raise ConfigError(["kafka.topics: is missing"])

    wiring.run_sidecar(Written(tmp_path, load))
    assert len(loads) == 3


def test_a_sidecar_waits_for_a_port_that_is_taken(tmp_path: Path, servers: list[Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = {"host": "127.0.0.1", "port": other.getsockname()[1]}
        asked = load_settings(None, small_settings(server=taken, checkpoint={"path": str(tmp_path)}))
        with pytest.raises(ServerError):
            wiring.run_agent(asked, make_source=lambda *_: ListSource([]))
        threading.Timer(0.1, other.close).start()
        wiring.run_agent(asked, stay_up=True, make_source=lambda *_: ListSource([]), restarts=2)
    assert [server.port for server in servers] == [taken["port"]]
    assert servers[0].board.live()["offmap_worker_restarts"] == {(): 2.0}


@pytest.mark.parametrize("bad", [False, True], ids=["a port that is taken", "and a bad configuration"])
def test_a_sidecar_takes_another_port_that_it_is_given(
    bad: bool, tmp_path: Path, servers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "offmap.yaml"

    def write(port: int, **more: str) -> None:
        server = {"host": "127.0.0.1", "port": port}
        kafka = {"bootstrap_servers": ["127.0.0.1:9"], "topics": ["t"], **more}
        found = small_settings(server=server, kafka=kafka, checkpoint={"path": str(tmp_path / "state")})
        path.write_text(json.dumps(found))

    monkeypatch.setattr(wiring, "load_server_settings", load_server_settings)
    monkeypatch.setattr(wiring, "kafka_source", lambda *_: ListSource([]))
    with socket.create_server(("127.0.0.1", 0)) as other:
        write(other.getsockname()[1], **({"topic": "t"} if bad else {}))
        threading.Timer(0.3, write, (0,)).start()
        wiring.run_sidecar(ConfigFile(path))
    assert len(servers) == 1


class Beats(Board):
    """Counts the signs of life."""

    def __init__(self) -> None:
        super().__init__()
        self.n = 0

    def beat(self) -> None:
        self.n += 1


def test_who_waits_for_a_port_is_alive(servers: list[Any]) -> None:
    stop, board = threading.Event(), Beats()
    with socket.create_server(("127.0.0.1", 0)) as other:
        threading.Timer(0.2, stop.set).start()
        address = ServerSettings(host="127.0.0.1", port=other.getsockname()[1])
        with wiring._listening(board, address, stop, None, stay_up=True):
            assert not servers
    assert board.n > 0


def test_who_waits_for_a_configuration_is_alive(
    tmp_path: Path, servers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "Board", Beats)

    def load() -> Any:
        if servers and servers[0].board.n:
            os.kill(os.getpid(), signal.SIGTERM)
        raise ConfigError(["kafka.topics: is missing"])

    timer = threading.Timer(10, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    wiring.run_sidecar(Written(tmp_path, load))
    timer.cancel()
    assert servers[0].board.n > 0


@pytest.mark.parametrize("stay_up", [True, False])
def test_a_sidecar_is_watched(stay_up: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Board] = []

    @contextmanager
    def watched(board: Board) -> Iterator[None]:
        seen.append(board)
        yield

    monkeypatch.setattr(wiring, "watched", watched)
    wiring.run_agent(settings(tmp_path), stay_up=stay_up, make_source=lambda *_: ListSource([]))
    assert len(seen) == stay_up


def test_another_configuration_ends_the_waiting_for_a_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_WAIT_SECONDS", 60.0)
    monkeypatch.setattr(reload, "LOOK_SECONDS", 0.05)
    path = tmp_path / "offmap.yaml"

    def write(**profile: str) -> None:
        kafka = {"bootstrap_servers": ["127.0.0.1:9"], "topics": ["t"]}
        sections: Any = {"server": {"host": "127.0.0.1", "port": 0}, "kafka": kafka}
        found = small_settings(checkpoint={"path": str(tmp_path / "state")}, **sections)
        path.write_text(json.dumps(found | ({"profile": profile} if profile else {})))

    write(path="nowhere")
    threading.Timer(0.3, write).start()
    file, began = ConfigFile(path), time.monotonic()
    wiring.run_agent(file.load(), stay_up=True, make_source=lambda *_: ListSource([]), file=file)
    assert time.monotonic() - began < 30


def test_a_run_ends_with_its_source(tmp_path: Path) -> None:
    made: list[ListSource] = []

    def source(*_: Any) -> ListSource:
        made.append(ListSource([]))
        return made[-1]

    wiring.run_agent(settings(tmp_path), make_source=source)
    assert made[0].closed
    assert (tmp_path / "state").is_dir()


@pytest.mark.parametrize(
    ("sections", "reason", "message"),
    [
        ({"profile": {"path": "nowhere.offmap"}}, "bad_profile", "nowhere.offmap"),
        ({"profile": {"path": str(Path(__file__))}}, "bad_profile", "test_wiring.py"),
        ({"checkpoint": {"path": str(Path(__file__) / "below")}}, "bad_checkpoint_folder", "cannot be written"),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path: Path, sections: dict[str, Any], reason: str, message: str) -> None:
    base = small_settings(server={"host": "127.0.0.1", "port": 0}, checkpoint={"path": str(tmp_path)})
    with pytest.raises(KnownError, match=message) as caught:
        wiring.run_agent(load_settings(None, base | sections), make_source=lambda *_: ListSource([]))
    assert caught.value.reason == reason


@pytest.mark.parametrize("fails", [True, False])
def test_dead_letters_are_sent_off_before_a_worker_ends(
    fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    letters = SimpleNamespace(send=lambda *_: None, close=lambda: closed.append("closed"))
    monkeypatch.setattr(worker, "dead_letters", lambda *_: letters)

    def source(*_: Any) -> ListSource:
        if fails:
            raise RuntimeError
        return ListSource([])

    work = make_worker(settings(tmp_path), Board(), source, threading.Event())
    with pytest.raises(RuntimeError) if fails else nullcontext():
        work()
    assert closed == ["closed"]


def test_a_pinned_profile_must_be_that_one(tmp_path: Path) -> None:
    pinned = {"path": str(small_profile()), "fingerprint": "0" * 64}
    sections = {"server": {"host": "127.0.0.1", "port": 0}, "checkpoint": {"path": str(tmp_path)}}
    with pytest.raises(KnownError, match="fingerprint"):
        wiring.run_agent(load_settings(None, small_settings(**sections) | {"profile": pinned}))


@pytest.mark.parametrize(
    ("created", "shown"), [("2026-03-01T00:00:00+00:00", 1_772_323_200.0), ("once", None), (3, None)]
)
def test_the_profiles_age_is_shown_where_it_is_known(tmp_path: Path, created: object, shown: float | None) -> None:
    profile = replace(read_profile(small_profile()), manifest={"created": created})
    write_profile(tmp_path / "p.offmap", profile)
    board = Board()
    sections = {"checkpoint": {"path": str(tmp_path / "state")}, "embedding": {"threads": 1}}
    asked = {"profile": {"path": str(tmp_path / "p.offmap"), "max_age_days": 7}}
    make_worker(load_settings(None, asked | sections), board, lambda *_: ListSource([]), threading.Event())
    live = board.live()
    assert live["offmap_profile_max_age_seconds"] == {(): 604_800.0}
    assert live.get("offmap_profile_created_timestamp_seconds", {}).get(()) == shown


def test_other_limits_than_the_profile_s_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    asked = load_settings(None, small_settings() | {"embedding": {"max_prompt_chunks": 2, "threads": 1}})
    build_pipeline(asked, read_profile(small_profile()), Clocks(), HashSampler())
    assert "embedding.max_prompt_chunks is 2, the profile was fitted with 6" in caplog.text
