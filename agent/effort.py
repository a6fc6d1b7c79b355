"""What the worker did between two looks at the clock: what the choice of the sampled fraction rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.sampling import Observed

if TYPE_CHECKING:
    from agent.pipeline import BatchReport
    from agent.records import Partition


@dataclass(slots=True)
class Effort:
    """What was done since the last tick, and the lags at that tick."""

    since: float
    lags: Mapping[Partition, int] = field(default_factory=dict)
    records: int = 0
    kept: int = 0
    read_seconds: float = 0.0
    full_seconds: float = 0.0

    def add(self, report: BatchReport) -> None:
        """Add one slice."""
        self.records += report.records
        self.kept += report.kept
        self.read_seconds += report.read_seconds
        self.full_seconds += report.full_seconds

    def close(self, now: float, lags: Mapping[Partition, int]) -> tuple[Observed, Effort]:
        """Return what the control sees, and the account of the time from now on."""
        seen = Observed(
            seconds=now - self.since,
            records=self.records,
            lag=sum(lags.values()),
            # of partitions known at both ends only: the backlog that a new one brings did not arrive just now
            lag_change=sum(lag - self.lags[key] for key, lag in lags.items() if key in self.lags),
            kept=self.kept,
            read_seconds=self.read_seconds,
            full_seconds=self.full_seconds,
        )
        return seen, Effort(now, dict(lags))
