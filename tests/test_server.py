from __future__ import annotations

import http.client
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from agent import board as board_module
from agent.board import DOWN_REASONS, Board
from agent.metrics import render_openmetrics
from agent.server import MetricsServer, ServerError
from agent.tally import Exemplar, Histogram
from config import ServerSettings

SNAPSHOT = {
    "offmap_records": {("decoded",): 7.0, ("not_json",): 1.0},
    "offmap_p_value": {("prompt",): Histogram((1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 4, 0), 4.2)},
    "offmap_uncovered_share": {("prompt", "1h", "0.05"): 0.34},
}


@pytest.fixture
def board() -> Board:
    board = Board()
    board.snapshot = SNAPSHOT
    board.show("offmap_build", {("1.2.3",): 1.0})
    return board


@pytest.fixture
def server(board: Board) -> Iterator[MetricsServer]:
    server = MetricsServer(board, "127.0.0.1", 0)
    yield server
    server.close()


def get(server: MetricsServer, path: str, accept: str = "*/*", host: str = "127.0.0.1") -> tuple[int, str, str]:
    request = urllib.request.Request(f"http://{host}:{server.port}{path}", headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def test_openmetrics_shows_an_example_of_a_bucket_with_its_trace(board: Board, server: MetricsServer) -> None:
    shown = Histogram((1,) + 13 * (0,), 0.00003, {0: Exemplar("0af7651916cd43dd", 0.00003, 1_760_000_000.5)})
    board.snapshot = {"offmap_p_value": {("prompt",): shown}}
    opened = get(server, "/metrics", "application/openmetrics-text; version=1.0.0")[2]
    samples = [s for f in parse_openmetrics(opened) for s in f.samples if s.name == "offmap_p_value_bucket"]
    assert samples[0].exemplar is not None
    assert samples[0].exemplar.labels == {"trace_id": "0af7651916cd43dd"}
    assert [sample.exemplar for sample in samples[1:]] == [None] * 13
    assert "0af7651916cd43dd" not in get(server, "/metrics")[2]


def test_text_and_openmetrics_say_the_same(server: MetricsServer) -> None:
    _, kind, text = get(server, "/metrics")
    _, open_kind, opened = get(server, "/metrics", "application/openmetrics-text; version=1.0.0")
    assert kind.startswith("text/plain")
    assert open_kind.startswith("application/openmetrics-text")
    found = {s.name: s.value for family in parse_text(text) for s in family.samples if s.name.startswith("offmap_")}
    also = {s.name: s.value for f in parse_openmetrics(opened) for s in f.samples if s.name.startswith("offmap_")}
    assert found == also
    assert found["offmap_p_value_count"] == 7
    assert found["offmap_uncovered_share"] == 0.34
    assert found["offmap_build_info"] == 1
    assert "process_resident_memory_bytes" in text


def test_what_is_unknown_has_no_series(server: MetricsServer) -> None:
    _, _, text = get(server, "/metrics")
    assert "offmap_cells_hit" not in text
    assert "offmap_lag_records" not in text


def test_buckets_are_cumulative(server: MetricsServer) -> None:
    _, _, text = get(server, "/metrics")
    assert 'offmap_p_value_bucket{le="0.02",side="prompt"} 1.0' in text
    assert 'offmap_p_value_bucket{le="0.05",side="prompt"} 3.0' in text
    assert 'offmap_p_value_bucket{le="+Inf",side="prompt"} 7.0' in text


@pytest.mark.parametrize("reason", DOWN_REASONS)
def test_ready_follows_the_board_and_says_why_not(server: MetricsServer, board: Board, reason: str) -> None:
    board.up()
    assert get(server, "/readyz")[::2] == (200, "ready\n")
    assert "offmap_up 1.0" in get(server, "/metrics")[2]
    board.down(reason)
    assert get(server, "/readyz")[::2] == (503, f"{reason}\n")
    text = get(server, "/metrics")[2]
    assert "offmap_up 0.0" in text
    assert f'offmap_down{{reason="{reason}"}} 1.0' in text
    assert text.count("offmap_down{") == len(DOWN_REASONS)


def test_a_stuck_worker_fails_liveness(server: MetricsServer, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    assert get(server, "/livez")[::2] == (200, "alive\n")
    monkeypatch.setattr(board_module, "STUCK_AFTER_SECONDS", -1.0)
    assert get(server, "/livez")[::2] == (503, "stuck\n")
    monkeypatch.undo()
    board.beat()
    assert get(server, "/livez")[0] == 200


def test_other_paths_are_told_where_to_look(server: MetricsServer) -> None:
    assert get(server, "/")[::2] == (404, "try /metrics, /livez or /readyz\n")


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=rf"cannot listen on port {port} of 127\.0\.0\.1 .* set server\.port"):
            MetricsServer(Board(), "127.0.0.1", port)


def test_a_port_can_be_had_again_at_once(board: Board) -> None:
    """The side that closes a connection first keeps its address for a minute: a process started again would wait."""
    first = MetricsServer(board, "127.0.0.1", 0)
    with socket.create_connection(("127.0.0.1", first.port), timeout=5) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while client.recv(4096):
            pass
    first.close()
    MetricsServer(board, "127.0.0.1", first.port).close()


@pytest.mark.parametrize(("error", "logged"), [(BrokenPipeError(), 0), (KeyError("the patient's diagnosis"), 1)])
def test_a_request_that_fails_is_logged_unless_the_scraper_hung_up(
    error: Exception,
    logged: int,
    server: MetricsServer,
    board: Board,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fail() -> bool:
        raise error

    board.stuck = fail  # type: ignore[assignment]
    with pytest.raises(http.client.RemoteDisconnected):
        get(server, "/livez")
    assert [record.message for record in caplog.records] == logged * ["a request could not be answered"]
    assert "patient's" not in capfd.readouterr().err


def test_a_host_that_is_none_is_named() -> None:
    with pytest.raises(ServerError, match=r"of a\.\.b .* server\.port"):
        MetricsServer(Board(), "a..b", 0)


@pytest.mark.parametrize("ipv6", [True, False])
def test_it_is_scraped_over_whatever_addresses_a_cluster_has(
    ipv6: bool, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(_name: str = "") -> str:
        raise AssertionError("the DNS, which may not answer, is asked for this machine's name")

    monkeypatch.setattr(socket, "getfqdn", asked)
    if not ipv6:
        monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    server = MetricsServer(board, ServerSettings().host, 0)
    try:
        assert get(server, "/livez")[0] == 200
        if ipv6 and socket.has_dualstack_ipv6():
            assert get(server, "/livez", host="[::1]")[0] == 200
    finally:
        server.close()


def test_the_same_snapshot_gives_the_same_bytes() -> None:
    assert render_openmetrics(SNAPSHOT) == render_openmetrics(SNAPSHOT)
    assert render_openmetrics(SNAPSHOT).endswith(b"# EOF\n")


def test_live_counters_count() -> None:
    board = Board()
    board.count("offmap_checkpoint_loads", ("absent",))
    board.count("offmap_checkpoint_loads", ("absent",))
    board.count("offmap_checkpoint_failures")
    assert board.live()["offmap_checkpoint_loads"] == {("absent",): 2.0}
    assert board.live()["offmap_checkpoint_failures"] == {(): 1.0}
