"""Schemas for kubeconform, without network: Kubernetes's from a package, the operator's from its definitions."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import yaml

from tests.kubernetes_tools import operator_crds, tool

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = "1.34.0"
PACKAGED = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{VERSION}-local-strict"


def write_schemas(folder: Path) -> None:
    """Write one file a kind, named as kubeconform's first `-schema-location` below names it."""
    for path in PACKAGED.glob("*.json"):
        text = path.read_text(encoding="utf-8").replace('"/api/_definitions.json', '"_definitions.json')
        schema = json.loads(text)
        schema.pop("$id", None)
        (folder / path.name).write_text(json.dumps(schema))
    for path in operator_crds().glob("*.yaml"):
        for name, schema in _of_definition(yaml.safe_load(path.read_text(encoding="utf-8"))):
            (folder / name).write_text(json.dumps(schema))


def _of_definition(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    spec = definition["spec"]
    group = spec["group"].partition(".")[0]
    for version in spec["versions"]:
        name = f"{spec['names']['kind']}-{group}-{version['name']}.json".lower()
        yield name, _closed(version["schema"]["openAPIV3Schema"])


def _closed(node: Any) -> Any:
    """Let in no keys that the schema does not name: what an API server would drop in silence."""
    if isinstance(node, list):
        return [_closed(child) for child in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(child) for key, child in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def kubeconform(manifests: Path, schemas: Path) -> subprocess.CompletedProcess[str]:
    """Check manifests; a kind without a schema is an error."""
    location = f"{schemas}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"
    command = [str(tool("kubeconform")), "-strict", "-summary", "-schema-location", location, str(manifests)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
