"""The dashboards: Grafana's own types, queries of metrics that exist, words for everybody, nothing known shown as 0."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest

from tests.monitoring.asked import filled, unknown
from tests.monitoring.files import FILES
from tests.monitoring.panel import SELECTED
from tests.needs import require_program
from tests.prometheus_server import promtool

ROOT = Path(__file__).parents[1]
DASHBOARDS = {Path(name).stem: json.loads(text()) for name, text in FILES.items() if name.endswith(".json")}
PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, board in DASHBOARDS.items()
    for panel in board["panels"]
]


@pytest.mark.parametrize("panel", PANELS)
def test_each_query_asks_for_what_there_is(panel: dict[str, Any]) -> None:
    asked = [target["expr"] for target in panel["targets"]]
    assert [unknown(filled(expr)) for expr in asked] == [[]] * len(asked)
    selectors = re.findall(r"\b(?:offmap|process)_\w+(?:\{([^}]*)\})?", " ".join(asked))
    assert selectors
    assert all(SELECTED in matchers for matchers in selectors), "the variables at the top select all that is shown"
    assert not any("vector(0)" in expr for expr in asked), "what is not known is not 0"


@pytest.mark.parametrize("board", DASHBOARDS.values(), ids=list(DASHBOARDS))
def test_variables_and_marks_ask_for_what_there_is(board: dict[str, Any]) -> None:
    (marks,) = board["annotations"]["list"]
    assert unknown(filled(marks["target"]["expr"])) == []
    expressions = " ".join(target["expr"] for panel in board["panels"] for target in panel["targets"])
    for variable in board["templating"]["list"]:
        assert variable["name"] == "datasource" or f"${variable['name']}" in expressions, "chosen for nothing"
    asked = [one["query"]["query"] for one in board["templating"]["list"] if one["type"] == "query"]
    assert len(asked) >= 2
    for query in asked:
        series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", query).groups()  # type: ignore[union-attr]
        name = series.partition("{")[0]
        assert unknown(filled(series)) + unknown(f'{name}{{{label}=".*"}}') == []


def test_dots_that_lead_to_traces_are_where_the_readme_says() -> None:
    dotted = [
        panel.values[0]["title"] for panel in PANELS if any(t.get("exemplar") for t in panel.values[0]["targets"])
    ]
    assert dotted == re.findall(r"a dot in \*([^*]+)\*", (ROOT / "README.md").read_text("utf-8"))


@pytest.mark.parametrize("panel", PANELS)
def test_each_panel_says_in_words_what_it_shows(panel: dict[str, Any]) -> None:
    assert len(panel["description"].split()) >= 10
    assert not re.search(r"PromQL|gauge|histogram_|rate\(", panel["description"])
    assert panel["fieldConfig"]["defaults"]["noValue"] == "not known"


@pytest.mark.parametrize("panel", [panel for panel in PANELS if panel.values[0]["type"] == "table"])
def test_the_rows_of_a_table_are_those_of_all_its_queries(panel: dict[str, Any]) -> None:
    """Grafana joins rows where all common columns are equal, and a metric's name is a column."""
    queries = [promql_parser.parse(filled(target["expr"])) for target in panel["targets"]]
    assert all(isinstance(query, promql_parser.AggregateExpr) for query in queries)
    assert len({tuple(query.modifier.labels) for query in queries}) == 1
    merge, organise = panel["transformations"]
    assert (merge["id"], organise["id"]) == ("merge", "organize")
    shown = organise["options"]["renameByName"]
    assert list(shown) == list(organise["options"]["includeByName"]) == list(organise["options"]["indexByName"])
    labels = set(queries[0].modifier.labels)
    values = {f"Value #{target['refId']}" for target in panel["targets"]} if len(queries) > 1 else {"Value"}
    assert labels <= set(shown) <= labels | values
    units = {override["matcher"]["options"]: override["properties"] for override in panel["fieldConfig"]["overrides"]}
    assert set(units) <= set(shown.values())
    assert {"share", "first seen", "age"} & set(shown.values()) <= set(units), "1,750,000,000,000 is no date"


@pytest.mark.parametrize("panel", [panel for panel in PANELS if panel.values[0]["type"] == "stat"])
def test_a_number_is_of_now(panel: dict[str, Any]) -> None:
    """Over a range Grafana takes the last number that there is, be it a day old: what is not known now is not shown."""
    assert {(target["instant"], target["range"]) for target in panel["targets"]} == {(True, False)}


POOLED = {
    "Brittleness: failures off the map": (3 / 10) / (3 / 100),
    "What is rare in training": 2 / 10,
    "Does the rare survive?": math.log(1 / (7 / 8)),
    "Can the judges be believed?": 1 / 4,
}


