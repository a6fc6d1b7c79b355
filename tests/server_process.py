"""A server that a test starts on loopback: a process of its own, a temporary folder, ended by process id."""

import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

START_TRIES = 5
"""A port is free when it is chosen and may be taken when it is bound: then another is tried."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerError(Exception):
    """A server did not start, did not answer, or did not say in time what was waited for."""


class ServerProcess:
    """One server; a subclass says with what command it runs, and what it needs in its folder.

    Attributes
    ----------
    port : int
        Where it listens; 0 before it does.
    """

    name = "server"

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix=f"offmap-{self.name}-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.address}"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def log(self) -> str:
        """Return what it has written to its log."""
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """End the process and remove its folder; a second call does nothing."""
        self._end_process()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _command(self) -> list[str]:
        """Return what runs it on `port`."""
        raise NotImplementedError

    def _start(self) -> None:
        for _ in range(START_TRIES):
            self.port = free_port()
            with (self._folder / "log").open("ab") as log:
                # a session of its own, so that Ctrl-C in a terminal reaches whoever started it first
                self._process = subprocess.Popen(
                    self._command(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._folder,
                    start_new_session=True,
                )
            if self._becomes_ready(self._process):
                return
            self._end_process()
        raise ServerError(f"{self.name} does not start:\n{self.log()[-2000:]}")

    def _becomes_ready(self, process: subprocess.Popen[bytes], seconds: float = 60.0) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                    return bool(answer.status == 200)
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
