"""What holds for every test: nothing is skipped in CI, nothing leaves this machine, nothing is left running."""

import contextlib
import ipaddress
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.needs import in_ci, require_java

# Time limits on an example say how busy the machine is; in CI the same examples every time.
hypothesis.settings.register_profile("laptop", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)


def pytest_configure(config: pytest.Config) -> None:
    hypothesis.settings.load_profile("ci" if in_ci() else "laptop")
    os.environ["HF_HUB_OFFLINE"] = "1"  # a model is a folder or a package here, never a download
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to end, it ends what it started too
    for name in [name for name in os.environ if name.startswith("OFFMAP_") and name != "OFFMAP_CACHE"]:
        del os.environ[name]  # the settings of whoever types `make test` are not the tests'


def fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure that prints its reason; an expected failure (xfail) stays what it is."""
    if in_ci() and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: nothing may be skipped in CI: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    report = yield
    fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[Any]:
    report = yield
    fail_if_skipped(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    if exitstatus:
        seed = config.getoption("randomly_seed", None)
        terminalreporter.write_line(f"the same order and random numbers again: make test ARGS='--randomly-seed={seed}'")


@pytest.fixture(scope="session", autouse=True)
def only_loopback() -> Iterator[None]:
    """Refuse every connection that Python code makes to another machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not _is_loopback(address[0]):
            raise AssertionError(f"a test connects to {address[0]}, which is not this machine")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(scope="session", autouse=True)
def no_process_left() -> Iterator[None]:
    """Fail the run if a process that a test started is still there at the end."""
    yield
    left = {pid: command for pid, command in _children().items() if "multiprocessing.resource_tracker" not in command}
    assert not left, f"still running after the tests: {left}"


def _children() -> dict[int, str]:
    """Return this process's children with their command lines; nothing where there is no /proc."""
    found = {}
    for listing in Path("/proc/self/task").glob("*/children"):
        for pid in listing.read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended just now
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                found[int(pid)] = command.replace(b"\0", b" ").decode(errors="replace").strip()
    return found


@pytest.fixture(scope="session")
def broker() -> Iterator[Any]:
    """A real Kafka with every kind of listener, shared by all tests: each takes a topic of its own."""
    require_java()
    from tests.kafka_broker import running_broker

    with running_broker(secure=True) as running:
        yield running


@pytest.fixture(scope="session")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real API server, shared by all tests: each takes a namespace of its own."""
    from tests.kubernetes_server import running_kubernetes

    with running_kubernetes(tmp_path_factory.mktemp("kubernetes")) as running:
        yield running


@pytest.fixture(scope="session")
def model_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart of a model server with the sidecar."""
    from tests.kubernetes_render import example

    return example(tmp_path_factory.mktemp("example"))
