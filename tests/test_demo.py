"""`make demo` finds what is true, and ends by itself where nobody can press Ctrl-C."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo import answers, run_demo
from demo.found import Count, Finding, Part, compare, split_traffic
from tests.needs import require_java, require_model, require_prometheus

ROOT = Path(__file__).parents[1]
SHARE = r" +([\d.]+)% \[ *([\d.]+)%, +([\d.]+)%\] +"
FINDING = re.compile(
    r"^(before|after) .*: ([\d,]+) prompts\n"
    rf".*uncovered \(p ≤ 0\.1\){SHARE}10% .*\n"
    rf" +beyond [a-z ]+?{SHARE}truth ([\d.]+)%: (\w+)$",
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
    assert re.search(r"^  page +0[5-8] March, \d\d:\d\d$", output, re.MULTILINE), output
    (lower,) = re.findall(r"^  times as often .*\[([\d.]+), [\d.]+\]$", output, re.MULTILINE)
    assert float(lower) > 1, "new topics are refused more often"
    assert re.search(r"^  alarms +none \(of diversity, ", output, re.MULTILINE), output


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_finds_the_truth_and_ends_by_itself():
    require_model()
    output = run("demo.run_demo")
    check_findings(output)
    (began,) = re.findall(r"^  the drift began +05 March, (\d\d):\d\d   truth 05 March, 09:00$", output, re.MULTILINE)
    assert 6 <= int(began) <= 12
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
    assert answers[0] < 0.13 < answers[1]


def test_the_traffic_is_cut_where_the_new_topics_begin(tmp_path):
    before, after = split_traffic(tmp_path)
    lines = (ROOT / "demo/traffic.jsonl").read_bytes().splitlines(keepends=True)
    assert before.path.read_bytes() + after.path.read_bytes() == b"".join(lines)
    assert before.lines + after.lines == len(lines)
    assert before.truth == 0 < after.truth
    assert "05 March, 09:00" in before.name


def part(truth: float) -> Part:
    return Part("a part", Path(), 1000, truth)


@pytest.fixture
def two_parts(tmp_path, monkeypatch):
    """Two parts of two lines, and an agent that has counted, one call later, what was polled."""
    paths = [tmp_path / "before.jsonl", tmp_path / "after.jsonl"]
    for path in paths:
        path.write_text('{"prompt": "a"}\n{"prompt": "b"}\n')
    monkeypatch.setattr(answers, "read_samples", lambda _url: {})
    counts = iter([Count(0, 0, 0), Count(2, 2, 0), Count(2, 2, 0), Count(4, 4, 1)])
    monkeypatch.setattr(run_demo, "read_count", lambda _url: next(counts))
    return [Part(path.stem, path, 2, 0.0) for path in paths]


def test_the_second_part_waits_until_the_first_is_counted(two_parts, capsys):
    source = run_demo.Parts(two_parts, "", stay=False)
    polled = [source.poll() for _ in range(5)]
    assert [len(batch.records) for batch in polled] == [2, 0, 2, 0, 0]
    assert [batch.end for batch in polled] == [False] * 4 + [True]
    shown = capsys.readouterr().out
    assert "before: 2 prompts" in shown
    assert "after: 2 prompts" in shown


def test_in_a_terminal_the_stream_does_not_end(two_parts, capsys, monkeypatch):
    monkeypatch.setattr(run_demo.time, "sleep", lambda _seconds: None)
    source = run_demo.Parts(two_parts, "http://127.0.0.1:1", stay=True)
    assert not any(source.poll().end for _ in range(20))
    assert "http://127.0.0.1:1/metrics serves these numbers until Ctrl-C" in capsys.readouterr().out
    source.close()


def test_what_is_uncovered_by_chance_is_not_new():
    (finding,) = compare([part(0.0)], [Count(1000, 1000, 100)])
    assert finding.uncovered().value == pytest.approx(0.1)
    assert finding.new().value == pytest.approx(0)
    assert finding.new().lower == 0 < finding.new().upper < 0.05
    assert "truth 0.0%: inside" in str(finding)


@pytest.mark.parametrize("usual", [50, 100])
def test_a_quarter_of_strangers_is_a_quarter_new_however_much_is_usual(usual):
    counts = [Count(1000, 1000, usual), Count(1000, 1000, 250 + round(0.75 * usual))]
    _, finding = compare([part(0.0), part(0.25)], counts)
    assert finding.new().value == pytest.approx(0.25, abs=0.001)
    assert finding.new().upper - finding.new().lower < 0.2
    assert "truth 25.0%: inside" in str(finding)


def test_a_truth_outside_the_interval_is_shouted():
    assert "OUTSIDE" in str(Finding(part(0.5), Count(1000, 1000, 100)))


TRUTH = {
    "new_topics": {"from": "2026-03-05T09:00:00Z"},
    "refused": {"new": {"rows": 10, "refused": 4}, "known": {"rows": 200, "refused": 3}},
}


def test_answers_stand_beside_the_truth():
    pager = {
        "alarm": 1,
        "alarm_timestamp_seconds": 1772723589,
        "change_timestamp_seconds": 1772701489,
        "run_length": 7e4,
    }
    counts = {"0.01": (3, 8), "0.05": (0, 2), "0.2": (1, 100), "1": (2, 200)}
    samples = {
        **{f'offmap_pager_{name}{{reference="tolerated",side="prompt"}}': value for name, value in pager.items()},
        **{f'offmap_outcomes_total{{band="{band}",kind="refused"}}': some for band, (some, _) in counts.items()},
        **{f'offmap_outcome_exchanges_total{{band="{band}",kind="refused"}}': n for band, (_, n) in counts.items()},
        **{f'offmap_failure_ratio{end}{{kind="refused"}}': x for end, x in (("", 30), ("_lower", 5), ("_upper", 99))},
        'offmap_collapse_alarm{metric="echo"}': 1.0,
        'offmap_collapse_alarm{metric="tail"}': 0.0,
    }
    found = "\n".join(answers.answers(samples, TRUTH))
    assert re.search(r"page +05 March, 15:13$", found, re.MULTILINE)
    assert re.search(r"began +05 March, 09:04   truth 05 March, 09:00$", found, re.MULTILINE)
    assert "70,000" in found
    assert re.search(r"refused +30\.0% off the map, 1\.0% on it$", found, re.MULTILINE)
    assert re.search(r"truth +40\.0% of new topics, 1\.5% of known ones$", found, re.MULTILINE)
    assert re.search(r"often +30\.0 \[5\.0, 99\.0\]$", found, re.MULTILINE)
    assert re.search(r"alarms +echo \(of echo, tail\)$", found, re.MULTILINE)


def test_what_an_agent_does_not_know_is_not_answered():
    found = "\n".join(answers.answers({}, TRUTH))
    assert "no page" in found
    assert "not known off the map, not known on it" in found
    assert "often" not in found
