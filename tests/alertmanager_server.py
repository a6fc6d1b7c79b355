"""A real Alertmanager on loopback, and the pager that it calls: a webhook that remembers what it was told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.server_process import ServerError, ServerProcess

CONFIG = """\
route: {{receiver: pager, group_by: [alertname], group_wait: 0s, group_interval: 1s}}
receivers: [{{name: pager, webhook_configs: [{{url: "{url}"}}]}}]
"""


class Webhook:
    """Takes notifications on a free port of 127.0.0.1."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        told = self.alerts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told.extend(json.loads(body)["alerts"])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class AlertmanagerServer(ServerProcess):
    """An Alertmanager of its own, that calls its `webhook` at once."""

    name = "alertmanager"

    def __init__(self) -> None:
        super().__init__()
        self.webhook = Webhook()

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 30.0) -> dict[str, Any]:
        """Wait until the pager was told of an alert, and return it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := [alert for alert in self.webhook.alerts if wanted(alert)]:
                return found[0]
            time.sleep(0.1)
        raise ServerError(f"not told within {seconds:.0f} s; told was: {self.webhook.alerts}")

    def stop(self) -> None:
        """End the process, remove its folder, and listen no more."""
        super().stop()
        self.webhook.close()

    def _command(self) -> list[str]:
        (self._folder / "config.yml").write_text(CONFIG.format(url=self.webhook.url))
        return [
            "prometheus-alertmanager",
            f"--config.file={self._folder / 'config.yml'}",
            f"--storage.path={self._folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",  # alone
        ]
