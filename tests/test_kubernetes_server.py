"""The chart against a real API server: taken, changed, put back, removed, let in under Pod Security "restricted"."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import chart
from tests.kubernetes_render import kustomized, of_kind, rendered, with_secrets
from tests.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.kubernetes

URL = chart.CHART / "ci" / "standalone-url-values.yaml"
_numbers = count()


@pytest.fixture
def restricted(kubernetes: KubernetesServer) -> str:
    """A namespace that lets in what is "restricted" alone."""
    name = f"restricted-{next(_numbers)}"
    kubernetes.kubectl("create", "namespace", name)
    kubernetes.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    return name


def pods(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each Pod as its controller would make it; one that has its volumes by claim templates gets them as claims."""
    found = []
    for document in documents:
        spec = document.get("spec", {})
        if "template" not in spec:
            continue
        claims = [
            {"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": "any"}}
            for claim in spec.get("volumeClaimTemplates", [])
        ]
        pod = spec["template"]["spec"]
        pod = pod | {"volumes": [*pod.get("volumes", []), *claims]}
        pod.pop("priorityClassName", None)  # the cluster's own
        found.append({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": pod})
    return found


def apply(kubernetes: KubernetesServer, namespace: str, document: dict[str, Any], folder: Path) -> str:
    """Create something; why it is refused, or nothing."""
    path = folder / "document.json"
    path.write_text(json.dumps(document))
    done = kubernetes.kubectl("create", "--namespace", namespace, "--validate=strict", "-f", path, check=False)
    kubernetes.kubectl("delete", "--namespace", namespace, "--ignore-not-found", "--now", "-f", path, check=False)
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize("values", chart.CI_VALUES, ids=lambda file: file.name)
def test_every_example_is_taken(values: Path, kubernetes: KubernetesServer, restricted: str) -> None:
    kubernetes.helm("install", "shop", chart.CHART, "--namespace", restricted, "--values", values, "--dry-run=server")
    done = kubernetes.helm("install", "shop", chart.CHART, "--namespace", restricted, "--values", values)
    assert "would violate PodSecurity" not in done.stderr
    kubernetes.helm("uninstall", "shop", "--namespace", restricted)


@pytest.mark.parametrize("values", chart.CI_VALUES, ids=lambda file: file.name)
def test_its_pods_are_let_in_under_restricted(
    values: Path, kubernetes: KubernetesServer, restricted: str, tmp_path: Path
) -> None:
    for pod in pods(rendered(chart.CHART, "--values", values)):
        assert apply(kubernetes, restricted, pod, tmp_path) == ""


def test_a_model_server_with_the_sidecar_is_let_in_under_restricted(
    kubernetes: KubernetesServer, restricted: str, tmp_path: Path, model_server: Path
) -> None:
    deployments = of_kind(with_secrets(model_server), "Deployment")
    by_kustomize = [found for found in of_kind(kustomized(), "Deployment") if found["metadata"]["name"] != "gateway"]
    found = pods(deployments + by_kustomize)
    assert len(found) == 2
    for pod in found:
        assert apply(kubernetes, restricted, pod, tmp_path) == ""


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        ({"runAsNonRoot": False}, "runAsNonRoot"),
        ({"runAsUser": 0}, "runAsUser=0"),
        ({"allowPrivilegeEscalation": True}, "allowPrivilegeEscalation"),
        ({"capabilities": {"add": ["NET_ADMIN"]}}, "capabilities"),
        ({"seccompProfile": {"type": "Unconfined"}}, "seccompProfile"),
    ],
)
def test_restricted_refuses_what_is_not(
    harm: dict[str, Any], why: str, kubernetes: KubernetesServer, restricted: str, tmp_path: Path
) -> None:
    (pod,) = pods(rendered(chart.CHART, "--values", URL))
    pod["spec"]["containers"][0]["securityContext"] |= harm
    refused = apply(kubernetes, restricted, pod, tmp_path)
    assert 'violates PodSecurity "restricted' in refused
    assert why in refused


def test_an_unknown_key_is_refused(kubernetes: KubernetesServer, restricted: str, tmp_path: Path) -> None:
    (pod,) = pods(rendered(chart.CHART, "--values", URL))
    pod["spec"]["containers"][0]["liveness"] = {}
    assert "unknown field" in apply(kubernetes, restricted, pod, tmp_path)


