"""The sections of the settings, apart from those of what is read. Units stand in the names or in the descriptions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.durations import Duration, format_duration
from config.lists import commas_or_list
from config.section import Contradiction, Section

Level = Annotated[float, Field(gt=0, lt=1)]


class EmbeddingSettings(Section):
    """What embedding may cost."""

    max_prompt_chunks: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description=(
            "Chunks that a long prompt is read in, evenly spaced; the rest is left out and counted. Unset: as the "
            "profile was fitted (recommended: its p-values hold for that)."
        ),
    )
    max_response_chunks: int | None = Field(default=None, ge=1, le=64, description="The same for a response.")
    threads: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Threads that embed. Unset: as many as the container's CPU limit allows.",
    )
    score_responses: bool = Field(
        default=True,
        description="Score responses too, where the profile has a reference for them; most of the cost lies there.",
    )
    style_channel: bool = Field(
        default=True,
        description=(
            "Score the source and style of prompts too, where the profile was fitted with `--style-channel`; `offmap "
            "inspect` says what a prompt costs by that."
        ),
    )


class SamplingSettings(Section):
    """How much traffic is scored when more arrives than can be embedded."""

    max_fraction: float = Field(
        default=1.0, gt=0, le=1, description="Share of messages that is scored when the agent keeps up."
    )
    min_fraction: float = Field(
        default=0.001, gt=0, le=1, description="Share that is scored however far behind the agent is."
    )
    target_lag_seconds: Duration = Field(
        default=60.0, description="The agent samples less when it is further behind than this, in seconds or like `5m`."
    )

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield fractions in the wrong order."""
        if self.min_fraction > self.max_fraction:
            message = f"must not exceed sampling.max_fraction ({self.min_fraction:g} > {self.max_fraction:g})"
            yield Contradiction(("min_fraction", "max_fraction"), message)


class WindowSettings(Section):
    """Over which stretches of event time the uncovered share is measured, and at which levels."""

    lengths: Annotated[tuple[Duration, ...], commas_or_list] = Field(
        default=(300.0, 3_600.0, 86_400.0),
        min_length=1,
        max_length=8,
        description="Window lengths, like `5m`, `1h`, `1d`: from one minute to 31 days.",
    )
    levels: Annotated[tuple[Level, ...], commas_or_list] = Field(
        default=(0.01, 0.05, 0.1),
        min_length=1,
        max_length=8,
        description="A text counts as uncovered at a level when its p-value is at most this; between 0 and 1.",
    )
    alpha: float = Field(
        default=0.05,
        gt=0,
        le=0.5,
        description=(
            "The interval of a share misses the truth with at most this probability, however often it is looked at."
        ),
    )

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield lengths out of range and values named twice."""
        for seconds in self.lengths:
            if not 60 <= seconds <= 31 * 86_400:
                yield Contradiction(("lengths",), f"each must lie between 1m and 31d (got {format_duration(seconds)})")
        for name, values in (("lengths", self.lengths), ("levels", self.levels)):
            if len(set(values)) < len(values):
                yield Contradiction((name,), "names the same value twice")


class CheckpointSettings(Section):
    """Where the agent keeps what must survive a restart."""

    path: Path = Field(
        default=Path("offmap-state"),
        description="Folder of the checkpoint; created when missing. On Kubernetes: a volume.",
    )
    interval_seconds: Duration = Field(
        default=5.0,
        le=600,
        description=(
            "Time between checkpoints, in seconds or like `30s`; what /metrics shows is at most this old. "
            "Keep it below the scrape interval."
        ),
    )


class ServerSettings(Section):
    """Where /metrics, /livez and /readyz are served."""

    host: str = Field(
        default="::",  # Prometheus scrapes from another pod
        min_length=1,
        description="Address to listen on. Unset: all of this machine's, IPv4 and IPv6.",
    )
    port: int = Field(default=9469, ge=0, le=65_535, description="Port to listen on; 0 takes any free one and logs it.")


class LoggingSettings(Section):
    """What is written to stderr. Never the text of a prompt or response."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe level that is written."
    )
    format: Literal["json", "text"] = Field(default="json", description="One JSON object a line, or text for people.")


class ShutdownSettings(Section):
    """How the agent leaves."""

    grace_seconds: Duration = Field(
        default=25.0,
        le=3_600,
        description=(
            "Time from SIGTERM to leaving: finish the batch, checkpoint, commit. Keep it below the pod's "
            "terminationGracePeriodSeconds."
        ),
    )
