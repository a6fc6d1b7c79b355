"""A real Kubernetes API server on loopback, with etcd behind it: no nodes, so nothing is run, but all is checked.

It knows the Prometheus operator's kinds, and speaks to whom has the token of `kubeconfig`. Ended by process id.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.kubernetes_tools import operator_crds, run_tool, tool
from tests.needs import require_program

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "token-of-a-test"
READY_SECONDS = 90.0
ETCD = "install etcd (Debian: etcd-server)"
FLAGS = (
    "--authorization-mode=RBAC",
    "--endpoint-reconciler-type=none",
    "--allow-privileged=true",  # else its own policy would refuse what Pod Security is to refuse
    "--disable-admission-plugins=ServiceAccount",  # whose accounts a controller would make
    "--feature-gates=ImageVolume=true",
    "--service-cluster-ip-range=10.0.0.0/24",
    "--service-account-issuer=test",
    "--watch-cache=false",
    "--profiling=false",
)


class KubernetesServer:
    """etcd and the API server, on free ports of 127.0.0.1 and in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = _free_ports(3)
        self._processes: list[subprocess.Popen[bytes]] = []
        self.kubeconfig = folder / "kubeconfig"

    def start(self) -> None:
        """Start both, and wait until the server is ready and knows the operator's kinds."""
        client, peer, port = self._ports
        etcd = require_program("etcd", ETCD)
        urls = [f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"]
        own = ("client-urls", "peer-urls")
        addresses = [f"--listen-{name}={url}" for name, url in zip(own, urls, strict=True)]
        advertised = ["--advertise-client-urls=" + urls[0], "--initial-advertise-peer-urls=" + urls[1]]
        cluster = [f"--initial-cluster=default={urls[1]}", f"--data-dir={self._folder / 'etcd'}", "--unsafe-no-fsync"]
        self._launch("etcd", [etcd, *addresses, *advertised, *cluster])
        self._launch("api", [str(tool("kube-apiserver")), *FLAGS, *self._own_flags(urls[0], port)])
        self._write_kubeconfig(port)
        self._wait_until_ready(port)
        self.kubectl("apply", "--server-side", "-f", operator_crds())
        self.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")

    def stop(self) -> None:
        """End both, the API server first."""
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(15)

    def kubectl(self, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run kubectl against it."""
        done = run_tool("kubectl", "--kubeconfig", self.kubeconfig, *arguments)
        if check and done.returncode:
            raise AssertionError(f"kubectl {arguments}: {done.stderr}")
        return done

    def helm(self, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run helm against it."""
        done = run_tool("helm", *arguments, "--kubeconfig", self.kubeconfig)
        if check and done.returncode:
            raise AssertionError(f"helm {arguments}: {done.stderr}")
        return done

    def get(self, *arguments: object) -> Any:
        """Return what `kubectl get` says."""
        return json.loads(self.kubectl("get", *arguments, "--output=json").stdout)

    def _launch(self, name: str, command: list[str]) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            )

    def _own_flags(self, etcd: str, port: int) -> list[str]:
        key = self._folder / "account.key"
        openssl = require_program("openssl", "install openssl")
        subprocess.run([openssl, "genrsa", "-out", str(key), "2048"], check=True, capture_output=True, timeout=60)
        tokens = self._folder / "tokens.csv"
        tokens.write_text(f"{TOKEN},admin,admin,system:masters\n")
        return [
            f"--etcd-servers={etcd}",
            f"--secure-port={port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--cert-dir={self._folder / 'certificates'}",
            f"--token-auth-file={tokens}",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
        ]

    def _write_kubeconfig(self, port: int) -> None:
        cluster = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": TOKEN}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "current-context": "test",
        }
        self.kubeconfig.write_text(json.dumps(config))
        self.kubeconfig.chmod(0o600)

    def _wait_until_ready(self, port: int) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            if any(process.poll() is not None for process in self._processes):
                break
            with contextlib.suppress(urllib.error.URLError, OSError):
                asked = urllib.request.Request(
                    f"https://127.0.0.1:{port}/readyz", headers={"Authorization": f"Bearer {TOKEN}"}
                )
                with urllib.request.urlopen(asked, timeout=5, context=context):
                    return
            time.sleep(0.2)
        logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in self._folder.glob("*.log"))
        raise AssertionError(f"the API server is not ready:\n{logs}")


@contextlib.contextmanager
def running_kubernetes(folder: Path) -> Iterator[KubernetesServer]:
    """Start an API server for the time of a `with`; its data is removed at the end."""
    server = KubernetesServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder / "etcd", ignore_errors=True)


def _free_ports(n: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(n)]
        return [each.getsockname()[1] for each in sockets]
