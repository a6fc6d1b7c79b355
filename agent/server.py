"""The HTTP side: /metrics (text and OpenMetrics), /livez, /readyz. It reads the board, never waits for the worker."""

from __future__ import annotations

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

from prometheus_client.exposition import choose_encoder

from agent.metrics import registry_for

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from agent.board import Board


class ServerError(Exception):
    """The port cannot be had; the message says which setting to change."""


class MetricsServer:
    """Serves a board until closed.

    Parameters
    ----------
    board : Board
    host : str
        Address to listen on.
    port : int
        0 takes any free port.

    Attributes
    ----------
    port : int
        The port in use.

    Raises
    ------
    ServerError
        The address is taken or not ours.
    """

    def __init__(self, board: Board, host: str, port: int) -> None:
        handler = type("Handler", (_Handler,), {"board": board, "registry": registry_for(board)})
        try:
            self._server = ThreadingHTTPServer((host, port), handler)
        except OSError as error:
            raise ServerError(
                f"server: cannot listen on {host}:{port} ({error.strerror}); "
                "free the port or set server.port to another one"
            ) from error
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, name="offmap-http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    board: Board
    registry: CollectorRegistry
    protocol_version = "HTTP/1.1"
    timeout = 10  # a client that never finishes its request frees its thread

    def do_GET(self) -> None:
        path = self.path.split("?", 1)[0]
        if path == "/metrics":
            encoder, content_type = choose_encoder(self.headers.get("Accept", ""))
            self._answer(HTTPStatus.OK, encoder(self.registry), content_type)
        elif path == "/livez":
            stuck = self.board.stuck()
            self._say(HTTPStatus.SERVICE_UNAVAILABLE if stuck else HTTPStatus.OK, "stuck" if stuck else "alive")
        elif path == "/readyz":
            reason = self.board.reason
            self._say(HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK, reason or "ready")
        else:
            self._say(HTTPStatus.NOT_FOUND, "try /metrics, /livez or /readyz")

    def _say(self, status: HTTPStatus, text: str) -> None:
        self._answer(status, f"{text}\n".encode(), "text/plain; charset=utf-8")

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Stay silent: a scrape every few seconds is no news."""
