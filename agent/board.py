"""What the working thread shows and the scrape thread reads: one snapshot, and the agent's own health."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.tally import Labels, Sample, Snapshot

DOWN_REASONS = (
    "starting",
    "bad_config",
    "bad_profile",
    "profile_unreachable",
    "bad_checkpoint_folder",
    "canary_mismatch",
    "broker_unreachable",
    "broker_authentication",
    "broker_tls",
    "broker_forbidden",
    "topic_missing",
    "poll_failed",
    "registry_unreachable",
    "no_checkpoint",
    "crashed",
    "stopped",
)
"""Every value of the label `reason` of `offmap_down`."""

STUCK_AFTER_SECONDS = 120.0
"""A worker that has given no sign for so long is stuck in native code or in the client: liveness fails."""


class Board:
    """Written by one thread, read by another; every update is one assignment.

    Attributes
    ----------
    snapshot : Snapshot
        The measurements of the last checkpoint.
    """

    def __init__(self) -> None:
        self.snapshot: Snapshot = MappingProxyType({})
        self._live: dict[str, Mapping[Labels, Sample]] = {}
        self._counts: Counter[tuple[str, Labels]] = Counter()
        self._reason: str | None = "starting"
        self._sign_of_life = time.monotonic()

    @property
    def reason(self) -> str | None:
        """Why the agent is not up, one of `DOWN_REASONS`; None when it is."""
        return self._reason

    def up(self) -> None:
        """Say that the agent reads and scores."""
        self._reason = None

    def down(self, reason: str) -> None:
        """Say that it does not, and why."""
        self._reason = reason if reason in DOWN_REASONS else "crashed"

    def beat(self) -> None:
        """Give a sign of life."""
        self._sign_of_life = time.monotonic()

    def stuck(self, seconds: float | None = None) -> bool:
        """Whether the worker has given no sign of life for so long; `STUCK_AFTER_SECONDS` unless given."""
        return time.monotonic() - self._sign_of_life > (STUCK_AFTER_SECONDS if seconds is None else seconds)

    def show(self, name: str, samples: Mapping[Labels, Sample] | float) -> None:
        """Set a live metric; a bare number is the value without labels."""
        self._live[name] = samples if isinstance(samples, Mapping) else {(): samples}

    def count(self, name: str, labels: Labels = ()) -> None:
        """Count one more on a live counter."""
        self._counts[name, labels] += 1
        counted = {key[1]: float(value) for key, value in self._counts.items() if key[0] == name}
        self._live[name] = counted

    def live(self) -> Snapshot:
        """Return the agent's own health as of now."""
        reason = self._reason
        live = dict(self._live)
        live["offmap_up"] = {(): 0.0 if reason else 1.0}
        live["offmap_down"] = {(known,): float(known == reason) for known in DOWN_REASONS}
        return live
