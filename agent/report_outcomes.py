"""Where the model failed in a replay, and whether its judge can be believed, as tables for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from agent.outcome_watch import NAMES

if TYPE_CHECKING:
    from agent.tally import Labels, Snapshot
    from config import OutcomeSettings

Counts = tuple[int, int]


class OutcomeFinding(NamedTuple):
    """Failures of one kind, and of how many exchanges, off the map and on it; what is not known is None."""

    kind: str
    uncovered: Counts
    covered: Counts
    ratio: float | None
    lower: float | None
    upper: float | None


def outcome_findings(snapshot: Snapshot, level: float) -> list[OutcomeFinding]:
    """Return the kinds of failure that were found; `level` parts what is off the map from what is on it.

    Examples
    --------
    >>> counts = {("0.01", "loop"): 3.0, ("1", "loop"): 2.0}
    >>> snapshot = {"offmap_outcomes": counts, "offmap_outcome_exchanges": {label: 10.0 for label in counts}}
    >>> [one[:3] for one in outcome_findings(snapshot, 0.05)]
    [('loop', (3, 10), (2, 10))]
    """
    failed, n = (_split(snapshot, name, level) for name in ("offmap_outcomes", "offmap_outcome_exchanges"))
    found = []
    for kind in NAMES:
        if any(part.get(kind) for part in failed):
            counts = [(each.get(kind, 0), all_.get(kind, 0)) for each, all_ in zip(failed, n, strict=True)]
            bounds = [_number(snapshot, f"offmap_failure_ratio{end}", (kind,)) for end in ("", "_lower", "_upper")]
            found.append(OutcomeFinding(kind, counts[0], counts[1], *bounds))
    return found


def print_outcomes(snapshot: Snapshot, settings: OutcomeSettings, console: Console | None = None) -> None:
    """Print how often answers failed off the map and on it, and what judges said of canaries; else nothing."""
    console = console or Console()
    if found := outcome_findings(snapshot, settings.uncovered_level):
        console.print(_table(found, settings))
        if not any(one.lower is not None for one in found):
            console.print("Fewer than 15 failures of each kind off the map: too few to compare.", highlight=False)
    for line in _judges(snapshot, settings.alpha):
        console.print(line, markup=False, highlight=False)


def _table(found: list[OutcomeFinding], settings: OutcomeSettings) -> Table:
    title = f"Where it fails: off the map is p ≤ {settings.uncovered_level:g}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("failure")
    for name in ("off the map", "on it", "ratio", f"{1 - settings.alpha:.0%} interval"):
        table.add_column(name, justify="right")
    for one in found:
        ratio = "–" if one.ratio is None else f"{one.ratio:.2f}"
        upper = "∞" if one.upper is None else f"{one.upper:.2f}"
        interval = "–" if one.lower is None else f"{one.lower:.2f} – {upper}"
        table.add_row(one.kind, _share(one.uncovered), _share(one.covered), ratio, interval)
    return table


def _judges(snapshot: Snapshot, alpha: float) -> Iterator[str]:
    families = {labels[0]: cast("float", n) for labels, n in snapshot.get("offmap_verdicts", {}).items()}
    if families:
        same = families.get("same", 0.0)
        yield f"judges: {sum(families.values()):,.0f} verdicts, {same:,.0f} by a judge of the generator's own family"
    bounds = [_number(snapshot, f"offmap_canary_pass_rate{end}", ()) for end in ("", "_lower", "_upper")]
    rate, lower, upper = bounds
    if rate is not None and lower is not None and upper is not None:
        word = ": its verdicts are worth nothing" if _number(snapshot, "offmap_canary_alarm", ()) == 1 else ""
        interval = f"{1 - alpha:.0%} interval {lower:.0%} – {upper:.0%}"
        yield f"answers bad for certain that the judge passed: {rate:.0%} ({interval}){word}"


def _share(counts: Counts) -> str:
    failed, n = counts
    return f"{failed:,} of {n:,} ({failed / n:.1%})" if n else "0 of 0"


def _split(snapshot: Snapshot, name: str, level: float) -> tuple[dict[str, int], dict[str, int]]:
    """Add a counter up over the bands off the map and on it, by kind."""
    parts: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for (band, kind), count in snapshot.get(name, {}).items():
        part = parts[0] if float(band) <= level else parts[1]
        part[kind] = part.get(kind, 0) + int(cast("float", count))
    return parts


def _number(snapshot: Snapshot, name: str, labels: Labels) -> float | None:
    return cast("float | None", snapshot.get(name, {}).get(labels))
