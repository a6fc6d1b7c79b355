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
LEVEL, HALF = 0.05, 0.5


class Part(NamedTuple):
    """A stretch of the traffic: its file, how many lines, and the true share of its messages on new topics."""

    name: str
    path: Path
    lines: int
    truth: float


class Count(NamedTuple):
    """How many records were read, prompts scored, and of these how many have p ≤ LEVEL and p ≤ HALF."""

    records: int
    scored: int
    uncovered: int
    half: int

    def since(self, before: "Count") -> "Count":
        """Return what was counted after `before`."""
        return Count(*(now - then for now, then in zip(self, before, strict=True)))


NOTHING = Count(0, 0, 0, 0)


@dataclass(frozen=True)
class Finding:
    """What the p-values of a part's prompts say."""

    part: Part
    count: Count

    @property
    def uncovered(self) -> tuple[float, float, float]:
        """The share with p ≤ LEVEL, and its 95 % interval; LEVEL where production is like training."""
        return _share(self.count.uncovered, self.count.scored)

    @property
    def new(self) -> tuple[float, float, float]:
        """The share that does not come from the training distribution, and its 95 % interval.

        Half of what does come from it has p ≤ ½, and nearly all of what does not: of a share s with p ≤ ½, (s − ½)/½
        is new (Storey, A direct approach to false discovery rates, 2002).
        """
        estimate, lower, upper = (max(0.0, (s - HALF) / (1 - HALF)) for s in _share(self.count.half, self.count.scored))
        return estimate, lower, upper

    def __str__(self) -> str:
        """Two lines for people."""
        uncovered, new = self.uncovered, self.new
        verdict = "inside" if new[1] <= self.part.truth <= new[2] else "OUTSIDE"
        return (
            f"{self.part.name}: {self.count.scored:,} prompts\n"
            f"  uncovered (p ≤ {LEVEL:g})  {_words(uncovered)}   {LEVEL:.0%} would be chance\n"
            f"  so new              {_words(new)}   truth {self.part.truth:.1%}: {verdict}"
        )


def _share(hits: int, n: int) -> tuple[float, float, float]:
    lower, upper = anytime_interval(hits, n - hits)
    return hits / n, float(lower), float(upper)


def _words(share: tuple[float, float, float]) -> str:
    return f"{share[0]:5.1%} [{share[1]:5.1%}, {share[2]:5.1%}]"


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
    uncovered, half = (
        samples.get(f'offmap_p_value_bucket{{le="{level}",side="prompt"}}', 0) for level in (LEVEL, HALF)
    )
    return Count(int(records), int(scored), int(uncovered), int(half))


def _samples(text: str) -> Iterator[tuple[str, float]]:
    for series, value in re.findall(r"^(offmap_\S+?) (\S+)$", text, re.MULTILINE):
        yield series, float(value)
