"""What an expression asks for, held against what the agent exports."""

from __future__ import annotations

import re
from collections.abc import Iterator

import promql_parser

from agent.board import DOWN_REASONS
from agent.metric_row import BANDS, P_VALUE_EDGES
from agent.metric_table import BY_NAME
from agent.outcome_kinds import OUTCOMES
from agent.payloads.reasons import REASONS
from config import WindowSettings
from detectors.collapse import METRICS

TARGET = {"cluster", "namespace", "job", "instance", "pod", "le"}
"""What Prometheus puts beside the labels of the agent's own."""

_KNOWN = {
    ("offmap_records", "outcome"): {"decoded", *REASONS},
    ("offmap_joins", "outcome"): {"joined", "unmatched", "expired", "late", "duplicate"},
    ("offmap_canary_verdicts", "outcome"): {"passed", "failed"},
    ("offmap_dead_letters", "outcome"): {"sent", "failed"},
    ("offmap_collapse_alarm", "metric"): set(METRICS) - {"verbatim"},
}
_KNOWN_EVERYWHERE = {
    "band": {f"{band:g}" for band in BANDS},
    "cells": {"rare", "common"},
    "canary": {"loop", "empty", "recycled", "irrelevant", "planted", "any"},
    "family": {"same", "other", "unknown"},
    "kind": {kind.name.lower() for kind in OUTCOMES},
    "le": {f"{edge:g}" for edge in P_VALUE_EDGES},
    "level": {f"{level:g}" for level in WindowSettings().levels},
    "metric": set(METRICS),
    "reason": set(DOWN_REASONS),
    "reference": {"training", "production", "baseline", "slice_baseline", "tolerated"},
    "side": {"prompt", "response", "style"},
    "status": {"scored", "sampled_out", "empty", "absent", "off"},
    "synthetic": {"0.3", "0.7", "1"},
}
"""Every value that the agent gives a label."""

VARIABLES = {
    "$__rate_interval": "1m",
    "$__range": "1h",
    "$window": "1h",
    "$namespace": ".*",
    "$job": ".*",
    "$model": ".*",
}
"""The dashboards' variables at their widest."""


def filled(expr: str) -> str:
    """Return an expression as Grafana sends it."""
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


def unknown(expr: str) -> list[str]:
    """Return the metrics, labels and values of labels that an expression asks for and no agent exports.

    >>> unknown('offmap_nowhere + offmap_up{colour="red", job="a"} + offmap_texts_total{side=~"prompt|left"}')
    ['offmap_nowhere', 'offmap_up{colour}', 'offmap_texts_total{side="left"}']
    """
    promql_parser.parse(expr)  # raises for what is no PromQL
    return unheard(expr)


def unheard(text: str) -> list[str]:
    """Return the same of any text that names metrics; `offmap_shares_…` stands for several."""
    named = re.findall(r"\b(offmap_\w+)(?!\w*[*…])(?:\{([^}]*)\})?", text)
    return [told for name, matchers in named if not name.endswith("_") for told in _missing(name, matchers)]


def _missing(name: str, matchers: str) -> Iterator[str]:
    metric = BY_NAME.get(name) or BY_NAME.get(re.sub(r"_(total|info|bucket|sum|count)$", "", name))
    if metric is None:
        yield name
        return
    for label, value in re.findall(r'(\w+)\s*(?:(?:=~|!~|!=|=)\s*"([^"]*)")?', matchers):
        if label not in TARGET and label not in metric.labels:
            yield f"{name}{{{label}}}"
            continue
        known = _KNOWN.get((metric.name, label)) or _KNOWN_EVERYWHERE.get(label)
        asked = value.split("|") if value.strip("…") not in {"", ".*"} else []
        yield from (f'{name}{{{label}="{one}"}}' for one in asked if known is not None and one not in known)
