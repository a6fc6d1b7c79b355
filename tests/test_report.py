import io
import math

import pytest
from rich.console import Console

from agent.metric_table import P_VALUE_EDGES
from agent.report import SHOWN_LEVELS, findings, print_report
from agent.report_collapse import _rare
from agent.report_drift import drift_lines, print_drift
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


def test_the_report_says_what_became_of_what_came_apart() -> None:
    joins = {("half", "joined"): 0.0, ("feedback", "unmatched"): 2.0, ("feedback", "joined"): 1168.0}
    text = printed({"offmap_joins": joins})
    assert "verdicts in messages of their own: 1,168 joined, 2 unmatched\n" in text
    assert "requests or responses" not in text


def test_horizons_that_the_log_does_not_reach_are_not_said_again() -> None:
    ratios = {("prompt", "1000"): 0.75, ("prompt", "10000"): 0.9, ("prompt", "100000"): 0.9}
    assert [
        "last 1000 " in line or "last 10000 " in line for line in drift_lines({"offmap_coverage_ratio": ratios})
    ] == [True] * 2


def test_rare_cells_are_told_as_ratios() -> None:
    snapshot = {"offmap_rare_share": {(): 0.17}, "offmap_rare_share_expected": {(): 0.2}}
    snapshot |= {
        f"offmap_survival{end}": {(): math.log(value)} for end, value in (("", 0.9), ("_lower", 0.7), ("_upper", 1.1))
    }
    assert list(_rare(snapshot)) == [
        (
            "rare training cells: 17.0% of exchanges on the map lie there, 20.0% expected; "
            "there they end well 0.90 times as often as in common cells (0.70 to 1.10)"
        )
    ]


def test_nothing_scored_is_said() -> None:
    text = printed({"offmap_records": {("not_json",): 3.0}})
    assert "Nothing was scored." in text
    assert "records: 3 not_json" in text
    assert "records: none" in printed({})


def test_the_lift_and_what_was_fitted_on_are_in_the_table() -> None:
    assert "× 6.0" in printed(SNAPSHOT)
    assert "training distribution" in printed(SNAPSHOT)
    console = Console(file=io.StringIO(), width=100)
    print_report(SNAPSHOT, 0.05, console, reference="production")
    assert "Share outside accepted production" in console.file.getvalue()


NOON = 1_750_000_000.0
DRIFTED = {
    "offmap_pager_off": {("prompt",): 0.0},
    "offmap_pager_alarm": {("prompt", "baseline"): 1.0},
    "offmap_pager_alarm_timestamp_seconds": {("prompt", "baseline"): NOON + 7200},
    "offmap_pager_change_timestamp_seconds": {("prompt", "baseline"): NOON},
    "offmap_slice_pager_alarm": {("big", "slice_baseline"): 0.0, ("other", "baseline"): 0.0},
    "offmap_slice_pager_evidence": {("big", "slice_baseline"): 2.25},
    "offmap_slice_pager_threshold": {("big", "slice_baseline"): 9.5, ("other", "baseline"): 9.5},
    "offmap_mix_changed": {("prompt", "training"): 1.0},
    "offmap_mix_change": {("prompt", "training", "50"): 0.5, ("prompt", "training", "200"): 1.25},
    "offmap_mix_changed_timestamp_seconds": {("prompt", "training"): NOON},
    "offmap_coverage_ratio": {("prompt", "1000"): 0.75},
    "offmap_lost_mass": {("prompt",): 0.125},
    "offmap_lost_cells": {("prompt",): 3.0},
    "offmap_lost_evidence": {("prompt",): 20.0},
    "offmap_prompt_diversity_ratio": {("training", "0.5"): 0.8, ("training", "2"): 0.9},
    "offmap_alpha_precision": {("prompt", "1h"): 0.875},
    "offmap_script_texts": {("prompt", "han"): 1.0, ("prompt", "latin"): 3.0, ("response", "none"): 2.0},
    "offmap_reference_script_share": {("prompt", "han"): 0.0, ("prompt", "latin"): 0.99},
}


def test_a_page_says_when_and_against_what_and_everything_else_that_moved() -> None:
    page, *rest = drift_lines(DRIFTED)
    assert page.startswith("pager of prompts: PAGED at 2025-06-15 17:06+00:00, the drift began about 2025-06-15 15:06")
    assert page.endswith("against the recorded baseline")
    assert rest == [
        "pager of the slice big: quiet, evidence 2.2 of 9.5 that pages, against its own recorded baseline",
        "mix of prompts: CHANGED at 2025-06-15 15:06+00:00, now 1.25 of what warns, against training",
        (
            "cells visited by the last 1000 prompts on the map (or all, where fewer came): "
            "0.75 of what as many texts like the reference would visit"
        ),
        "LOST: 3 cells, 12.5% of the reference, not visited any more, evidence 20.0",
        "diversity of prompts over that of training: 0.80 (order 0.5), 0.90 (order 2)",
        "scripts of prompts: latin 75.0% (reference 99.0%), han 25.0% (reference 0.0%)",
        "scripts of responses: none 100.0%",
        "prompts of the last 1h: alpha-precision 0.88 (1: p-values as the reference's)",
    ]
    console = Console(file=io.StringIO(), width=40)
    print_drift(DRIFTED, console)
    assert len(console.file.getvalue().splitlines()) == 9


def test_a_pager_that_is_off_says_so() -> None:
    (line,) = drift_lines({"offmap_pager_off": {("prompt",): 1.0}})
    assert line.startswith("pager of prompts: off, nothing was accepted")
    assert list(drift_lines({})) == []
