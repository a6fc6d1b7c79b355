"""Panels and dashboards as the JSON that Grafana reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any, NamedTuple

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

SELECTED = 'namespace=~"$namespace", job=~"$job"'
"""What `@` stands for in a query's braces: what the variables at the top have selected."""

WIDTH = 24


class Query(NamedTuple):
    """An expression, in which `{@}` stands for the selected agents, and what its lines are called."""

    expr: str
    legend: str
    exemplar: bool = False


@dataclass(frozen=True)
class Panel:
    """One panel; `text` says in plain words what it shows, and what is normal."""

    title: str
    text: str
    queries: Sequence[Query]
    kind: str = "timeseries"
    size: tuple[int, int] = (8, 8)
    unit: str = "short"
    options: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    overrides: list[dict[str, Any]] = field(default_factory=list)
    transformations: list[dict[str, Any]] = field(default_factory=list)


def number(title: str, text: str, *queries: Query, unit: str = "short", size: tuple[int, int] = (6, 4)) -> Panel:
    """Make a panel of big numbers as they are at the end of the chosen time; what is not known then is not shown."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "auto",
        "textMode": "value_and_name",
        "colorMode": "none",
        "graphMode": "none",
        "justifyMode": "auto",
        "percentChangeColorMode": "standard",
        "showPercentChange": False,
        "wideLayout": True,
    }
    return Panel(title, text, queries, "stat", size, unit, options)


def lines(title: str, text: str, *queries: Query, unit: str = "short", size: tuple[int, int] = (8, 8)) -> Panel:
    """Make a panel of lines over time; those that are called `normal…` or `…at` are dashed: what to compare with."""
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    custom = {"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 5, "spanNulls": False}
    dashed = {
        "matcher": {"id": "byRegexp", "options": "/^(normal|pages at|warns at|limit)/"},
        "properties": [
            {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}},
            {"id": "custom.fillOpacity", "value": 0},
            {"id": "color", "value": {"mode": "fixed", "fixedColor": "text"}},
        ],
    }
    return Panel(title, text, queries, "timeseries", size, unit, options, custom, [dashed])


def table(
    title: str, text: str, by: str, columns: dict[str, str], *, size: tuple[int, int] = (12, 8), **units: str
) -> Panel:
    """Make a table of the newest values, a row for each set of the labels in `by`.

    `columns` are expressions by what they are called; one that is called nothing only says which rows there are.
    `units` are Grafana's, by column. Rows are those of all expressions that have the same labels: so each expression is
    taken `max by` these, which leaves out its metric's name too.
    """
    names = by.split(", ")
    queries = [Query(f"max by ({by}) ({expr})", "") for expr in columns.values()]
    # Grafana's names for values: with a letter where there are several
    values = [f"Value #{ref}" if len(queries) > 1 else "Value" for ref in ascii_uppercase[: len(queries)]]
    renamed = {name: name for name in names} | {
        value: name for value, name in zip(values, columns, strict=True) if name
    }
    shown = {"includeByName": dict.fromkeys(renamed, True), "renameByName": renamed}
    shown["indexByName"] = {name: i for i, name in enumerate(renamed)}
    steps = [{"id": "merge", "options": {}}, {"id": "organize", "options": shown}]
    options = {"showHeader": True, "cellHeight": "sm", "frameIndex": 0}
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}
    overrides = [
        {"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": units[key]}]}
        for name in columns
        if (key := name.replace(" ", "_")) in units
    ]
    return Panel(title, text, queries, "table", size, "short", options, custom, overrides, steps)


def dashboard(
    uid: str, title: str, text: str, variables: Iterable[dict[str, Any]], rows: Iterable[Iterable[Panel]]
) -> dict[str, Any]:
    """Return a dashboard: each row of panels from left to right, the next below it."""
    return {
        "uid": uid,
        "title": title,
        "description": text,
        "tags": ["offmap"],
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": 39,
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "timezone": "browser",
        "links": [_siblings()],
        "annotations": {"list": [_pages()]},
        "templating": {"list": list(variables)},
        "panels": _placed(rows),
    }


def _placed(rows: Iterable[Iterable[Panel]]) -> list[dict[str, Any]]:
    placed, y = [], 0
    for row in rows:
        x, height = 0, 0
        for panel in row:
            placed.append(_panel(panel, len(placed) + 1, x, y))
            x += panel.size[0]
            height = max(height, panel.size[1])
        if x > WIDTH:
            raise ValueError(f"a row is {x} wide, not {WIDTH}")
        y += height
    return placed


def _panel(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "noValue": "not known", "custom": panel.custom}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.size[0], "h": panel.size[1]},
        "targets": [_target(panel, ref, query) for ref, query in zip(ascii_uppercase, panel.queries, strict=False)],
        "transformations": panel.transformations,
        "options": panel.options,
        "fieldConfig": {"defaults": defaults, "overrides": panel.overrides},
    }


def _target(panel: Panel, ref: str, query: Query) -> dict[str, Any]:
    instant = panel.kind in {"table", "stat"}
    target = {
        "refId": ref,
        "datasource": DATASOURCE,
        "expr": query.expr.replace("@", SELECTED),
        "legendFormat": query.legend,
        "instant": instant,
        "range": not instant,
        "format": "table" if panel.kind == "table" else "time_series",
    }
    return target | ({"exemplar": True} if query.exemplar else {})


def chosen(name: str, label: str, query: str) -> dict[str, Any]:
    """Make a variable whose values Prometheus knows; all of them unless somebody chooses."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


VARIABLES = (
    {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1},
    chosen("namespace", "Namespace", "label_values(offmap_up, namespace)"),
    chosen("job", "Job", 'label_values(offmap_up{namespace=~"$namespace"}, job)'),
    {
        "name": "window",
        "label": "Shares over",
        "type": "interval",
        "query": "15m,1h,6h,1d,7d",
        "current": {"text": "1h", "value": "1h"},
    },
)


def _siblings() -> dict[str, Any]:
    return {
        "type": "dashboards",
        "title": "offmap",
        "tags": ["offmap"],
        "asDropdown": False,
        "icon": "external link",
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "",
        "url": "",
    }


def _pages() -> dict[str, Any]:
    """Mark the moments at which the pager paged."""
    return {
        "name": "Pages",
        "enable": True,
        "iconColor": "red",
        "datasource": DATASOURCE,
        "target": {
            "refId": "Pages",
            "expr": f"max by (job, side) (offmap_pager_alarm_timestamp_seconds{{{SELECTED}}}) * 1000",
            "legendFormat": "page",
        },
        "useValueForTime": "on",
        "titleFormat": "{{job}}",
        "textFormat": "more {{side}}s lie off the map than was accepted",
    }
