"""What both demos share: the fit, the traffic in two parts, and what /metrics says of it beside the truth."""

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from agent.payloads import DecodeOptions, FieldMap, decode
from agent.records import Exchange, Record
from detectors.interval import anytime_interval

HERE = Path(__file__).parent
LEVEL = 0.1


class Part(NamedTuple):
    """A stretch of the traffic: its file, how many lines, and the true share of its messages on new topics."""

    name: str
    path: Path
    lines: int
    truth: float


class Count(NamedTuple):
    """How many records were read, prompts scored, and of these how many are uncovered: p ≤ LEVEL."""

    records: int
    scored: int
    uncovered: int

    def since(self, before: "Count") -> "Count":
        """Return what was counted after `before`."""
        return Count(*(now - then for now, then in zip(self, before, strict=True)))


NOTHING = Count(0, 0, 0)


class Share(NamedTuple):
    """A share and its interval."""

    value: float
    lower: float
    upper: float


CHANCE = Share(LEVEL, LEVEL, LEVEL)


@dataclass(frozen=True)
class Finding:
    """What the p-values of a part's prompts say; `usual` is the uncovered share of quiet days."""

    part: Part
    count: Count
    usual: Share = CHANCE

    def uncovered(self, alpha: float = 0.05) -> Share:
        """Return the share with p ≤ LEVEL."""
        hits, n = self.count.uncovered, self.count.scored
        lower, upper = anytime_interval(hits, n - hits, alpha)
        return Share(hits / n, float(lower), float(upper))

    def new(self) -> Share:
        """Return the share on new topics: with all of these uncovered, s = new + (1 − new)·usual."""
        found, usual = self.uncovered(0.025), self.usual
        return Share(
            max(0.0, (found.value - usual.value) / (1 - usual.value)),
            max(0.0, (found.lower - usual.upper) / (1 - usual.upper)),
            max(0.0, (found.upper - usual.lower) / (1 - usual.lower)),
        )

    def __str__(self) -> str:
        """Three lines for people."""
        new = self.new()
        verdict = "inside" if new.lower <= self.part.truth <= new.upper else "OUTSIDE"
        beyond = "chance" if self.usual == CHANCE else "what was usual"
        return (
            f"{self.part.name}: {self.count.scored:,} prompts\n"
            f"  uncovered (p ≤ {LEVEL:g})     {_words(self.uncovered())}   {LEVEL:.0%} would be chance\n"
            f"  {f'beyond {beyond}':<23}{_words(new)}   truth {self.part.truth:.1%}: {verdict}"
        )


def compare(parts: Sequence[Part], counts: Sequence[Count]) -> list[Finding]:
    """Return what was found in each part: in the first beyond chance, in the others beyond the first."""
    first = Finding(parts[0], counts[0])
    usual = first.uncovered(0.025)
    return [first, *(Finding(part, count, usual) for part, count in zip(parts[1:], counts[1:], strict=True))]


def _words(share: Share) -> str:
    return f"{share.value:5.1%} [{share.lower:5.1%}, {share.upper:5.1%}]"


def fit_profile(folder: Path) -> Path:
    """Run `offmap fit` on the demo's training rows, in a process of its own: torch leaves with it."""
    print("Fitting a profile of what the model was trained on (demo/train.jsonl):\n", flush=True)
    profile = folder / "demo.offmap"
    command = [sys.executable, "-m", "agent.cli", "fit", str(HERE / "train.jsonl"), "--output", str(profile)]
    subprocess.run(command, check=True)
    return profile


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
    """Read how far the agent is."""
    samples = read_samples(url)
    records = sum(value for series, value in samples.items() if series.startswith("offmap_records_total{"))
    scored = samples.get('offmap_p_value_count{side="prompt"}', 0)
    uncovered = samples.get(f'offmap_p_value_bucket{{le="{LEVEL}",side="prompt"}}', 0)
    return Count(int(records), int(scored), int(uncovered))


def read_samples(url: str) -> dict[str, float]:
    """Read /metrics, by series: what the last checkpoint holds, so a few seconds old."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {series: float(value) for series, value in re.findall(r"^(offmap_\S+?) (\S+)$", text, re.MULTILINE)}
