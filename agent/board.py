"""What the working thread shows and the scrape thread reads: one snapshot, and the agent's own health."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.tally import Labels, Sample, Snapshot

DOWN_REASONS = {
    "starting": "not ready yet: the profile is loaded and checked, then the group joined",
    "bad_config": "the configuration cannot be used: `offmap check-config` names every problem",
    "bad_profile": "the profile is missing, damaged, or not the one that profile.fingerprint or profile.sha256 names",
    "profile_unreachable": "profile.url gives no profile; tried again",
    "bad_checkpoint_folder": "checkpoint.path cannot be written, or another agent uses it",
    "canary_mismatch": "this machine embeds the profile's test texts otherwise than the one that fitted it: "
    "scores would not be comparable (offmap_canary_deviation says by how much)",
    "broker_unreachable": "no broker answers at kafka.bootstrap_servers; tried again",
    "broker_authentication": "a broker refused the user, the password or the mechanism",
    "broker_tls": "no TLS connection: a certificate, its authority, its name, or a broker that speaks no TLS",
    "broker_forbidden": "the user may not read a topic or use the group",
    "topic_missing": "a topic of kafka.topics does not exist, or nothing matches kafka.topic_pattern; looked for again",
    "poll_failed": "reading failed in another way, which the log names; tried again",
    "registry_unreachable": "the schema registry does not answer, and messages whose schema is not known wait",
    "no_checkpoint": "the checkpoint could not be written: a full or read-only volume; tried again",
    "crashed": "the worker failed; the log has the traceback, and it is started again",
    "stopped": "it was told to stop",
}
"""Every value of the label `reason` of `offmap_down` → what it means, for the README's table."""

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
