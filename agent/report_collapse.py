"""What became of the answers in a replay, given what was asked; rare cells and provenance: as tables for people."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from agent.metric_rows_collapse import MEANINGS

if TYPE_CHECKING:
    from agent.tally import Snapshot


class AnswerFinding(NamedTuple):
    """One measure of the answers over the last full window of one size; what is not known is None."""

    metric: str
    window: int
    value: float
    expected: float | None
    z: float
    alarm: float | None


def answer_findings(snapshot: Snapshot) -> list[AnswerFinding]:
    """Return each measure over the largest window that was full.

    Examples
    --------
    >>> z = {("echo", "256"): 0.5, ("echo", "512"): 4.5}
    >>> snapshot = {"offmap_collapse_z": z, "offmap_answer_share": {("echo", "512"): 0.1}}
    >>> [(one.metric, one.window, one.value, one.z) for one in answer_findings(snapshot)]
    [('echo', 512, 0.1, 4.5)]
    """
    largest: dict[str, int] = {}
    for metric, window in snapshot.get("offmap_collapse_z", {}):
        largest[metric] = max(largest.get(metric, 0), int(window))
    found = []
    values = {**snapshot.get("offmap_answer_diversity", {}), **snapshot.get("offmap_answer_share", {})}
    for metric, size in largest.items():
        labels = (metric, str(size))
        expected = snapshot.get("offmap_answer_share_expected", {}).get(labels)
        alarm = snapshot.get("offmap_collapse_alarm", {}).get((metric,))
        numbers = (values[labels], expected, snapshot["offmap_collapse_z"][labels], alarm)
        found.append(AnswerFinding(metric, size, *cast("tuple[float, float | None, float, float | None]", numbers)))
    return found


def print_answers(snapshot: Snapshot, console: Console | None = None) -> None:
    """Print how the answers compare with training's, and how exchanges end by training cell; else nothing."""
    console = console or Console()
    if found := answer_findings(snapshot):
        accepted = _number(snapshot, "offmap_collapse_baseline") == 1
        console.print(_table(found, "accepted ones" if accepted else "training's"))
        if not accepted:
            console.print("No model answers as its training set does: `offmap baseline` records what is accepted.")
    for line in (*_rare(snapshot), *_provenance(snapshot)):
        console.print(line, markup=False, highlight=False)


def _table(found: list[AnswerFinding], beside: str) -> Table:
    title = f"Answers, given what was asked, beside {beside} (the last full window)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("what")
    for name in ("window", "found", "expected", "z", "alarm"):
        table.add_column(name, justify="right")
    for one in found:
        is_share = one.expected is not None
        value = f"{one.value:.1%}" if is_share else f"{one.value:+.3f}"
        alarm = {None: "–", 0.0: "", 1.0: "yes"}[one.alarm]
        expected = f"{one.expected:.1%}" if is_share else "0"
        table.add_row(MEANINGS[one.metric], f"{one.window:,}", value, expected, f"{one.z:+.1f}", alarm)
    return table


_SURVIVAL = {
    "offmap_survival": "there they end well {:.2f} times as often as in common cells ({:.2f} to {:.2f})",
    "offmap_survival_change": "which is {:.2f} times what the baseline had ({:.2f} to {:.2f})",
}


def _rare(snapshot: Snapshot) -> Iterator[str]:
    share, expected = (_number(snapshot, f"offmap_rare_share{end}") for end in ("", "_expected"))
    if share is None or expected is None:
        return
    line = f"rare training cells: {share:.1%} of exchanges on the map lie there, {expected:.1%} expected"
    for name, what in _SURVIVAL.items():
        value, low, high = (_number(snapshot, f"{name}{end}") for end in ("", "_lower", "_upper"))
        if value is not None and low is not None and high is not None:
            line += "; " + what.format(exp(value), exp(low), exp(high))
    yield line


def _provenance(snapshot: Snapshot) -> Iterator[str]:
    counts: dict[str, float] = {}
    for (band, _), count in snapshot.get("offmap_provenance_exchanges", {}).items():
        counts[band] = counts.get(band, 0.0) + cast("float", count)
    if total := sum(counts.values()):
        above = (counts.get("0.7", 0.0) + counts.get("1", 0.0), counts.get("1", 0.0))
        shares = " and ".join(
            f"{count / total:.1%} above {edge}" for count, edge in zip(above, (0.3, 0.7), strict=True)
        )
        yield f"synthetic share of the training cells asked about: {shares} (provenance, not proof of harm)"


def _number(snapshot: Snapshot, name: str) -> float | None:
    return cast("float | None", snapshot.get(name, {}).get(()))