def test_an_operator_s_kind_is_checked_too(kubernetes: KubernetesServer, restricted: str, tmp_path: Path) -> None:
    (monitor,) = of_kind(rendered(chart.CHART, "--values", URL), "PodMonitor")
    monitor["metadata"]["namespace"] = restricted
    assert apply(kubernetes, restricted, monitor, tmp_path) == ""
    monitor["spec"]["podMetricsEndpoints"][0]["interval"] = "15 seconds"
    assert "interval" in apply(kubernetes, restricted, monitor, tmp_path)


def test_two_releases_of_names_as_helm_lets_them_be_live_beside_each_other(
    kubernetes: KubernetesServer, restricted: str
) -> None:
    for release in ("shop.v2", f"a{'b' * 40}.c{'d' * 10}"):  # 53 characters, the most
        kubernetes.helm("install", release, chart.CHART, "--namespace", restricted, "--values", URL)
    names = [item["metadata"]["name"] for item in kubernetes.get("services", "--namespace", restricted)["items"]]
    assert names == [f"a{'b' * 40}-c{'d' * 9}", "shop-v2-offmap"]


def replicas_and_level(kubernetes: KubernetesServer, namespace: str) -> tuple[int, str]:
    found = kubernetes.get("statefulset", "shop-offmap", "--namespace", namespace)
    config = kubernetes.get("configmap", "shop-offmap-config", "--namespace", namespace)["data"]["offmap.yaml"]
    return found["spec"]["replicas"], yaml.safe_load(config).get("logging", {}).get("level", "")


def checksum(kubernetes: KubernetesServer, namespace: str) -> str:
    found = kubernetes.get("statefulset", "shop-offmap", "--namespace", namespace)
    annotation: str = found["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
    return annotation


def test_installed_upgraded_rolled_back_and_removed(kubernetes: KubernetesServer, restricted: str) -> None:
    base = ("shop", chart.CHART, "--namespace", restricted, "--values", URL)
    installed = kubernetes.helm("install", *base)
    assert f"kubectl -n {restricted} port-forward shop-offmap-0 9469" in installed.stdout
    assert replicas_and_level(kubernetes, restricted) == (1, "")
    before = checksum(kubernetes, restricted)

    kubernetes.helm("upgrade", *base, "--set", "replicas=3", "--set", "config.logging.level=debug")
    assert replicas_and_level(kubernetes, restricted) == (3, "debug")
    assert checksum(kubernetes, restricted) != before

    kubernetes.helm("rollback", "shop", "1", "--namespace", restricted)
    assert replicas_and_level(kubernetes, restricted) == (1, "")
    assert checksum(kubernetes, restricted) == before

    kubernetes.helm("uninstall", "shop", "--namespace", restricted)
    kinds = "statefulset,service,configmap,serviceaccount,networkpolicy,poddisruptionbudget,podmonitor"
    left = [item["metadata"]["name"] for item in kubernetes.get(kinds, "--namespace", restricted)["items"]]
    assert not [name for name in left if "offmap" in name]


def test_an_upgrade_to_a_sidecar_s_chart_takes_the_agents_away(kubernetes: KubernetesServer, restricted: str) -> None:
    kubernetes.helm("install", "shop", chart.CHART, "--namespace", restricted, "--values", URL)
    sidecar = chart.CHART / "ci" / "sidecar-values.yaml"
    kubernetes.helm("upgrade", "shop", chart.CHART, "--namespace", restricted, "--values", sidecar)
    assert kubernetes.get("statefulset", "--namespace", restricted)["items"] == []
    assert kubernetes.get("podmonitor", "shop-offmap", "--namespace", restricted)["spec"]["selector"][
        "matchLabels"
    ] == {"app.kubernetes.io/name": "model-server", "app.kubernetes.io/instance": "shop"}


def test_what_the_kustomize_component_makes_is_taken(kubernetes: KubernetesServer, restricted: str) -> None:
    example = chart.HELM / "examples" / "kustomize"
    kubernetes.kubectl("apply", "--namespace", restricted, "--dry-run=server", "--validate=strict", "-k", example)
