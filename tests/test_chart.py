"""What holds for the chart's files as they lie there; what Helm and Kubernetes say of them: test_kubernetes_*."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests import chart


def test_the_chart_has_the_version_of_the_package():
    project = tomllib.loads((chart.HELM.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    described = yaml.safe_load((chart.CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert described["version"] == described["appVersion"] == project["version"]


def test_the_readme_of_the_chart_says_what_its_values_say():
    assert chart.README.read_text(encoding="utf-8") == chart.markdown(), "run `make docs`"


def test_every_value_is_described_and_nothing_else_is_let_in():
    described = dict(chart.keys(chart.schema()))
    assert len(described) > 50
    assert not [path for path, node in described.items() if not node.get("description")]
    holders = [chart.schema(), *(node for node in described.values() if "properties" in node)]
    assert all(node["additionalProperties"] is False for node in holders)


def paths(values: dict[str, Any], known: dict[str, Any], path: str = "") -> set[str]:
    """The dotted paths in `values`, down to where the schema looks no further."""
    found = set()
    for name, value in values.items():
        found.add(f"{path}{name}")
        if "properties" in known.get(f"{path}{name}", {}):
            found |= paths(value, known, f"{path}{name}.")
    return found


def test_every_value_has_a_default_and_every_default_is_described():
    described = dict(chart.keys(chart.schema()))
    assert paths(chart.values(), described) == set(described) - {"global"}


def settings() -> Iterator[dict[str, Any]]:
    """What examples and suites of helm-unittest set, dotted keys taken apart."""
    yield from (yaml.safe_load(file.read_text(encoding="utf-8")) for file in chart.CI_VALUES)
    for suite in (chart.CHART / "tests").glob("*_test.yaml"):
        whole = yaml.safe_load(suite.read_text(encoding="utf-8"))
        for given in (part.get("set", {}) for part in (whole, *whole["tests"])):
            for path, value in given.items():
                *outer, last = path.split(".")
                yield functools.reduce(lambda inner, name: {name: inner}, reversed(outer), {last: value})


def test_every_value_is_set_by_some_example_or_test():
    described = dict(chart.keys(chart.schema()))
    used = set().union(*(paths(values, described) for values in settings()))
    leaves = {path for path, node in described.items() if "properties" not in node}
    assert leaves - used == {"global"}  # not ours


@pytest.mark.parametrize("file", chart.CI_VALUES, ids=lambda file: file.name)
def test_an_example_says_what_it_is_for(file):
    assert file.read_text(encoding="utf-8").startswith("# ")
