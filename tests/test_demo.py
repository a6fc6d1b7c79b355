"""`make demo` finds what is true, and ends by itself where nobody can press Ctrl-C."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo.found import Count, Finding, Part, split_traffic
from tests.needs import require_java, require_model, require_prometheus

ROOT = Path(__file__).parents[1]
SHARE = r" +([\d.]+)% \[ *([\d.]+)%, +([\d.]+)%\] +"
FINDING = re.compile(
    r"^(before|after) .*: ([\d,]+) prompts\n"
    rf".*uncovered \(p ≤ 0\.05\){SHARE}5% .*\n"
    rf".*new{SHARE}truth ([\d.]+)%: (\w+)$",
    re.MULTILINE,
)


def run(module: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def check_findings(output: str) -> None:
    found = {match[1]: match for match in FINDING.finditer(output)}
    assert set(found) == {"before", "after"}, output
    for match in found.values():
        prompts, *uncovered, new, lower, upper, truth = (float(part.replace(",", "")) for part in match.groups()[1:-1])
        assert prompts > 1000
        assert lower <= truth <= upper, match[0]
        assert lower <= new <= upper
        assert uncovered[1] <= uncovered[0] <= uncovered[2]
        assert match.groups()[-1] == "inside"
    assert float(found["before"][3]) < 10 < float(found["after"][4]), "the new topics are seen"


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_finds_the_truth_and_ends_by_itself():
    require_model()
    output = run("demo.run_demo")
    check_findings(output)
    assert re.search(r"http://127\.0\.0\.1:\d+/metrics", output)


@pytest.mark.kafka
@pytest.mark.prometheus
@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_finds_the_same_through_kafka_and_prometheus():
    require_model()
    require_java()
    require_prometheus()
    output = run("demo.run_demo_kafka")
    check_findings(output)
    answers = [float(value) for value in re.findall(r"^ +=  *([\d.]+)$", output, re.MULTILINE)]
    assert len(answers) == 2
    assert answers[0] < 0.1 < answers[1]


def test_the_traffic_is_cut_where_the_new_topics_begin(tmp_path):
    before, after = split_traffic(tmp_path)
    lines = (ROOT / "demo/traffic.jsonl").read_bytes().splitlines(keepends=True)
    assert before.path.read_bytes() + after.path.read_bytes() == b"".join(lines)
    assert before.lines + after.lines == len(lines)
    assert before.truth == 0 < after.truth
    assert "05 March, 09:00" in before.name


def part(truth: float) -> Part:
    return Part("a part", Path(), 1000, truth)


def test_what_is_uncovered_by_chance_is_not_new():
    finding = Finding(part(0.0), Count(1000, 1000, 50, 500))
    assert finding.uncovered[0] == pytest.approx(0.05)
    assert finding.new[0] == finding.new[1] == 0 < finding.new[2] < 0.12
    assert "truth 0.0%: inside" in str(finding)


def test_a_quarter_of_strangers_is_a_quarter_new():
    finding = Finding(part(0.25), Count(1000, 1000, 250 + 37, 250 + 375))
    assert finding.new[0] == pytest.approx(0.25)
    assert "inside" in str(finding)


def test_a_truth_outside_the_interval_is_shouted():
    assert "OUTSIDE" in str(Finding(part(0.5), Count(1000, 1000, 50, 500)))