def counted(agent: str, times: int) -> dict[str, int]:
    """Counters of an agent, and by how much each grows in a minute; of what never failed there is none."""
    series = {f'offmap_cell_exchanges_total{{cells="{cells}"': n for cells, n in (("rare", 2), ("common", 8))}
    series['offmap_cell_failures_total{cells="common"'] = 1
    for outcome, n in (("passed", 1), ("failed", 3)):
        series[f'offmap_canary_verdicts_total{{canary="any",outcome="{outcome}"'] = n
    for band, failed, n in (("0.01", 2, 4), ("0.05", 1, 6), ("0.2", 1, 20), ("1", 2, 80)):
        series[f'offmap_outcomes_total{{kind="any",band="{band}"'] = failed
        series[f'offmap_outcome_exchanges_total{{kind="any",band="{band}"'] = n
    return {f'{name},job="offmap",instance="{agent}"}}': times * n for name, n in series.items()}


@pytest.mark.prometheus
def test_what_counters_add_up_is_of_all_agents(tmp_path: Path) -> None:
    grows = counted("a", 1) | counted("b", 3)
    looked = [
        {"expr": filled(panel.values[0]["targets"][0]["expr"]), "eval_time": "60m", "exp_samples": [{"value": value}]}
        for title, value in POOLED.items()
        for panel in PANELS
        if panel.values[0]["title"] == title
    ]
    assert len(looked) == len(POOLED)
    series = [{"series": name, "values": f"0+{n}x60"} for name, n in grows.items()]
    case = {"interval": "1m", "input_series": series, "promql_expr_test": looked}
    (tmp_path / "case.yaml").write_text(json.dumps({"evaluation_interval": "1m", "tests": [case]}))
    assert "SUCCESS" in promtool("test", "rules", tmp_path / "case.yaml")


@pytest.mark.parametrize("board", DASHBOARDS.values(), ids=list(DASHBOARDS))
def test_a_dashboard_can_be_imported_anywhere(board: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids) > 0
    for panel in board["panels"]:
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs) > 0
    assert [variable["name"] for variable in board["templating"]["list"]][:3] == ["datasource", "namespace", "job"]
    assert "uid" not in str(board).replace("'uid': '${datasource}'", "").replace(f"'uid': '{board['uid']}'", "")


def test_everything_is_on_one_screen_in_four_questions() -> None:
    panels = DASHBOARDS["offmap-map"]["panels"]
    assert max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) <= 20
    assert [panel["title"].partition(":")[0] for panel in panels if panel["type"] == "stat"] == [
        "Coverage",
        "Drift",
        "Brittleness",
        "Collapse",
    ]


@pytest.fixture(scope="module")
def compiler() -> Path:
    """The folder with TypeScript and Grafana's types, fetched by npm the first time."""
    for name in ("node", "npm"):
        require_program(name, "install Node.js (Debian: nodejs npm)")
    here = ROOT / "tests/grafana"
    folder = Path(os.environ.get("OFFMAP_CACHE") or ROOT / ".cache") / "grafana"
    lock = folder / "package-lock.json"
    if not (folder / "done").exists() or lock.read_bytes() != (here / lock.name).read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(here, folder)
        run(folder, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        (folder / "done").touch()
    return folder


def run(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


def typed(folder: Path, compiler: Path, boards: dict[str, Any]) -> None:
    """Check dashboards as literals of Grafana's types."""
    for path in (ROOT / "tests/grafana").iterdir():
        shutil.copy(path, folder)
    (folder / "node_modules").symlink_to(compiler / "node_modules")
    for name, board in boards.items():
        literal = f"export const shown: Dashboard = {json.dumps(board)};\n"
        (folder / f"{name}.ts").write_text(f"import type {{ Dashboard }} from './dashboard.js';\n{literal}")
    run(folder, "node", "node_modules/typescript/lib/tsc.js", "-p", ".")


def test_grafana_s_types_take_the_dashboards(compiler: Path, tmp_path: Path) -> None:
    typed(tmp_path, compiler, DASHBOARDS)


def test_and_refuse_what_is_wrong(compiler: Path, tmp_path: Path) -> None:
    whole = DASHBOARDS["offmap-map"]
    stat = whole["panels"][0]
    wrong = {
        "colour": whole | {"panels": [stat | {"options": stat["options"] | {"colorMode": "purple"}}]},
        "number": whole | {"refresh": 60},
        "unheard": whole | {"panels": [stat | {"colour": "red"}]},
    }
    with pytest.raises(AssertionError) as said:
        typed(tmp_path, compiler, wrong)
    assert {name for name in wrong if f"{name}.ts" in str(said.value)} == set(wrong)
