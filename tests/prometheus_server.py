"""A real Prometheus on loopback, scraping its targets every second, for tests and the demo."""

import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

START_TRIES = 5
"""A port is free when it is chosen and may be taken when it is bound: then another is tried."""

CONFIG = """\
global: {{scrape_interval: {interval}s, scrape_timeout: {interval}s, evaluation_interval: {interval}s}}
rule_files: {rules}
alerting: {{alertmanagers: [{{static_configs: [{{targets: {alertmanagers}}}]}}]}}
scrape_configs:
  - job_name: offmap
    static_configs: [{{targets: {targets}}}]
"""


class PrometheusError(Exception):
    """Prometheus did not start, did not answer, or did not see in time what was waited for."""


Series = dict[frozenset[tuple[str, str]], list[tuple[float, float]]]
"""The (time, value) points of each series, by its labels."""


class PrometheusServer:
    """A Prometheus of its own: temporary data folder, free port of 127.0.0.1, stopped by process id.

    Parameters
    ----------
    targets : str
        ``host:port`` of each whose ``/metrics`` is scraped.
    rules : sequence of Path
        Rule files to evaluate.
    scrape_interval : int
        Seconds between scrapes.
    alertmanagers : tuple of str
        ``host:port`` of each that is told of alerts.
    """

    def __init__(
        self,
        *targets: str,
        rules: tuple[Path, ...] = (),
        scrape_interval: int = 1,
        alertmanagers: tuple[str, ...] = (),
    ) -> None:
        self._targets = targets
        self._alertmanagers = alertmanagers
        self._rules = [str(path.resolve()) for path in rules]
        self._interval = scrape_interval
        self._folder = Path(tempfile.mkdtemp(prefix="offmap-prometheus-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _start(self) -> None:
        told = json.dumps(self._alertmanagers)
        lists = {"rules": json.dumps(self._rules), "targets": json.dumps(self._targets), "alertmanagers": told}
        settings = CONFIG.format(interval=self._interval, **lists)
        (self._folder / "prometheus.yml").write_text(settings, encoding="utf-8")
        for _ in range(START_TRIES):
            self.port = _free_port()
            self._process = self._launch()
            if self._becomes_ready():
                return
            self._end_process()
        raise PrometheusError(f"Prometheus does not start:\n{self.log()[-2000:]}")

    def _launch(self) -> subprocess.Popen[bytes]:
        command = [
            "prometheus",
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--storage.tsdb.retention.time=10y",  # a test may look back further than a fortnight
            "--enable-feature=exemplar-storage",
            "--log.level=warn",
        ]
        with (self._folder / "log").open("ab") as log:
            # a session of its own, so that Ctrl-C in a terminal reaches whoever started it first
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder, start_new_session=True
            )

    def _becomes_ready(self, seconds: float = 60.0) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                    return bool(answer.status == 200)
            except (OSError, urllib.error.URLError):
                time.sleep(0.1)
        return False

    def log(self) -> str:
        """Return what it has written to its log."""
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def api(self, path: str, **parameters: Any) -> Any:
        """Ask the HTTP API; return what stands under ``data``."""
        asked = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as problem:
            raise PrometheusError(f"{asked}: {problem.read().decode(errors='replace')}") from problem

    def query(self, promql: str, at: float | None = None) -> dict[frozenset[tuple[str, str]], float]:
        """Evaluate an instant query: the value of each series by its labels; empty where there is none."""
        data = self.api("query", query=promql, **({} if at is None else {"time": at}))
        if data["resultType"] == "scalar":
            return {frozenset(): float(data["result"][1])}
        return {frozenset(one["metric"].items()): float(one["value"][1]) for one in data["result"]}

    def value(self, promql: str, at: float | None = None) -> float | None:
        """Evaluate a query that gives one series or none (None)."""
        found = self.query(promql, at)
        if len(found) > 1:
            raise PrometheusError(f"{promql} gives {len(found)} series, not one")
        return next(iter(found.values()), None)

    def range(self, promql: str, start: float, end: float, step: float = 1.0) -> Series:
        """Evaluate a query at every step of a stretch of time."""
        return _series(self.api("query_range", query=promql, start=start, end=end, step=step))

    def raw(self, selector: str, seconds: int = 3600) -> Series:
        """Return every sample that was scraped in the last so many seconds, as it was scraped."""
        return _series(self.api("query", query=f"{selector}[{seconds}s]"))

    def wait_for(self, promql: str, seconds: float = 30.0) -> float:
        """Wait until a query has an answer (write a condition: ``x > 3``); return it.

        Raises
        ------
        PrometheusError
            If it has none in time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.query(promql)
            if found:
                return next(iter(found.values()))
            time.sleep(0.2)
        raise PrometheusError(f"{promql} has no answer after {seconds:.0f} s; targets: {self.targets()}")

    def targets(self) -> list[str]:
        """Return each target's health and last scrape error."""
        return [
            f"{one['scrapeUrl']}: {one['health']} {one['lastError']}" for one in self.api("targets")["activeTargets"]
        ]

    def stop(self) -> None:
        """End the process and remove its folder; a second call does nothing."""
        self._end_process()
        shutil.rmtree(self._folder, ignore_errors=True)

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


def check_metrics(exposition: str) -> list[str]:
    """Return what ``promtool check metrics`` has against a scrape in the text format (not OpenMetrics): [] is good."""
    command = ["promtool", "check", "metrics"]
    done = subprocess.run(command, input=exposition, capture_output=True, text=True, timeout=30, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    if done.returncode and not said:
        said = [f"promtool ends with {done.returncode}"]
    return said


def counter_steps_back(points: list[tuple[float, float]]) -> list[tuple[float, float, float]]:
    """Return where a scraped counter fell: (time, before, after).

    >>> counter_steps_back([(1.0, 5.0), (2.0, 7.0), (3.0, 6.0)])
    [(3.0, 7.0, 6.0)]
    """
    return [(when, before, after) for (_, before), (when, after) in pairwise(points) if after < before]


def _series(data: Any) -> Series:
    return {
        frozenset(one["metric"].items()): [(float(when), float(value)) for when, value in one["values"]]
        for one in data["result"]
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
