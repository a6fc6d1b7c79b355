from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib import request

import pytest

from agent import fetch as module
from agent.board import Board
from agent.fetch import PlaceError, UnreachableError, WrongFileError, fetch, forget_others, kept_at
from agent.supervisor import KnownError, PassingError
from agent.worker import make_worker
from config import ConfigError, load_settings
from tests.fakes import ListSource
from tests.small import small_profile, small_settings

CONTENT = b"a profile" * 100_000
SUM = hashlib.sha256(CONTENT).hexdigest()
SECRET = "signature-of-the-address"


class Web:
    """A server on loopback whose answers a test chooses, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.users: list[str | None] = []
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, CONTENT)
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.asked.append(self.path)
                web.users.append(self.headers["Authorization"])
                status, headers, body = web.answer if self.path != "/there" else (200, {}, CONTENT)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/shop.offmap?sig={SECRET}"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    found = Web()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def always() -> bool:
    return True


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_once_and_kept(web: Web, tmp_path: Path) -> None:
    place = fetch(web.url, SUM, tmp_path / "new" / "shop.offmap", always)
    assert place.read_bytes() == CONTENT
    assert left(tmp_path / "new") == [place.name]
    assert fetch(web.url, SUM, tmp_path / "new" / "shop.offmap", always) == place
    assert len(web.asked) == 1


def test_a_file_that_was_damaged_is_fetched_again(web: Web, tmp_path: Path) -> None:
    place = fetch(web.url, SUM, tmp_path / "shop.offmap", always)
    place.write_bytes(CONTENT[:-1])
    assert fetch(web.url, SUM, tmp_path / "shop.offmap", always).read_bytes() == CONTENT


def test_a_redirect_is_followed(web: Web, tmp_path: Path) -> None:
    web.answer = (302, {"Location": "/there"}, b"")
    assert fetch(web.url, SUM, tmp_path / "shop.offmap", always).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((404, {}, b""), UnreachableError, "HTTP status 404"),
        ((503, {}, b"not now"), UnreachableError, "HTTP status 503"),
        ((200, {"Content-Length": str(len(CONTENT) + 9)}, CONTENT), UnreachableError, "IncompleteRead|broke off"),
        ((200, {}, CONTENT[1:]), WrongFileError, "not profile.sha256"),
        ((302, {"Location": "file:///etc/hostname"}, b""), UnreachableError, "HTTP status 302"),
        ((302, {"Location": "ftp://127.0.0.1/shop"}, b""), UnreachableError, "away from http"),
    ],
)
def test_what_is_not_the_file_leaves_nothing_and_tells_no_secret(
    web: Web, tmp_path: Path, answer: Any, error: type[Exception], message: str
) -> None:
    web.answer = answer
    with pytest.raises(error, match=message) as caught:
        fetch(web.url, SUM, tmp_path / "shop.offmap", always)
    assert SECRET not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    assert left(tmp_path) == []


def test_no_server_no_file(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="ConnectionRefusedError"):
        fetch(f"http://127.0.0.1:9/{SECRET}", SUM, tmp_path / "shop.offmap", always)


def test_a_user_is_told_to_the_server_that_is_named_and_to_nobody_else(web: Web, tmp_path: Path) -> None:
    web.answer = (302, {"Location": "/there"}, b"")
    address = web.url.replace("http://", "http://me:p%40ss@")
    assert fetch(address, SUM, tmp_path / "shop.offmap", always).read_bytes() == CONTENT
    assert web.users == [f"Basic {base64.b64encode(b'me:p@ss').decode()}", None]


@pytest.mark.parametrize("address", [f"http://me:{SECRET}@127.0.0.1:9/shop", f"http://127.0.0.1:9?{SECRET}/shop"])
def test_a_secret_in_the_address_is_not_told(address: str, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"from 127\.0\.0\.1:9: ConnectionRefusedError") as caught:
        fetch(address, SUM, tmp_path / "shop.offmap", always)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("spoilt", ["a folder that is a file", "a full disk"])
def test_no_place_for_the_file_is_told(spoilt: str, web: Web, tmp_path: Path) -> None:
    """Of a disk that is full, what the file system answers is said by /dev/full."""
    path = tmp_path / "folder" / "shop.offmap"
    if spoilt == "a full disk":
        path.parent.mkdir()
        kept_at(path, SUM).with_name(f"{kept_at(path, SUM).name}.tmp").symlink_to("/dev/full")
    else:
        path.parent.touch()
    with pytest.raises(PlaceError, match=r"profile\.path: .*folder cannot hold .*(No space left|File exists)"):
        fetch(web.url, SUM, path, always)
    asked = asked_of(web, tmp_path, path=str(path), sha256=SUM)
    if spoilt != "a full disk":
        with pytest.raises(KnownError) as known:
            make_worker(asked, Board(), lambda *_: ListSource([]), threading.Event())
        assert known.value.reason == "bad_profile"


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.1)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with silent_server() as port, pytest.raises(UnreachableError, match="TimeoutError"):
        fetch(f"http://127.0.0.1:{port}/shop", SUM, tmp_path / "shop.offmap", always)


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_too_much_is_no_profile(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", len(CONTENT) - 1)
    with pytest.raises(WrongFileError, match="longer than 899,999 bytes"):
        fetch(web.url, SUM, tmp_path / "shop.offmap", always)
    assert left(tmp_path) == []
    monkeypatch.setattr(module, "MAX_BYTES", len(CONTENT))
    assert fetch(web.url, SUM, tmp_path / "shop.offmap", always).exists()


def test_the_file_is_on_the_disk_before_its_name_and_its_name_before_it_is_used(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(module.os, "fsync", lambda _file: done.append(*left(tmp_path)))
    monkeypatch.setattr(module, "sync_folder", lambda folder: done.append(*left(folder)))
    place = fetch(web.url, SUM, tmp_path / "shop.offmap", always)
    assert done == [f"{place.name}.tmp", place.name]


def test_a_proxy_is_gone_through(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", web.url.partition("/shop")[0])
    fetch("http://profiles.example/shop.offmap", SUM, tmp_path / "shop.offmap", always)
    assert web.asked == ["http://profiles.example/shop.offmap"]


def test_it_takes_no_longer_than_it_may(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOTAL_SECONDS", -1.0)
    with pytest.raises(UnreachableError, match="not there after"):
        fetch(web.url, SUM, tmp_path / "shop.offmap", always)


def test_who_is_told_to_stop_leaves_off(web: Web, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="left off"):
        fetch(web.url, SUM, tmp_path / "shop.offmap", lambda: False)
    assert left(tmp_path) == []


def test_https_is_not_left() -> None:
    asked = request.Request("https://profiles.example/shop")
    with pytest.raises(UnreachableError, match="away from http, or from https"):
        module._Redirect().redirect_request(asked, io.BytesIO(), 302, "", {}, "http://profiles.example/shop")


def test_what_was_fetched_before_can_go(tmp_path: Path) -> None:
    path = tmp_path / "shop.offmap"
    others = [kept_at(path, "0" * 64).name, f"{kept_at(path, '1' * 64).name}.tmp"]
    names = [kept_at(path, SUM).name, *others, "shop.offmap", "shop-other.offmap", "x.offmap"]
    for name in names:
        (tmp_path / name).touch()
    forget_others(path, SUM)
    assert left(tmp_path) == sorted(set(names) - set(others))


def asked_of(web: Web, tmp_path: Path, **profile: str) -> Any:
    own = {"path": str(tmp_path / "kept" / "shop.offmap"), "url": web.url} | profile
    sections = small_settings(checkpoint={"path": str(tmp_path / "state")}) | {"profile": own}
    return load_settings(None, sections, environ={})


def test_an_agent_works_with_what_it_fetched(web: Web, tmp_path: Path) -> None:
    content = small_profile().read_bytes()
    web.answer = (200, {}, content)
    asked = asked_of(web, tmp_path, sha256=hashlib.sha256(content).hexdigest())
    board, source, beats = Board(), ListSource([]), []
    board.beat = lambda: beats.append("fetching")  # type: ignore[method-assign]
    (tmp_path / "kept").mkdir()
    kept_at(tmp_path / "kept" / "shop.offmap", SUM).touch()
    work = make_worker(asked, board, lambda *_: source, threading.Event())
    assert beats, "liveness would fail while a large profile comes"
    work()
    assert source.closed
    assert "offmap_profile" in board.live()
    assert len(left(tmp_path / "kept")) == 1


def test_an_agent_says_why_it_has_no_profile(web: Web, tmp_path: Path) -> None:
    asked = asked_of(web, tmp_path, sha256=SUM)
    web.answer = (500, {}, b"")
    with pytest.raises(PassingError) as caught:
        make_worker(asked, Board(), lambda *_: ListSource([]), threading.Event())
    assert caught.value.reason == "profile_unreachable"
    web.answer = (200, {}, CONTENT[1:])
    with pytest.raises(KnownError) as refused:
        make_worker(asked, Board(), lambda *_: ListSource([]), threading.Event())
    assert refused.value.reason == "bad_profile"
    assert not isinstance(refused.value, PassingError)


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ({"url": f"file:///etc/{SECRET}", "sha256": SUM}, "profile.url: must be an address like"),
        ({"url": f"http://[::1/{SECRET}", "sha256": SUM}, "profile.url: must be an address like"),
        ({"url": f"http://host:port/{SECRET}", "sha256": SUM}, "profile.url: must be an address like"),
        ({"url": f"http://host?{SECRET}/", "sha256": SUM}, "profile.url: must be an address like"),
        ({"url": "https://profiles.example/shop"}, "profile.sha256: is missing"),
        ({"sha256": SUM}, "profile.sha256: has no use without profile.url"),
        ({"url": "https://profiles.example/shop", "sha256": "0"}, "profile.sha256"),
    ],
)
def test_an_address_needs_its_checksum(profile: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_settings(None, {"profile": {"path": "shop.offmap"} | profile}, environ={})
    assert SECRET not in str(caught.value)


def test_the_network_has_two_doors_out_and_one_in() -> None:
    root = Path(module.__file__).parent
    words = ("urllib import request", "urllib.request", "http.client", "import socket")
    doors = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in words)
    }
    assert doors == {"fetch.py", "schema_client.py", "server.py"}
