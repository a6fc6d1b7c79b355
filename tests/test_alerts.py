"""The alerts: right by Prometheus' own tests, said in the runbook, made of metrics that exist, the same for Grafana."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.payloads.reasons import REASONS
from config import load_settings
from tests.monitoring.alert import WHERE, Alert
from tests.monitoring.alerts_agent import ABSENT, NO_TRAFFIC, UNREAD
from tests.monitoring.asked import unheard, unknown
from tests.monitoring.files import FILES, FOLDER, GROUPS
from tests.prometheus_server import promtool

ROOT = Path(__file__).parents[1]
PROMTOOL = sorted((ROOT / "tests/promtool").glob("*.yaml"))
ALERTS = [alert for alerts in GROUPS.values() for alert in alerts]
RUNBOOK = (ROOT / "RUNBOOK.md").read_text("utf-8")


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_what_the_tables_say(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == FILES[name](), "run `make docs`"


@pytest.mark.prometheus
def test_prometheus_takes_the_rules() -> None:
    assert f"{len(ALERTS)} rules found" in promtool(
        "check", "rules", "--lint=all", "--lint-fatal", FOLDER / "alerts.yaml"
    )


@pytest.mark.prometheus
@pytest.mark.parametrize("path", PROMTOOL, ids=lambda path: path.stem)
def test_each_alert_fires_on_its_case_and_on_no_harmless_one(path: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", path)


def test_each_alert_has_a_case_and_a_harmless_one() -> None:
    fires: dict[str, set[bool]] = {}
    for path in PROMTOOL:
        for case in yaml.safe_load(path.read_text("utf-8"))["tests"]:
            for looked in case["alert_rule_test"]:
                fires.setdefault(looked["alertname"], set()).add(bool(looked["exp_alerts"]))
    assert fires == {alert.name: {True, False} for alert in ALERTS}


KEPT = {
    "OffmapNovelty": {"side": "prompt", "reference": "baseline"},
    "OffmapStyle": {"side": "style", "reference": "baseline"},
    "OffmapSliceNovelty": {"slice": "gpt", "reference": "baseline"},
    "OffmapMixChanged": {"side": "prompt", "reference": "baseline"},
    "OffmapJudgeMirror": {},
    "OffmapAnswersNarrow": {"metric": "tail"},
    "OffmapEcho": {"metric": "echo"},
    "OffmapRecycled": {"metric": "recycled"},
}
"""Alerts on what an agent says from some moment on, and the labels of one that does."""


@pytest.mark.prometheus
def test_any_agent_s_alarm_is_the_service_s_and_stays_through_a_scrape_gap(tmp_path: Path) -> None:
    series, expected = [{"series": 'offmap_collapse_baseline{job="OffmapAnswersNarrow"}', "values": "1x30"}], []
    for alert in (alert for alert in ALERTS if alert.name in KEPT):
        name = re.search(r"max_over_time\((offmap_\w+)", alert.expr)[1]  # type: ignore[index]
        labels = {"job": alert.name, **KEPT[alert.name]}
        said = ",".join(f'{label}="{value}"' for label, value in labels.items())
        series += [{"series": f'{name}{{{said},instance="{one}"}}', "values": v} for one, v in AGENTS.items()]
        ours = f'max by ({", ".join(labels)}) ({alert.expr} and on (job) {name}{{job="{alert.name}",instance="b"}})'
        samples = [{"labels": f"{{{said}}}", "value": 1}]
        expected += [
            {"expr": ours, "eval_time": at, "exp_samples": samples if at != "25m" else []}
            for at in ("10m", "18m", "25m")
        ]
    assert len(series) == 1 + len(AGENTS) * len(KEPT)
    case = {"interval": "1m", "input_series": series, "promql_expr_test": expected}
    (tmp_path / "case.yaml").write_text(json.dumps({"evaluation_interval": "1m", "tests": [case]}))
    assert "SUCCESS" in promtool("test", "rules", tmp_path / "case.yaml")


AGENTS = {"a": "0x5 1x5 _x20", "b": "0x30"}
"""One has alarmed and cannot be scraped then; the other never did."""


def test_what_a_sequential_test_says_waits_for_nothing_more() -> None:
    assert {alert.name for alert in ALERTS if alert.wait == "0m"} == set(KEPT) - {"OffmapJudgeMirror"}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_the_runbook_says_what_to_do(alert: Alert) -> None:
    file, _, anchor = alert.runbook.partition("#")
    assert (ROOT / file).is_file()
    sections = {
        name.lower(): text for name, text in re.findall(r"^## (.+)\n((?:(?!^## ).*\n)*)", RUNBOOK, re.MULTILINE)
    }
    for part in ("It means", "Look", "Do", "It may be false"):
        assert f"**{part}" in sections[anchor]


def test_the_runbook_has_no_alert_that_is_gone() -> None:
    assert re.findall(r"^## (Offmap\w+)$", RUNBOOK, re.MULTILINE) == [alert.name for alert in ALERTS]


def test_the_runbook_s_false_pages_follow_from_the_run_length() -> None:
    default = load_settings(None, {"profile": {"path": "p.offmap"}}).pager.run_length
    assert f"`run_length: {default}` (the default)" in RUNBOOK
    rows = re.findall(r"^\| ([\d,]+) \| ([\d.]+) a year \| ([\d,]+) \|$", RUNBOOK, re.MULTILINE)
    assert len(rows) == 3
    for prompts, pages, once in rows:
        a_year = 365 * int(prompts.replace(",", ""))
        assert float(pages) == pytest.approx(a_year / default, rel=0.05)
        assert int(once.replace(",", "")) == a_year


@pytest.mark.parametrize(
    "rule",
    [r for g in yaml.safe_load(FILES["grafana-alerts.yaml"]())["groups"] for r in g["rules"]],
    ids=lambda rule: rule["title"],
)
def test_each_expression_asks_for_what_there_is(rule: dict[str, Any]) -> None:
    asked = [step["model"]["expr"] for step in rule["data"] if "expr" in step["model"]]
    assert asked
    assert [unknown(expr) for expr in asked] == [[]] * len(asked)


@pytest.mark.parametrize("name", ["README.md", "RUNBOOK.md"])
def test_no_page_names_a_metric_a_label_or_a_value_that_there_is_not(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert text.count("offmap_") > 20
    assert unheard(text) == []


@pytest.mark.parametrize("query", re.findall(r"`([^`\n]*offmap_\w+[^`\n]*[(=][^`\n]*)`", RUNBOOK))
def test_the_runbook_s_queries_are_promql(query: str) -> None:
    assert unknown(query) == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_no_alert_mixes_clusters_namespaces_or_jobs(alert: Alert) -> None:
    for asked in (alert.expr, *alert.numbers.values()):
        kept = re.findall(r"\b(?:by|on) \(([^)]*)\)", asked.replace("{by}", ", ".join(alert.labels)))
        assert all(
            set(WHERE) <= set(labels.replace("{by_where}", ", ".join(WHERE)).split(", ")) for labels in kept if labels
        )
        assert re.search(r"\bby \(", asked), "and none says nothing of them"


def test_each_outcome_of_a_record_is_told_by_an_alert_or_is_no_loss() -> None:
    no_loss = {"tombstone", "empty", "no_content", "no_prompt", "not_llm", "redacted"}
    assert set(UNREAD.split("|")) == set(REASONS) - no_loss
    assert set(NO_TRAFFIC.split("|")) < no_loss


def test_grafana_is_given_the_same_alerts() -> None:
    def said(groups: list[dict[str, Any]], name: str) -> list[Any]:
        return [(r[name], r["for"], r["labels"], r["annotations"]["summary"]) for g in groups for r in g["rules"]]

    plain, managed = (yaml.safe_load(FILES[name]())["groups"] for name in ("alerts.yaml", "grafana-alerts.yaml"))
    assert said(plain, "alert") == said(managed, "title")
    rules = [rule for group in managed for rule in group["rules"]]
    assert len({rule["uid"] for rule in rules}) == len(rules)
    for rule in rules:
        steps = {step["refId"]: step["model"] for step in rule["data"]}
        assert steps[rule["condition"]]["expression"] == "A"
        assert "$" not in str(steps)  # Grafana would look it up in its environment
        used = re.findall(r"\$values\.(\w)\.", str(rule["annotations"]))
        assert set(used) <= set(steps), rule["title"]
        # without labels Grafana's texts would say unknown; and one series for all jobs would be some other's
        assert all(re.search(r" by \(cluster, namespace, job\b", steps[ref]["expr"]) for ref in used), rule["title"]
        # one ticket where the data source cannot be asked, and no page from each of them
        assert rule["execErrState"] == ("Error" if rule["title"] == ABSENT.name else "KeepLast")
        assert rule["noDataState"] == "OK"  # an expression gives nothing while all is well
        assert "query" not in str(rule["annotations"]).replace("querie", "")  # a function of Prometheus alone
