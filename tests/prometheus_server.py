"""A real Prometheus on loopback, scraping its targets every second, for tests and the demo."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.needs import require_program
from tests.server_process import ServerError, ServerProcess

CONFIG = """\
global: {{scrape_interval: {interval}s, scrape_timeout: {interval}s, evaluation_interval: {interval}s}}
rule_files: {rules}
alerting: {{alertmanagers: [{{static_configs: [{{targets: {alertmanagers}}}]}}]}}
scrape_configs:
  - job_name: offmap
    static_configs: [{{targets: {targets}}}]
"""


Series = dict[frozenset[tuple[str, str]], list[tuple[float, float]]]
"""The (time, value) points of each series, by its labels."""


class PrometheusServer(ServerProcess):
    """A Prometheus of its own.

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

    name = "prometheus"

    def __init__(
        self,
        *targets: str,
        rules: tuple[Path, ...] = (),
        scrape_interval: int = 1,
        alertmanagers: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self._targets = targets
        self._alertmanagers = alertmanagers
        self._rules = [str(path.resolve()) for path in rules]
        self._interval = scrape_interval

    def _command(self) -> list[str]:
        told = json.dumps(self._alertmanagers)
        lists = {"rules": json.dumps(self._rules), "targets": json.dumps(self._targets), "alertmanagers": told}
        settings = CONFIG.format(interval=self._interval, **lists)
        (self._folder / "prometheus.yml").write_text(settings, encoding="utf-8")
        return [
            "prometheus",
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--storage.tsdb.retention.time=10y",  # a test may look back further than a fortnight
            "--enable-feature=exemplar-storage",
            "--log.level=warn",
        ]

    def api(self, path: str, **parameters: Any) -> Any:
        """Ask the HTTP API; return what stands under ``data``."""
        asked = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as problem:
            raise ServerError(f"{asked}: {problem.read().decode(errors='replace')}") from problem

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
            raise ServerError(f"{promql} gives {len(found)} series, not one")
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
        ServerError
            If it has none in time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.query(promql)
            if found:
                return next(iter(found.values()))
            time.sleep(0.2)
        raise ServerError(f"{promql} has no answer after {seconds:.0f} s; targets: {self.targets()}")

    def targets(self) -> list[str]:
        """Return each target's health and last scrape error."""
        return [
            f"{one['scrapeUrl']}: {one['health']} {one['lastError']}" for one in self.api("targets")["activeTargets"]
        ]


def promtool(*arguments: str | Path) -> str:
    """Run it, and return what it says; an assertion that fails where it finds fault."""
    done = subprocess.run(
        [require_program("promtool", "install Prometheus (Debian: prometheus)"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


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
