"""The few figures that the main README shows, taken from the kept results: `tests.readme` writes them there."""

import re
from collections.abc import Iterator

from benchmarks.results import load
from benchmarks.table import Row

FIGURES = (
    (
        "CLINC150 without labels, through `fit` and `replay`: AUROC / AUPR / FPR at 95 % TPR",
        "clinc",
        r"CLINC150, the mix",
    ),
    ("the same with `--local-term`", "clinc", r"CLINC150, with the local term"),
    ("the same with `--local-term` and `--label-field`", "clinc", r"CLINC150, with labels"),
    ("in-scope texts with p ≤ .05 / p ≤ .01, held out", "clinc", r"in-scope .* the mix, calibrated"),
    ("the same by cross-fitting", "clinc", r"in-scope .* the mix, by cross-fitting"),
    (
        "messages between false pages, `guaranteed`, 5,000 asked: simulated / CLINC150 / Alpaca",
        "false_alarms",
        r"pager without drift, guaranteed 5,000",
    ),
    (
        "messages until a page at 5 / 10 / 30 / 100 % out of scope, the same settings",
        "delay",
        r"messages until .* page, guaranteed 5,000",
    ),
    ("messages between false pages with the default run length", "false_alarms", r"pager .*, guaranteed 1,000,000"),
    ("messages until a page, likewise, with it", "delay", r"messages until .* page, guaranteed 1,000,000"),
    ("messages between alarms without drift, CLINC150, 5,000 asked", "peer_alarms", r"messages between .*calibrated"),
    ("messages until 5 % out of scope are told, the same settings", "peer_alarms", r"messages until 5% .*calibrated"),
    ("pages in two weeks with daily cycles, ten times", "false_alarms", r"pages in two weeks"),
    ("hours until 3 % new topics page, the slowest of ten", "false_alarms", r"hours until 3 %"),
    ("one look at 500 prompts, 5 % of them out of scope: power at 5 % false alarms", "window_power", r"power"),
    ("all detectors a message, embedded and scored", "cost", r"all detectors"),
)
"""Words, the benchmark, and a pattern of the measures whose values are shown."""


def markdown() -> str:
    """Write the table.

    Raises
    ------
    LookupError
        If nothing was kept of a figure.
    """
    lines = [_line(*figure) for figure in FIGURES]
    return "\n".join(["| measure | value | beside it |", "|---|---|---|", *lines])


def _line(words: str, name: str, pattern: str) -> str:
    rows = list(_rows(name, pattern))
    if not rows:
        raise LookupError(f"no {pattern!r} in the results of {name}: make bench ARGS='--only {name} --record'")
    beside = dict.fromkeys(row.reference for row in rows)
    return f"| {words} | {' / '.join(row.got for row in rows)} | {' / '.join(beside)} |"


def _rows(name: str, pattern: str) -> Iterator[Row]:
    kept = load().get(name)
    return (row for row in kept.rows if re.match(pattern, row.measure)) if kept else iter(())
