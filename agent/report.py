"""What a replay found, as a table for people. Reads the final snapshot and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.console import Console
from rich.table import Table

from agent.metric_table import BY_NAME
from detectors.tail import tail_lift

if TYPE_CHECKING:
    from agent.tally import Histogram, Labels, Sample, Snapshot

SHOWN_LEVELS = (0.01, 0.05, 0.1)
"""Levels of the whole replay; they are edges of the p-value histogram."""


class Finding(NamedTuple):
    """The uncovered share of one side over one stretch of traffic at one level.

    Attributes
    ----------
    side : str
    stretch : str
        "all", or the length of the window that ends with the newest message.
    texts : int
    level : float
        Also what the share would be if production were exchangeable with training.
    share, lower, upper : float
    """

    side: str
    stretch: str
    texts: int
    level: float
    share: float
    lower: float
    upper: float


def findings(snapshot: Snapshot, alpha: float = 0.05) -> list[Finding]:
    """Return the uncovered shares of the whole replay, then those of its last windows; α is the interval's.

    Examples
    --------
    >>> from agent.tally import Histogram
    >>> counts = (0, 0, 0, 0, 0, 0, 10, 0, 20, 10, 20, 40, 0, 0)
    >>> found = findings({"offmap_p_value": {("prompt",): Histogram(counts, 0.0)}})
    >>> [(one.level, one.share) for one in found]
    [(0.01, 0.1), (0.05, 0.3), (0.1, 0.4)]
    """
    return [*_whole(snapshot, alpha), *_windows(snapshot)]


def _whole(snapshot: Snapshot, alpha: float) -> Iterator[Finding]:
    edges = BY_NAME["offmap_p_value"].edges
    for (side,), histogram in snapshot.get("offmap_p_value", {}).items():
        counts = cast("Histogram", histogram).counts[: len(edges)]  # none lies above 1
        for level in SHOWN_LEVELS:
            if (lift := tail_lift(counts, edges, level, alpha)) is not None:
                yield Finding(side, "all", lift.n, level, *(each * level for each in lift[1:4]))


def _windows(snapshot: Snapshot) -> Iterator[Finding]:
    for labels, share in snapshot.get("offmap_uncovered_share", {}).items():
        side, window, level = labels
        lower = _number(snapshot, "offmap_uncovered_share_lower", labels)
        upper = _number(snapshot, "offmap_uncovered_share_upper", labels)
        texts = int(_number(snapshot, "offmap_window_texts", (side, window)))
        yield Finding(side, f"last {window}", texts, float(level), _plain(share), lower, upper)


def _number(snapshot: Snapshot, name: str, labels: Labels) -> float:
    return _plain(snapshot[name][labels])


def _plain(sample: Sample) -> float:
    return cast("float", sample)


def print_report(
    snapshot: Snapshot, alpha: float = 0.05, console: Console | None = None, reference: str = "training"
) -> None:
    """Print what became of records and texts, and the uncovered shares; the profile was fitted on `reference`."""
    console = console or Console()
    for line in (_outcomes(snapshot, "offmap_records"), *_statuses(snapshot), *_joins(snapshot)):
        console.print(line, markup=False, highlight=False)
    found = findings(snapshot, alpha)
    if found:
        console.print(_table(found, alpha, reference))
    else:
        console.print("Nothing was scored.")


def _outcomes(snapshot: Snapshot, name: str) -> str:
    counts = sorted(((labels[0], _plain(count)) for labels, count in snapshot.get(name, {}).items()), key=_by_count)
    return "records: " + (", ".join(f"{count:,.0f} {label}" for label, count in counts) or "none")


def _statuses(snapshot: Snapshot) -> Iterator[str]:
    texts = snapshot.get("offmap_texts", {})
    for side in dict.fromkeys(labels[0] for labels in texts):
        counts = sorted(((labels[1], _plain(n)) for labels, n in texts.items() if labels[0] == side), key=_by_count)
        yield f"{side}s: " + ", ".join(f"{count:,.0f} {status}" for status, count in counts)


def _joins(snapshot: Snapshot) -> Iterator[str]:
    joins = snapshot.get("offmap_joins", {})
    for part in dict.fromkeys(labels[0] for labels in joins):
        counts = sorted(
            ((labels[1], _plain(n)) for labels, n in joins.items() if labels[0] == part and n), key=_by_count
        )
        if counts:
            yield f"{_APART.get(part, part)} in messages of their own: " + ", ".join(
                f"{n:,.0f} {how}" for how, n in counts
            )


_APART = {"half": "requests or responses", "feedback": "verdicts"}


def _by_count(item: tuple[str, float]) -> float:
    return -item[1]


OUTSIDE = {"training": "the training distribution", "production": "accepted production"}


def _table(found: list[Finding], alpha: float, reference: str) -> Table:
    table = Table(title=f"Share outside {OUTSIDE.get(reference, reference)}", title_justify="left")
    for name in ("side", "stretch"):
        table.add_column(name)
    for name in ("texts", "level", "share", f"{1 - alpha:.0%} interval", "expected", "lift"):
        table.add_column(name, justify="right")
    for one in found:
        interval = f"{one.lower:.1%} – {one.upper:.1%}"
        shares = (f"{one.share:.1%}", interval, f"{100 * one.level:g}%", f"× {one.share / one.level:.1f}")
        row = (f"{one.texts:,}", f"p ≤ {one.level:g}", *shares)
        table.add_row(one.side, one.stretch, *row, end_section=one.level == found[-1].level)
    return table
