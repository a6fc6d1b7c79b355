"""What is printed at the end of the demo: coverage beside the truth, then what /metrics says of drift and failures."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from demo.found import HERE, Count, Part, compare, read_samples

TOLERATED = 0.05
"""So much of the demo's traffic may lie off the map: its configuration says so, else no page could come."""

OFF, ON = ("0.01", "0.05"), ("0.2", "1")
"""Bands of p-values off the map and on it."""


def show(parts: Sequence[Part], counts: Sequence[Count], url: str) -> None:
    """Print what was found in each part, and what an agent's /metrics say of all of it."""
    print("\nHow much of production lies outside the training data? New topics appeared in mid-week.")
    print("(A share, and in brackets the interval that holds it in 95 of 100 cases however often one looks.)\n")
    print(*compare(parts, counts), sep="\n")
    truth = json.loads((HERE / "truth.json").read_text(encoding="utf-8"))
    print("", *answers(read_samples(url), truth), sep="\n", flush=True)


def answers(samples: Mapping[str, float], truth: Mapping[str, Any]) -> Iterator[str]:
    """Give lines for people."""
    yield f"Is it time to page somebody? {TOLERATED:.0%} off the map was said to be fine (pager.tolerated_share).\n"
    yield from _page(samples, datetime.fromisoformat(truth["new_topics"]["from"]))
    yield "\nDoes the model fail there? That is read from its answers, not concluded from a distance.\n"
    yield from _refusals(samples, **truth["refused"])
    yield "\nHave its answers narrowed, given what was asked?\n"
    yield from _collapse(samples)


def _page(samples: Mapping[str, float], truth: datetime) -> Iterator[str]:
    def ask(name: str) -> float:
        return samples.get(f'offmap_pager_{name}{{reference="tolerated",side="prompt"}}', 0)

    if not ask("alarm"):
        yield "  no page"
        return
    yield f"  page                  {_moment(ask('alarm_timestamp_seconds'))}"
    yield f"  the drift began       {_moment(ask('change_timestamp_seconds'))}   truth {truth:%d %B, %H:%M}"
    yield f"  prompts between false pages, at least {ask('run_length'):,.0f} (pager.run_length)"


def _refusals(samples: Mapping[str, float], new: Mapping[str, int], known: Mapping[str, int]) -> Iterator[str]:
    yield f"  refused               {_share(samples, OFF)} off the map, {_share(samples, ON)} on it"
    truth = [f"{part['refused'] / part['rows']:.1%}" for part in (new, known)]
    yield f"  truth                 {truth[0]} of new topics, {truth[1]} of known ones"
    ratio = [samples.get(f'offmap_failure_ratio{end}{{kind="refused"}}') for end in ("", "_lower", "_upper")]
    if None not in ratio:
        yield "  times as often        {:.1f} [{:.1f}, {:.1f}]".format(*ratio)


def _share(samples: Mapping[str, float], bands: tuple[str, ...]) -> str:
    refused, exchanges = (
        sum(samples.get(f'offmap_{name}_total{{band="{band}",kind="refused"}}', 0) for band in bands)
        for name in ("outcomes", "outcome_exchanges")
    )
    return f"{refused / exchanges:.1%}" if exchanges else "not known"


def _collapse(samples: Mapping[str, float]) -> Iterator[str]:
    found = {series: re.match(r'offmap_collapse_alarm\{metric="(\w+)"\}', series) for series in samples}
    alarms = {match[1]: samples[series] for series, match in found.items() if match}
    raised = ", ".join(sorted(name for name, alarm in alarms.items() if alarm))
    yield f"  alarms                {raised or 'none'} (of {', '.join(sorted(alarms))})"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%d %B, %H:%M}"
