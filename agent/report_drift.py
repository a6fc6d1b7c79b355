"""What a replay says of change: the pager, the mix, the cells visited, diversity. Reads the final snapshot only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from rich.console import Console

if TYPE_CHECKING:
    from agent.tally import Labels, Snapshot

_ACCEPTED = {
    "baseline": "the recorded baseline",
    "slice_baseline": "its own recorded baseline",
    "tolerated": "the tolerated share",
    "training": "training",
    "production": "the production that the profile was fitted on",
}


def print_drift(snapshot: Snapshot, console: Console | None = None) -> None:
    """Print a line for each thing that is known."""
    console = console or Console()
    for line in drift_lines(snapshot):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def drift_lines(snapshot: Snapshot) -> Iterator[str]:
    """Yield the lines.

    Examples
    --------
    >>> alarm, evidence = {("prompt", "tolerated"): 0.0}, {("prompt", "tolerated"): 1.5}
    >>> seen = {"offmap_pager_alarm": alarm, "offmap_pager_evidence": evidence}
    >>> list(drift_lines({**seen, "offmap_pager_threshold": {("prompt", "tolerated"): 8.5}}))
    ['pager of prompts: quiet, evidence 1.5 of 8.5 that pages, against the tolerated share']
    """
    for (side,), off in snapshot.get("offmap_pager_off", {}).items():
        if off:
            yield f"pager of {side}s: off, nothing was accepted (`offmap baseline`, or pager.tolerated_share)"
    yield from _pagers(snapshot, "offmap_pager", "pager of {}s")
    yield from _pagers(snapshot, "offmap_slice_pager", "pager of the slice {}")
    yield from _mix(snapshot)
    yield from _cells(snapshot)
    yield from _diversity(snapshot)
    yield from _scripts(snapshot)
    for (side, window), value in snapshot.get("offmap_alpha_precision", {}).items():
        yield f"{side}s of the last {window}: alpha-precision {value:.2f} (1: p-values as the reference's)"


def _pagers(snapshot: Snapshot, name: str, who: str) -> Iterator[str]:
    for labels, alarm in snapshot.get(f"{name}_alarm", {}).items():
        title, against = who.format(labels[0]), f"against {_ACCEPTED.get(labels[1], labels[1])}"
        if alarm:
            paged, began = (_when(snapshot, f"{name}_{what}_timestamp_seconds", labels) for what in ("alarm", "change"))
            yield f"{title}: PAGED at {paged}, the drift began about {began}, {against}"
        elif (evidence := _value(snapshot, f"{name}_evidence", labels)) is not None:
            threshold = _value(snapshot, f"{name}_threshold", labels)
            yield f"{title}: quiet, evidence {evidence:.1f} of {threshold:.1f} that pages, {against}"


def _mix(snapshot: Snapshot) -> Iterator[str]:
    for labels, changed in snapshot.get("offmap_mix_changed", {}).items():
        against = f"against {_ACCEPTED.get(labels[1], labels[1])}"
        far = max(cast("float", v) for k, v in snapshot["offmap_mix_change"].items() if k[:2] == labels)
        when = (
            f"CHANGED at {_when(snapshot, 'offmap_mix_changed_timestamp_seconds', labels)}" if changed else "as it was"
        )
        yield f"mix of {labels[0]}s: {when}, now {far:.2f} of what warns, {against}"


def _cells(snapshot: Snapshot) -> Iterator[str]:
    said = set()
    for (side, horizon), ratio in snapshot.get("offmap_coverage_ratio", {}).items():
        if (side, ratio) not in said:  # longer horizons than the log see the same
            which = f"the last {horizon} {side}s on the map (or all, where fewer came)"
            yield f"cells visited by {which}: {ratio:.2f} of what as many texts like the reference would visit"
        said.add((side, ratio))
    for (side,), mass in snapshot.get("offmap_lost_mass", {}).items():
        if mass:
            cells, evidence = (_value(snapshot, f"offmap_lost_{what}", (side,)) for what in ("cells", "evidence"))
            yield f"LOST: {cells:.0f} cells, {mass:.1%} of the reference, not visited any more, evidence {evidence:.1f}"


def _diversity(snapshot: Snapshot) -> Iterator[str]:
    found = snapshot.get("offmap_prompt_diversity_ratio", {})
    for reference in dict.fromkeys(labels[0] for labels in found):
        ratios = ", ".join(
            f"{value:.2f} (order {labels[1]})" for labels, value in found.items() if labels[0] == reference
        )
        yield f"diversity of prompts over that of {_ACCEPTED.get(reference, reference)}: {ratios}"


def _scripts(snapshot: Snapshot) -> Iterator[str]:
    texts = cast("dict[Labels, float]", snapshot.get("offmap_script_texts", {}))
    for side in dict.fromkeys(labels[0] for labels in texts):
        mine = {labels[1]: count for labels, count in texts.items() if labels[0] == side}
        shares = []
        for script, count in sorted(mine.items(), key=lambda item: -item[1]):
            known = _value(snapshot, "offmap_reference_script_share", (side, script))
            beside = "" if known is None else f" (reference {known:.1%})"
            shares.append(f"{script} {count / sum(mine.values()):.1%}{beside}")
        yield f"scripts of {side}s: {', '.join(shares)}"


def _value(snapshot: Snapshot, name: str, labels: Labels) -> float | None:
    return cast("float | None", snapshot.get(name, {}).get(labels))


def _when(snapshot: Snapshot, name: str, labels: Labels) -> str:
    seconds = _value(snapshot, name, labels)
    return "an unknown time" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(" ", "minutes")
