"""One alert, and how Prometheus and Grafana want it said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from string import Formatter, ascii_uppercase
from typing import Any, Literal

RUNBOOK = "RUNBOOK.md"
"""Where the runbook lies: a page's address may be put before it."""

DATASOURCE = "prometheus"
"""Grafana's uid of the Prometheus that is asked; whoever provisions the file puts theirs in its place."""

WHERE = ("cluster", "namespace", "job")
"""What tells one group of agents from another: one Prometheus may see several."""


@dataclass(frozen=True)
class Alert:
    """One alert.

    Attributes
    ----------
    name : str
        A heading of the runbook, too.
    severity : {"page", "warning"}
        page: a person must act now. warning: a ticket.
    wait : str
        How long the expression must hold.
    expr : str
        PromQL.
    labels : tuple of str
        The labels that the expression leaves, by which numbers are looked up.
    summary, description : str
        `{value:FORMAT}` is the expression's value, `{LABEL}` a label, `{NAME:FORMAT}` one of the numbers. FORMAT is a
        printf verb without `%`, or one of the functions of Prometheus' templates. `{NAME:label=L}` is the number's
        label L instead of its value.
    numbers : mapping of str to str
        More PromQL for the texts. `{by}` stands for the alert's labels and `{same}` for their matchers, with more
        behind a comma where needed: `{same, side="prompt"}`; `{by_where}` and `{where}` for those of `WHERE` alone.
    on_error : {"KeepLast", "Error"}
        What Grafana does where its data source gives an error: nothing, or it says so.
    """

    name: str
    severity: Literal["page", "warning"]
    wait: str
    expr: str
    labels: tuple[str, ...]
    summary: str
    description: str
    numbers: Mapping[str, str] = field(default_factory=dict)
    on_error: Literal["KeepLast", "Error"] = "KeepLast"

    @property
    def runbook(self) -> str:
        """Where the runbook says what to do."""
        return f"{RUNBOOK}#{self.name.lower()}"


def prometheus_rules(groups: Mapping[str, tuple[Alert, ...]]) -> dict[str, Any]:
    """Return a rule file."""
    return {"groups": [{"name": name, "rules": [_rule(alert) for alert in alerts]} for name, alerts in groups.items()]}


def _rule(alert: Alert) -> dict[str, Any]:
    def number(name: str, form: str) -> str:
        # the matchers leave one of each
        asked = re.sub(r" by \(\{(by|by_where)\}\)|\{by\}, ", "", alert.numbers[name])
        arguments = [f"$labels.{label}" for which, _ in _MATCHERS.findall(asked) for label in _labels(alert, which)]
        query = " ".join(["printf", f"`{_MATCHERS.sub(lambda found: _matchers(alert, found), asked)}`", *arguments])
        label = form.removeprefix("label=")
        shown = f'label "{label}"' if label != form else f"value | {_shown(form)}"
        return f"{{{{ with {query} | query }}}}{{{{ . | first | {shown} }}}}{{{{ else }}}}unknown{{{{ end }}}}"

    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.wait,
        "labels": {"severity": alert.severity},
        "annotations": _annotations(alert, lambda form: f"{{{{ $value | {_shown(form)} }}}}", number),
    }


_MATCHERS = re.compile(r"\{(same|where)(, [^}]+)?\}")


def _labels(alert: Alert, which: str) -> tuple[str, ...]:
    return alert.labels if which == "same" else WHERE


def _matchers(alert: Alert, found: re.Match[str]) -> str:
    named = ",".join(f"{label}=%q" for label in _labels(alert, found[1]))
    return f"{{{named}{found[2] or ''}}}"


def grafana_rules(groups: Mapping[str, tuple[Alert, ...]]) -> dict[str, Any]:
    """Return a file of alerts for Grafana to provision: the same rules, evaluated by Grafana."""
    return {
        "apiVersion": 1,
        "groups": [
            {"orgId": 1, "name": name, "folder": "offmap", "interval": "1m", "rules": [_managed(a) for a in alerts]}
            for name, alerts in groups.items()
        ],
    }


def _managed(alert: Alert) -> dict[str, Any]:
    refs = dict(zip(alert.numbers, ascii_uppercase[1:], strict=False))

    def number(name: str, form: str) -> str:
        ref, label = refs[name], form.removeprefix("label=")
        # a value belongs to an alert where the labels of the one are among those of the other
        shown = f"Labels.{label}" if label != form else f"Value | {_shown(form)}"
        shown = f"{{{{ $values.{ref}.{shown} }}}}"
        return f'{{{{ if (index $values "{ref}").Labels }}}}{shown}{{{{ else }}}}unknown{{{{ end }}}}'

    queries = {"A": alert.expr}
    for name, ref in refs.items():
        asked = _MATCHERS.sub(lambda found: f"{{{found[2][2:]}}}" if found[2] else "", alert.numbers[name])
        queries[ref] = asked.replace("{by}", ", ".join(alert.labels)).replace("{by_where}", ", ".join(WHERE))
    # The expression gives a series only where it holds, and its value is never negative. No `$A`: a dollar in
    # a query's model stands for a variable of Grafana's environment.
    above = [{"evaluator": {"type": "gt", "params": [-1]}}]
    condition = {"refId": "Z", "type": "threshold", "expression": "A", "conditions": above}
    return {
        "uid": f"offmap-{alert.name.lower()}"[:40],
        "title": alert.name,
        "condition": "Z",
        "data": [*(_query(ref, expr) for ref, expr in queries.items()), _step("Z", "__expr__", condition)],
        "noDataState": "OK",
        "execErrState": alert.on_error,
        "for": alert.wait,
        "annotations": _annotations(alert, lambda form: f"{{{{ $values.A.Value | {_shown(form)} }}}}", number),
        "labels": {"severity": alert.severity},
    }


def _query(ref: str, expr: str) -> dict[str, Any]:
    return _step(ref, DATASOURCE, {"refId": ref, "expr": expr, "instant": True, "range": False})


def _step(ref: str, source: str, model: dict[str, Any]) -> dict[str, Any]:
    # of an instant query only the end counts
    return {"refId": ref, "relativeTimeRange": {"from": 600, "to": 0}, "datasourceUid": source, "model": model}


def _annotations(alert: Alert, value: Callable[[str], str], number: Callable[[str, str], str]) -> dict[str, str]:
    def filled(text: str) -> Iterator[str]:
        for before, name, form, _ in Formatter().parse(text):
            yield before
            if name == "value":
                yield value(form or "g")
            elif name in alert.numbers:
                yield number(name, form or "g")
            elif name in alert.labels:
                yield f"{{{{ $labels.{name} }}}}"
            elif name is not None:
                raise LookupError(f"{alert.name} has no {name}")

    texts = {"summary": alert.summary, "description": alert.description}
    return {key: "".join(filled(text)) for key, text in texts.items()} | {"runbook_url": alert.runbook}


def _shown(form: str) -> str:
    return form if form.startswith("humanize") else f'printf "%{form}"'
