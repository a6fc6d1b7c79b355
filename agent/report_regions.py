"""The regions off the map that a replay found, as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from agent.tally import Snapshot

Terms = Mapping[str, Mapping[str, Sequence[str]]]


class RegionFinding(NamedTuple):
    """What is known of one region; what is not is None.

    `share` is of all texts since it has its name; `failed` says how many of its exchanges failed, and of how many.
    """

    side: str
    region: str
    texts: int
    share: float | None
    lower: float | None
    upper: float | None
    trend: float | None
    first_seen: float | None
    last_seen: float | None
    failed: tuple[int, int] | None = None


def region_findings(snapshot: Snapshot) -> list[RegionFinding]:
    """Return the regions of each side, the largest first.

    Examples
    --------
    >>> found = region_findings({"offmap_region_size": {("prompt", "r1"): 7.0, ("prompt", "r2"): 9.0}})
    >>> [(one.region, one.texts) for one in found]
    [('r2', 9), ('r1', 7)]
    """
    found = []
    for labels, size in snapshot.get("offmap_region_size", {}).items():
        values = {field: snapshot.get(f"offmap_region_{name}", {}).get(labels) for field, name in _COLUMNS.items()}
        known = cast("dict[str, float | None]", values)
        failed = _failed(snapshot, labels[1]) if labels[0] == "prompt" else None
        found.append(RegionFinding(labels[0], labels[1], int(cast("float", size)), **known, failed=failed))
    return sorted(found, key=lambda one: (one.side, -one.texts))


def _failed(snapshot: Snapshot, region: str) -> tuple[int, int] | None:
    names = ("offmap_region_failures", "offmap_region_exchanges")
    failed, exchanges = (int(cast("float", snapshot.get(name, {}).get((region,), 0.0))) for name in names)
    return (failed, exchanges) if exchanges else None


_COLUMNS = {
    "share": "share",
    "lower": "share_lower",
    "upper": "share_upper",
    "trend": "trend",
    "first_seen": "first_seen_timestamp_seconds",
    "last_seen": "last_seen_timestamp_seconds",
}


def print_regions(snapshot: Snapshot, terms: Terms, alpha: float = 0.05, console: Console | None = None) -> None:
    """Print the regions, how much of the rest is new each time, and the `terms` where there are any."""
    console = console or Console()
    found = region_findings(snapshot)
    for side in dict.fromkeys(one.side for one in found):
        mine = [one for one in found if one.side == side]
        console.print(_table(side, mine, alpha))
        for one in mine:
            if words := terms.get(side, {}).get(one.region):
                console.print(f" {one.region:>4}  {', '.join(words)}", markup=False, highlight=False)
    for (side,), rate in snapshot.get("offmap_new_region_rate", {}).items():
        console.print(f"{side}s off the map: {cast('float', rate):.0%} of the next ones would be unlike all before.")


def _table(side: str, found: list[RegionFinding], alpha: float) -> Table:
    table = Table(
        title=f"Regions of {side}s off the map",
        title_justify="left",
        box=SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    table.add_column("region")
    told = any(one.failed for one in found)
    names = ["texts", f"share ({1 - alpha:.0%} interval)", "trend", "first seen", "last seen"]
    for name in [*names, "failed"] if told else names:
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        share = f"{_percent(one.share)} ({_percent(one.lower)}–{_percent(one.upper)})"
        trend = "" if one.trend is None else f"× {one.trend:.1f}"
        ages = (_when(one.first_seen), _when(one.last_seen))
        failed = "" if one.failed is None else "{:,}/{:,}".format(*one.failed)
        columns = [f"{one.texts:,}", share, trend, *ages]
        table.add_row(one.region, *columns, *([failed] if told else []))
    return table


def _percent(share: float | None) -> str:
    return "?" if share is None else f"{share:.1%}"


def _when(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%d %b %H:%M")
