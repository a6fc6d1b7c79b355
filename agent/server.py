"""The HTTP side: /metrics (text and OpenMetrics), /livez, /readyz. It reads the board, never waits for the worker."""

from __future__ import annotations

import logging
import socket
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING

from prometheus_client.exposition import choose_encoder

from agent.metrics import registry_for

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from agent.board import Board

log = logging.getLogger(__name__)


class ServerError(Exception):
    """The port cannot be had; the message says which setting to change."""


class MetricsServer:
    """Serves a board until closed.

    Parameters
    ----------
    board : Board
    host : str
        Address to listen on; `::` takes IPv4 too, and that alone where there is no IPv6.
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
            self._server = _Server(host, port, handler)
        except (OSError, UnicodeError) as error:  # the latter for a host that cannot be a name
            raise ServerError(
                f"server: cannot listen on port {port} of {host} ({getattr(error, 'strerror', None) or error}); "
                "free the port or set server.port to another one"
            ) from error
        self.port: int = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, name="offmap-http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingMixIn, TCPServer):
    """The standard library's HTTP server would listen on IPv4 alone, and ask the DNS for this machine's name."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        if host == "::" and not socket.has_dualstack_ipv6():
            host = "0.0.0.0"  # noqa: S104
        (family, *_), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        self.address_family = family
        super().__init__((host, port), handler)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, request: object, client_address: object) -> None:
        """Be told of what failed: a scraper that hung up is no news, and all else goes where logs go."""
        del request, client_address
        error = sys.exception()
        if not isinstance(error, OSError):
            log.error("a request could not be answered", exc_info=error)


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
