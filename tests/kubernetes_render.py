"""What the chart, its example of a model server, and the Kustomize component make."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from tests import chart
from tests.kubernetes_tools import run_tool


def rendered(folder: Path, *arguments: object) -> list[dict[str, Any]]:
    done = run_tool("helm", "template", "shop", folder, *arguments)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def of_kind(documents: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [document for document in documents if document["kind"] == kind]


def example(folder: Path) -> Path:
    """Copy the example of a model server into an empty folder, and take our chart into it."""
    copy = folder / "helm"
    shutil.copytree(chart.HELM, copy)
    found = copy / "examples" / "model-server"
    done = run_tool("helm", "dependency", "update", found)
    assert done.returncode == 0, done.stderr
    return found


def kustomized() -> list[dict[str, Any]]:
    done = run_tool("kubectl", "kustomize", chart.HELM / "examples" / "kustomize")
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


SECRETS = ["kafka.credentials.secretName=offmap-kafka", "kafka.tls.secretName=offmap-kafka-tls"]


def with_secrets(folder: Path) -> list[dict[str, Any]]:
    return rendered(folder, *(part for value in SECRETS for part in ("--set", f"offmap.{value}")))
