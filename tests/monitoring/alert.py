"""One alert, and how Prometheus and Grafana want it said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from string import Formatter, ascii_uppercase
from typing import Any, Literal

RUNBOOK = "RUNBOOK.md"
"""Where the runbook lies: a page's address may be put before it."""

DATASOURCE = "prometheus"
"""Grafana's uid of the Prometheus that is asked; whoever provisions the file puts theirs in its place."""


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
        More PromQL for the texts: `{by}` stands for the labels, `{same}` for the matchers of this alert's labels.
    """

    name: str
    severity: Literal["page", "warning"]
    wait: str
    expr: str
    labels: tuple[str, ...]
    summary: str
    description: str
    numbers: Mapping[str, str] = field(default_factory=dict)

    @property
    def runbook(self) -> str:
        """Where the runbook says what to do."""
        return f"{RUNBOOK}#{self.name.lower()}"


def prometheus_rules(groups: Mapping[str, tuple[Alert, ...]]) -> dict[str, Any]:
    """Return a rule file."""
    return {"groups": [{"name": name, "rules": [_rule(alert) for alert in alerts]} for name, alerts in groups.items()]}


def _rule(alert: Alert) -> dict[str, Any]:
    def number(name: str, form: str) -> str:
        matchers = "{" + ",".join(f"{label}=%q" for label in alert.labels) + "}"
        asked = alert.numbers[name].replace(" by ({by})", "").replace("{by}, ", "")  # the matchers leave one of each
        arguments = [f"$labels.{label}" for label in alert.labels] * asked.count("{same}")
        query = " ".join(["printf", f"`{asked.replace('{same}', matchers)}`", *arguments])
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
        if form.startswith("label="):  # values go by the labels that they share with the alert: this one has one more
            return "(see its series)"
        ref = refs[name]
        shown = f"{{{{ $values.{ref}.Value | {_shown(form)} }}}}"
        return f'{{{{ if (index $values "{ref}").Labels }}}}{shown}{{{{ else }}}}unknown{{{{ end }}}}'

    queries = {"A": alert.expr}
    for name, ref in refs.items():
        queries[ref] = alert.numbers[name].replace("{same}", "").replace("{by}", ", ".join(alert.labels))
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
        "execErrState": "Error",
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
