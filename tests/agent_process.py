"""The agent as production runs it, a process of its own, for the tests of the real thing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

from prometheus_client.parser import text_string_to_metric_families

from tests.server_process import free_port

Counters = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class AgentProcess:
    """`offmap run` with a config file; started again it goes on from its checkpoint."""

    def __init__(self, folder: Path, settings: dict[str, Any], *arguments: str) -> None:
        self.port = free_port()
        self.log = folder / "agent.log"
        self._config = folder / "offmap.yaml"
        self._arguments = arguments
        self._settings = {
            "server": {"host": "127.0.0.1", "port": self.port},
            "checkpoint": {"path": str(folder / "state")},
        }
        self.configure(settings)
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, settings: dict[str, Any]) -> None:
        """Put other settings over those there are; a running agent takes them up."""
        for section, values in settings.items():
            self._settings[section] = self._settings.get(section, {}) | values
        fresh = self._config.with_suffix(".new")
        fresh.write_text(json.dumps(self._settings))  # JSON is YAML
        fresh.replace(self._config)

    def start(self) -> Self:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "agent.cli", "run", "--config", str(self._config), *self._arguments]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def end(self, how: signal.Signals = signal.SIGTERM, timeout: float = 30.0) -> int:
        """Send a signal, and return the exit status."""
        assert self._process is not None
        self._process.send_signal(how)
        return self.wait(timeout)

    def wait(self, timeout: float = 30.0) -> int:
        assert self._process is not None
        return self._process.wait(timeout)

    def stop(self) -> None:
        """End it whatever it does; for fixtures."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def get(self, path: str, timeout: float = 5.0) -> tuple[int, str]:
        """Answer of the HTTP side; status 0 while nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0, ""

    def samples(self) -> Counters:
        """All offmap samples by name and sorted labels."""
        return parse_samples(self.get("/metrics")[1])

    def total(self, name: str, **labels: str) -> float:
        """Sum of the samples of one name that have these labels."""
        wanted = set(labels.items())
        return sum(value for (found, at), value in self.samples().items() if found == name and wanted <= set(at))

    def wait_until(self, condition: Any, seconds: float = 100.0) -> None:
        """Wait for `condition(self)`, or fail with the end of the log."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition(self):
                return
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s; the agent's log ends:\n{self.log.read_text()[-3000:]}")


def parse_samples(text: str) -> Counters:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("offmap_") and not sample.name.endswith("_created")
    }
