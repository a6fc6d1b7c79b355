"""What an expression asks for, held against what the agent exports."""

from __future__ import annotations

import re
from collections.abc import Iterator

import promql_parser

from agent.metric_table import BY_NAME

TARGET = {"namespace", "job", "instance", "le"}
"""What Prometheus puts beside the labels of the agent's own."""

VARIABLES = {"$__rate_interval": "1m", "$window": "1h", "$namespace": ".*", "$job": ".*", "$model": ".*"}
"""The dashboards' variables at their widest."""


def filled(expr: str) -> str:
    """Return an expression as Grafana sends it."""
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


def unknown(expr: str) -> list[str]:
    """Return the metrics and labels that an expression asks for and no agent exports.

    >>> unknown('offmap_nowhere + offmap_up{colour="red", job="a"} + offmap_texts_total{side="prompt"}')
    ['offmap_nowhere', 'offmap_up{colour}']
    """
    return [told for name, labels in _selectors(expr) for told in _missing(name, labels)]


def _missing(name: str, labels: set[str]) -> Iterator[str]:
    metric = BY_NAME.get(name) or BY_NAME.get(re.sub(r"_(total|info|bucket|sum|count)$", "", name))
    if metric is None:
        yield name
        return
    yield from (f"{name}{{{label}}}" for label in sorted(labels - TARGET - set(metric.labels)))


def _selectors(expr: str) -> Iterator[tuple[str, set[str]]]:
    promql_parser.parse(expr)  # raises for what is no PromQL
    for name, matchers in re.findall(r"\b(offmap_\w+)(?:\{([^}]*)\})?", expr):
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
