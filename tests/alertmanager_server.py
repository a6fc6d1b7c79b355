"""A real Alertmanager on loopback, and the pager that it calls: a webhook that remembers what it was told."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from tests.agent_process import free_port

CONFIG = """\
route: {{receiver: pager, group_by: [alertname], group_wait: 0s, group_interval: 1s}}
receivers: [{{name: pager, webhook_configs: [{{url: "{url}"}}]}}]
"""

START_TRIES = 5


class AlertmanagerError(Exception):
    """Alertmanager did not start, or did not say in time what was waited for."""


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


class AlertmanagerServer:
    """An Alertmanager of its own, that calls its `webhook` at once; stopped by process id."""

    def __init__(self) -> None:
        self.webhook = Webhook()
        self._folder = Path(tempfile.mkdtemp(prefix="offmap-alertmanager-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""

    def __enter__(self) -> Self:
        (self._folder / "config.yml").write_text(CONFIG.format(url=self.webhook.url))
        for _ in range(START_TRIES):
            self._launch()
            if self._becomes_ready():
                return self
            self._end_process()
        log = (self._folder / "log").read_text()
        self.stop()
        raise AlertmanagerError(f"Alertmanager does not start:\n{log[-2000:]}")

    def __exit__(self, *error: object) -> None:
        self.stop()

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 30.0) -> dict[str, Any]:
        """Wait until the pager was told of an alert, and return it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := [alert for alert in self.webhook.alerts if wanted(alert)]:
                return found[0]
            time.sleep(0.1)
        raise AlertmanagerError(f"not told within {seconds:.0f} s; told was: {self.webhook.alerts}")

    def stop(self) -> None:
        self._end_process()
        self.webhook.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _launch(self) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        command = [
            "prometheus-alertmanager",
            f"--config.file={self._folder / 'config.yml'}",
            f"--storage.path={self._folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",  # alone
        ]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _becomes_ready(self, seconds: float = 60.0) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=5):
                    return True
            except (OSError, urllib.error.URLError):
                time.sleep(0.1)
        return False

    def _end_process(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process = None
