"""The files in the chart that are written from the tables in here."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.monitoring import detail, health, overview
from tests.monitoring.alert import grafana_rules, prometheus_rules
from tests.monitoring.alerts_agent import AGENT
from tests.monitoring.alerts_drift import DRIFT

FOLDER = Path(__file__).parents[2] / "helm/offmap/files"

GROUPS = {"offmap-drift": DRIFT, "offmap-agent": AGENT}

HEAD = "# Written by `make docs` from the tables in tests/monitoring: change it there.\n"


class _Dumper(yaml.SafeDumper):
    """Keeps the order, and writes what has several lines as it is."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _yaml(content: Any) -> str:
    return HEAD + yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


FILES: dict[str, Callable[[], str]] = {
    "alerts.yaml": lambda: _yaml(prometheus_rules(GROUPS)),
    "grafana-alerts.yaml": lambda: _yaml(grafana_rules(GROUPS)),
    "dashboards/offmap-map.json": lambda: _json(overview.build()),
    "dashboards/offmap-detail.json": lambda: _json(detail.build()),
    "dashboards/offmap-agent.json": lambda: _json(health.build()),
}
"""What each file is to hold, by its name."""
