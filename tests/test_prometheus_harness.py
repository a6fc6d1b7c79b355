"""The harness finds what it must find: values, resets, bad expositions, a target that is down."""

import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.needs import require_prometheus
from tests.prometheus_server import PrometheusServer, check_metrics, counter_steps_back
from tests.server_process import ServerError

pytestmark = pytest.mark.prometheus


@pytest.fixture(scope="module")
def page():
    """A page of metrics whose text a test may change."""
    shown = {"text": ""}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(shown["text"].encode())

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        shown["target"] = f"127.0.0.1:{server.server_port}"
        yield shown
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def prometheus(page):
    require_prometheus()
    with PrometheusServer(page["target"]) as server:
        yield server


def counter(value: int) -> str:
    return f'# HELP a_total A.\n# TYPE a_total counter\na_total{{x="1"}} {value}\n'


def test_it_sees_values_and_steps_back(page, prometheus):
    page["text"] = counter(7)
    assert prometheus.wait_for("a_total == 7") == 7
    page["text"] = counter(3)
    prometheus.wait_for("a_total == 3")
    (points,) = prometheus.raw("a_total").values()
    assert [(before, after) for _, before, after in counter_steps_back(points)] == [(7, 3)]
    ((labels, value),) = prometheus.query("a_total").items()
    assert dict(labels)["x"] == "1"
    assert value == prometheus.value("a_total") == 3
    assert prometheus.range("a_total", points[0][0], points[-1][0])


def test_unknown_is_absent_and_waiting_for_it_ends(prometheus):
    prometheus.wait_for("up")
    assert prometheus.value("no_such_metric") is None
    with pytest.raises(ServerError, match=r"no answer after 0 s; targets: \['http://127"):
        prometheus.wait_for("no_such_metric", seconds=0.3)


def test_a_wrong_query_says_what_is_wrong(prometheus):
    with pytest.raises(ServerError, match="parse error"):
        prometheus.query("sum(")


def test_several_series_are_not_one_value(page, prometheus):
    page["text"] = 'b{x="1"} 1\nb{x="2"} 2\n'
    prometheus.wait_for("count(b) == 2")
    with pytest.raises(ServerError, match="2 series"):
        prometheus.value("b")
    assert prometheus.value("scalar(count(b))") == 2


def test_promtool_passes_a_good_page_and_names_what_is_bad():
    require_prometheus()
    assert check_metrics(counter(1)) == []
    assert any("a_count" in line for line in check_metrics("# HELP a_count A.\n# TYPE a_count counter\na_count 1\n"))
    assert check_metrics("what is this")


def test_a_killed_server_ends_the_test_not_the_machine(page):
    require_prometheus()
    with PrometheusServer(page["target"]) as server:
        folder, pid = server._folder, server._process.pid
        os.kill(pid, signal.SIGKILL)
    assert not folder.exists()
    assert not Path(f"/proc/{pid}").exists()


def test_a_broken_rule_file_is_reported_at_the_start(page, tmp_path, monkeypatch):
    require_prometheus()
    monkeypatch.setattr("tests.server_process.START_TRIES", 1)
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: 3")
    with pytest.raises(ServerError, match=r"rules\.yml"), PrometheusServer(page["target"], rules=(rules,)):
        pass
