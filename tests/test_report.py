import io

import pytest
from rich.console import Console

from agent.metric_table import P_VALUE_EDGES
from agent.report import SHOWN_LEVELS, findings, print_report
from agent.tally import Histogram
from detectors.interval import anytime_interval

COUNTS = (0, 0, 0, 0, 0, 0, 10, 0, 20, 10, 20, 40, 0, 0)
SNAPSHOT = {
    "offmap_records": {("decoded",): 100.0, ("not_json",): 3.0},
    "offmap_texts": {("prompt", "scored"): 100.0, ("prompt", "empty"): 2.0, ("response", "off"): 102.0},
    "offmap_p_value": {("prompt",): Histogram(COUNTS, 20.0)},
    "offmap_window_texts": {("prompt", "5m"): 40.0},
    "offmap_uncovered_share": {("prompt", "5m", "0.05"): 0.5},
    "offmap_uncovered_share_lower": {("prompt", "5m", "0.05"): 0.3},
    "offmap_uncovered_share_upper": {("prompt", "5m", "0.05"): 0.7},
}


def printed(snapshot: object) -> str:
    console = Console(file=io.StringIO(), width=100)
    print_report(snapshot, 0.05, console)
    return console.file.getvalue()


def test_levels_are_edges_of_the_histogram() -> None:
    assert set(SHOWN_LEVELS) <= set(P_VALUE_EDGES)
    assert len(COUNTS) == len(P_VALUE_EDGES) + 1


def test_the_whole_replay_comes_from_the_histogram() -> None:
    found = {one.level: one for one in findings(SNAPSHOT) if one.stretch == "all"}
    assert {level: one.share for level, one in found.items()} == {0.01: 0.1, 0.05: 0.3, 0.1: 0.4}
    lower, upper = anytime_interval(30, 70, 0.05)
    assert (found[0.05].lower, found[0.05].upper) == (pytest.approx(lower), pytest.approx(upper))


def test_windows_are_as_exported() -> None:
    (window,) = [one for one in findings(SNAPSHOT) if one.stretch == "last 5m"]
    assert window == ("prompt", "last 5m", 40, 0.05, 0.5, 0.3, 0.7)


def test_the_report_says_it_in_words() -> None:
    text = printed(SNAPSHOT)
    assert "records: 100 decoded, 3 not_json" in text
    assert "prompts: 100 scored, 2 empty" in text
    assert "responses: 102 off" in text
    assert "30.0%" in text
    assert "95% interval" in text


def test_nothing_scored_is_said() -> None:
    text = printed({"offmap_records": {("not_json",): 3.0}})
    assert "Nothing was scored." in text
    assert "records: 3 not_json" in text
    assert "records: none" in printed({})
