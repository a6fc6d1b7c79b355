"""What Helm, helm-unittest and kubeconform say of the chart, and what the sidecar may never do."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from config import load_settings
from tests import chart
from tests.kubernetes_render import kustomized, of_kind, rendered, with_secrets
from tests.kubernetes_schemas import kubeconform, write_schemas
from tests.kubernetes_tools import run_tool

pytestmark = pytest.mark.kubernetes

EXAMPLES = pytest.mark.parametrize("values", chart.CI_VALUES, ids=lambda file: file.name)
PASSWORD = {"OFFMAP_KAFKA__SASL_USERNAME": "user", "OFFMAP_KAFKA__SASL_PASSWORD": "word"}
ADDRESS = {"OFFMAP_PROFILE__URL": "https://profiles.example/shop.offmap"}


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schemas")
    write_schemas(folder)
    return folder


@EXAMPLES
def test_helm_finds_nothing_to_say(values: Path) -> None:
    done = run_tool("helm", "lint", "--strict", chart.CHART, "--values", values)
    assert done.returncode == 0, done.stdout


def test_the_suites_of_the_chart_pass() -> None:
    done = run_tool("helm-unittest", "--strict", chart.CHART)
    assert done.returncode == 0, done.stdout
    suites = len(list((chart.CHART / "tests").glob("*_test.yaml")))
    assert f"Test Suites: {suites} passed, {suites} total" in done.stdout


@EXAMPLES
def test_kubernetes_and_the_operator_know_every_key(values: Path, schemas: Path, tmp_path: Path) -> None:
    manifests = tmp_path / "all.yaml"
    manifests.write_text(yaml.safe_dump_all(rendered(chart.CHART, "--values", values)))
    done = kubeconform(manifests, schemas)
    assert done.returncode == 0, done.stdout
    assert "Invalid: 0, Errors: 0, Skipped: 0" in done.stdout


@pytest.mark.parametrize(
    ("kind", "path", "wrong"),
    [
        ("PodMonitor", ("spec", "podMetricsEndpoints", 0, "interval"), "15 seconds"),
        ("PodMonitor", ("spec", "podMetricsEndpoint"), []),
        ("StatefulSet", ("spec", "replica"), 2),
    ],
)
def test_kubeconform_can_fail(kind: str, path: tuple[Any, ...], wrong: Any, schemas: Path, tmp_path: Path) -> None:
    documents = rendered(chart.CHART, "--values", chart.CHART / "ci" / "standalone-url-values.yaml")
    (document,) = of_kind(documents, kind)
    holder = document
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = wrong
    (tmp_path / "all.yaml").write_text(yaml.safe_dump(document))
    assert kubeconform(tmp_path / "all.yaml", schemas).returncode != 0


@EXAMPLES
def test_the_agent_takes_the_configuration(values: Path, tmp_path: Path) -> None:
    (found,) = of_kind(rendered(chart.CHART, "--values", values), "ConfigMap")[:1]
    given = yaml.safe_load(values.read_text(encoding="utf-8"))
    path = tmp_path / "offmap.yaml"
    path.write_text(found["data"]["offmap.yaml"])
    environ = {
        **(PASSWORD if "credentials" in given.get("kafka", {}) else {}),
        **(ADDRESS if "urlSecret" in given["profile"] else {}),
    }
    settings = load_settings(path, environ=environ, needs=("kafka",))
    assert str(settings.checkpoint.path) == "/var/lib/offmap/state"
    assert settings.payload.max_message_bytes == given["config"].get("payload", {}).get("max_message_bytes", 4_194_304)


def test_what_the_readme_says_to_install_works(model_server: Path, tmp_path: Path) -> None:
    readme = (chart.HELM.parent / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n# values\.yaml\n(.*?)```", readme, re.DOTALL)
    (tmp_path / "values.yaml").write_text(block.replace("sha256: …", f"sha256: {'a' * 64}"))
    config, path = {}, tmp_path / "offmap.yaml"
    for folder, arguments in ((chart.CHART, ("--values", tmp_path / "values.yaml")), (model_server, ())):
        documents = rendered(folder, *arguments)
        pod = (of_kind(documents, "StatefulSet") + of_kind(documents, "Deployment"))[0]["spec"]["template"]["spec"]
        variables = [each["name"] for each in pod["initContainers"][0].get("env", [])]
        path.write_text(of_kind(documents, "ConfigMap")[0]["data"]["offmap.yaml"])
        config[folder] = load_settings(path, environ=dict.fromkeys(variables, "given"), needs=("kafka",))
    assert config[chart.CHART].kafka != config[model_server].kafka


def test_another_configuration_is_another_pod_and_the_same_is_not() -> None:
    def checksum(*arguments: object) -> str:
        documents = rendered(chart.CHART, "--values", chart.CHART / "ci" / "standalone-url-values.yaml", *arguments)
        (pods,) = of_kind(documents, "StatefulSet")
        found: str = pods["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        return found

    assert checksum() == checksum("--set", "replicas=3")
    assert checksum() != checksum("--set", "config.sampling.max_fraction=0.5")


def sidecar(pod: dict[str, Any]) -> dict[str, Any]:
    (found,) = [container for container in pod["initContainers"] if container["name"] == "offmap"]
    return found


def pod_of(documents: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = [document for document in of_kind(documents, kind) if document["metadata"]["name"] == name]
    spec: dict[str, Any] = found["spec"]["template"]["spec"]
    return spec


def holds_back(pod: dict[str, Any]) -> list[str]:
    """What of a sidecar could keep its Pod from starting, from being ready, or from staying."""
    container = sidecar(pod)
    found = [name for name in ("readinessProbe", "startupProbe", "livenessProbe", "lifecycle") if name in container]
    if container.get("restartPolicy") != "Always":
        found.append("an init container that must end")
    ours = [volume for volume in pod["volumes"] if volume["name"].startswith("offmap-")]
    for volume in ours:
        (source,) = set(volume) - {"name"}
        if source not in {"emptyDir", "configMap", "secret"}:
            found.append(f"{volume['name']}: a {source} may fail to mount")
        if source in {"configMap", "secret"} and volume[source].get("optional") is not True:
            found.append(f"{volume['name']}: must be there")
        if volume.get("emptyDir"):
            found.append(f"{volume['name']}: a full one evicts the Pod")
    for variable in container.get("env", []):
        references = [variable.get("valueFrom", {}).get(kind) for kind in ("secretKeyRef", "configMapKeyRef")]
        if any(reference and reference.get("optional") is not True for reference in references):
            found.append(f"{variable['name']}: must be there")
    resources = container["resources"]
    found += [f"{kind}: the Pod is evicted" for kind in resources if "ephemeral-storage" in resources[kind]]
    if "memory" not in resources["limits"]:
        found.append("without a memory limit of its own it takes the node's")
    return found


def test_the_sidecar_cannot_hold_its_pod_back(model_server: Path) -> None:
    pod = pod_of(with_secrets(model_server), "Deployment", "shop")
    assert [container["name"] for container in pod["initContainers"]] == ["offmap"]
    assert holds_back(pod) == []
    assert "--stay-up" in sidecar(pod)["args"]
    assert sidecar(pod)["resources"]["requests"] == {"cpu": "100m", "memory": "256Mi"}


@pytest.mark.parametrize(
    "harm",
    [
        {"readinessProbe": {}},
        {"restartPolicy": "OnFailure"},
        {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a", "key": "a"}}}]},
        {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "a", "optional": False}}}]},
        {"resources": {"limits": {"ephemeral-storage": "1Gi", "memory": "1Gi"}}},
        {"resources": {"limits": {}}},
    ],
)
def test_what_would_hold_a_pod_back_is_found(harm: dict[str, Any], model_server: Path) -> None:
    pod = pod_of(rendered(model_server), "Deployment", "shop")
    sidecar(pod).update(harm)
    assert len(holds_back(pod)) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"profile": {"url": "", "sha256": "", "persistentVolumeClaim": {"claimName": "profiles"}}},
        {"profile": {"url": "", "sha256": "", "image": {"reference": "profile:1"}}},
        {"resources": {"limits": {"ephemeral-storage": "1Gi"}}},
        {"resources": {"requests": {"ephemeral-storage": "1Gi"}}},
    ],
)
def test_what_could_hold_a_pod_back_is_refused(values: dict[str, Any], model_server: Path, tmp_path: Path) -> None:
    (tmp_path / "values.json").write_text(json.dumps({"offmap": values}))
    done = run_tool("helm", "template", "shop", model_server, "--values", tmp_path / "values.json")
    assert done.returncode != 0
    assert "a sidecar must not hold its Pod back" in done.stderr


def test_a_reference_of_the_user_s_cannot_either(model_server: Path, tmp_path: Path) -> None:
    kinds = ("secretKeyRef", "configMapKeyRef")
    env = [{"name": kind, "valueFrom": {kind: {"name": "a", "key": "a"}}} for kind in kinds]
    plain = [{"name": "A", "value": "b"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    (tmp_path / "values.json").write_text(json.dumps({"offmap": {"env": [*env, *plain]}}))
    pod = pod_of(rendered(model_server, "--values", tmp_path / "values.json"), "Deployment", "shop")
    assert holds_back(pod) == []
    assert sidecar(pod)["env"][2:] == plain
    assert [list(each["valueFrom"]) for each in sidecar(pod)["env"][:2]] == [[kind] for kind in kinds]


def test_the_model_server_runs_without_it_too(model_server: Path) -> None:
    documents = rendered(model_server, "--set", "offmap.enabled=false")
    assert [document["kind"] for document in documents] == ["Deployment"]
    assert set(pod_of(documents, "Deployment", "shop")) & {"initContainers", "volumes"} == set()


def test_one_chart_may_have_two_under_names_of_their_own(model_server: Path, tmp_path: Path) -> None:
    both = tmp_path / "both"
    shutil.copytree(model_server, both)
    described = yaml.safe_load((both / "Chart.yaml").read_text())
    described["dependencies"].append(described["dependencies"][0] | {"alias": "other", "condition": "other.enabled"})
    (both / "Chart.yaml").write_text(yaml.safe_dump(described))
    given = yaml.safe_load((both / "values.yaml").read_text())
    (both / "values.yaml").write_text(yaml.safe_dump(given | {"other": given["offmap"]}))
    configs = of_kind(rendered(both), "ConfigMap")
    assert [found["metadata"]["name"] for found in configs] == ["shop-offmap-config", "shop-other-config"]
    groups = [json.loads(found["data"]["offmap.yaml"])["kafka"]["group_id"] for found in configs]
    assert groups == ["offmap.default.shop-offmap", "offmap.default.shop-other"]


def test_a_chart_that_forgets_the_mode_is_told(model_server: Path) -> None:
    done = run_tool("helm", "template", "shop", model_server, "--set", "offmap.mode=standalone")
    assert "the sidecar's templates are for offmap.mode: sidecar" in done.stderr


def test_a_volume_of_the_pod_may_hold_the_profile(model_server: Path) -> None:
    sets = ["offmap.profile.url=", "offmap.profile.sha256=", "offmap.profile.volume.name=models"]
    pod = pod_of(rendered(model_server, *(part for one in sets for part in ("--set", one))), "Deployment", "shop")
    assert {"name": "models", "mountPath": "/profile", "readOnly": True} in sidecar(pod)["volumeMounts"]
    assert "models" not in [volume["name"] for volume in pod["volumes"]]


@pytest.mark.parametrize(("kind", "name"), [("Deployment", "model-server"), ("StatefulSet", "other-server")])
def test_the_kustomize_component_adds_the_same_sidecar(kind: str, name: str, model_server: Path) -> None:
    ours = pod_of(kustomized(), kind, name)
    chart_s = json.loads(
        json.dumps(pod_of(with_secrets(model_server), "Deployment", "shop")).replace(
            "shop-offmap-config", "offmap-config"
        )
    )
    assert sidecar(ours) == sidecar(chart_s)
    assert ours["volumes"] == chart_s["volumes"]
    assert holds_back(ours) == []


def test_the_kustomize_component_leaves_others_alone() -> None:
    assert "initContainers" not in pod_of(kustomized(), "Deployment", "gateway")
    others = pod_of(kustomized(), "StatefulSet", "other-server")
    assert "weights" in [container["name"] for container in others["initContainers"]]


def test_the_configuration_beside_the_component_is_one_that_the_agent_takes() -> None:
    load_settings(chart.HELM / "examples" / "kustomize" / "offmap.yaml", environ={}, needs=("kafka",))
