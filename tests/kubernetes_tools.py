"""The programs that the chart is tested with, and the definitions of the Prometheus operator's resources.

Go builds them once from the two modules in `tests/kubernetes/`, whose `go.sum` pins them by hash: the API server takes
six minutes on two cores, everything else five. They are kept per user, in `~/.cache/offmap` (env OFFMAP_CACHE puts them
elsewhere), so that a fresh clone need not build them again.

Run by hand: `python -m tests.kubernetes_tools` builds what is missing and prints where it lies.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.needs import require_program

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = Path(__file__).parent / "kubernetes"

# The version of Kubernetes, in the variables where the makers' own builds put it.
_STAMPED = (
    "k8s.io/component-base/version.git{}",
    "helm.sh/helm/v3/pkg/chartutil.k8sVersion{}",
    "helm.sh/helm/v3/pkg/lint/rules.k8sVersion{}",
)
_VERSION = {"Version": "v1.34.4", "Major": "1", "Minor": "34"}
LDFLAGS = "-s -w " + " ".join(f"-X {name.format(part)}={_VERSION[part]}" for name in _STAMPED for part in _VERSION)


class Tool(NamedTuple):
    """One program: the module in `tests/kubernetes/` that pins it, and the package it is built from."""

    module: str
    package: str


TOOLS = {  # what builds quickly comes first
    "kubeconform": Tool("crds", "github.com/yannh/kubeconform/cmd/kubeconform"),
    "controller-gen": Tool("crds", "sigs.k8s.io/controller-tools/cmd/controller-gen"),
    "helm": Tool("tools", "helm.sh/helm/v3/cmd/helm"),
    "helm-unittest": Tool("tools", "github.com/helm-unittest/helm-unittest/cmd/helm-unittest"),
    "kubectl": Tool("tools", "k8s.io/kubernetes/cmd/kubectl"),
    "kube-apiserver": Tool("tools", "k8s.io/kubernetes/cmd/kube-apiserver"),
}
GO = "install Go 1.26 or newer; it builds the Kubernetes tools once, about 11 minutes on two cores"


def cache() -> Path:
    """Return the folder that keeps what was built."""
    own = os.environ.get("OFFMAP_CACHE")
    return (Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "offmap") / "go"


def tool(name: str) -> Path:
    """Return the path of a program, built the first time."""
    wanted = TOOLS[name]
    path = _folder(wanted.module) / name
    with _alone(path):
        if not path.exists():
            sys.stderr.write(f"building {name}\n")
            flags = ["-trimpath", f"-ldflags={LDFLAGS}", "-buildvcs=false"]
            fresh = path.with_name(f".{name}")
            _run([_go(), "build", *flags, "-o", str(fresh), wanted.package], wanted.module)
            fresh.rename(path)
    return path


def run_tool(name: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, with nothing of the user's own settings for it."""
    nowhere = dict.fromkeys(("KUBECONFIG", "HELM_REPOSITORY_CONFIG", "HELM_REGISTRY_CONFIG"), os.devnull)
    whole = {**os.environ, **nowhere, **environment}
    command = [str(tool(name)), *map(str, arguments)]
    return subprocess.run(command, env=whole, capture_output=True, text=True, check=False, timeout=120)


def operator_crds() -> Path:
    """Return the folder of the Prometheus operator's CustomResourceDefinitions, written the first time."""
    path = _folder("crds") / "definitions"
    generator = tool("controller-gen")
    with _alone(path):
        if not path.exists():
            fresh = path.with_name(".definitions")
            packages = "paths=github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
            _run([str(generator), "crd:crdVersions=v1", packages, f"output:crd:dir={fresh}"], "crds")
            fresh.rename(path)
    return path


def _folder(module: str) -> Path:
    pins = b"".join((MODULES / module / name).read_bytes() for name in ("go.mod", "go.sum"))
    folder = cache() / f"{module}-{hashlib.sha256(pins + LDFLAGS.encode()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time build a thing."""
    with path.with_name(f".{path.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _go() -> str:
    return require_program("go", GO)


def _run(command: list[str], module: str) -> None:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
    subprocess.run([_go(), "mod", "download"], cwd=MODULES / module, env=environment, check=True)
    subprocess.run(command, cwd=MODULES / module, env=environment, check=True)


def main() -> None:
    """Build everything that is missing."""
    for name in TOOLS:
        began = time.monotonic()
        sys.stdout.write(f"{tool(name)} ({time.monotonic() - began:.0f} s)\n")
    sys.stdout.write(f"{operator_crds()}\n")


if __name__ == "__main__":
    main()
