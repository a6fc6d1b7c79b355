"""What the agent found, read off its own /metrics and put beside the truth."""

import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from agent.payloads import DecodeOptions, FieldMap, decode
from agent.records import Exchange, Record
from detectors.interval import anytime_interval

HERE = Path(__file__).parent
LEVEL = 0.05


class Part(NamedTuple):
    """A stretch of the traffic: its file, how many lines, and the true share of its messages on new topics."""

    name: str
    path: Path
    lines: int
    truth: float


class Count(NamedTuple):
    """How many records were read, prompts scored, and of these how many have p ≤ LEVEL."""

    records: int
    scored: int
    uncovered: int

    def since(self, before: "Count") -> "Count":
        """Return what was counted after `before`."""
        return Count(*(now - then for now, then in zip(self, before, strict=True)))


NOTHING = Count(0, 0, 0)


@dataclass(frozen=True)
class Finding:
    """The share of a part's prompts that lies off the map.

    A share of LEVEL has p ≤ LEVEL where nothing is strange, so of a share s that has it (s − LEVEL)/(1 − LEVEL) is off
    the map: somewhat less than the truth where some strange prompts look familiar.
    """

    part: Part
    count: Count

    @property
    def share(self) -> float:
        """Share of the scored prompts with p ≤ LEVEL."""
        return self.count.uncovered / self.count.scored

    @property
    def off_the_map(self) -> tuple[float, float, float]:
        """The share off the map, and its lower and upper 95 % bound."""
        lower, upper = anytime_interval(self.count.uncovered, self.count.scored - self.count.uncovered)
        estimate, low, high = (max(0.0, (s - LEVEL) / (1 - LEVEL)) for s in (self.share, float(lower), float(upper)))
        return estimate, low, high

    def __str__(self) -> str:
        """One line for people."""
        share, lower, upper = self.off_the_map
        verdict = "inside" if lower <= self.part.truth <= upper else "OUTSIDE"
        return (
            f"{self.part.name:<24} {self.count.scored:>6,} prompts, {self.share:6.1%} with p ≤ {LEVEL:g} "
            f"→ off the map {share:6.1%} [{lower:5.1%}, {upper:5.1%}]   truth {self.part.truth:5.1%}: {verdict}"
        )


def split_traffic(folder: Path) -> list[Part]:
    """Write the demo's traffic before and after the new topics appear into two files."""
    truth = json.loads((HERE / "truth.json").read_text(encoding="utf-8"))
    lines = (HERE / "traffic.jsonl").read_bytes().splitlines(keepends=True)
    change = datetime.fromisoformat(truth["new_topics"]["from"])
    cut = next(number for number, line in enumerate(lines) if _time(line) >= change.timestamp())
    parts = []
    for name, chosen in (("before", lines[:cut]), ("after", lines[cut:])):
        path = folder / f"{name}.jsonl"
        path.write_bytes(b"".join(chosen))
        parts.append(Part(f"{name} {change:%d %B, %H:%M}", path, len(chosen), truth[name]["share"]))
    return parts


def _time(line: bytes) -> float:
    """Event time of a logged message; a broken one has none and stays with what came before it."""
    found = decode(Record("", 0, 0, line), DecodeOptions(FieldMap()))
    times = [one.time for one in found if isinstance(one, Exchange) and one.time is not None]
    return times[0] if times else float("-inf")


def read_count(url: str) -> Count:
    """Read the agent's counters: those of its last checkpoint, so a few seconds old."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        samples = dict(_samples(answer.read().decode()))
    records = sum(value for series, value in samples.items() if series.startswith("offmap_records_total{"))
    scored = samples.get('offmap_p_value_count{side="prompt"}', 0)
    uncovered = samples.get(f'offmap_p_value_bucket{{le="{LEVEL}",side="prompt"}}', 0)
    return Count(int(records), int(scored), int(uncovered))


def _samples(text: str) -> Iterator[tuple[str, float]]:
    for series, value in re.findall(r"^(offmap_\S+?) (\S+)$", text, re.MULTILINE):
        yield series, float(value)
