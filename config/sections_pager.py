"""The section for the pager."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from config.section import Contradiction, Section

MOST_CALIBRATED = 200_000


class PagerSettings(Section):
    """When somebody is told that more lies off the map than was accepted."""

    run_length: int = Field(
        default=1_000_000,
        ge=500,
        le=100_000_000,
        description=(
            "Expected number of scored prompts between false pages, of each channel by itself: with the style channel, "
            "false pages of either come up to twice as often. Also exported in days."
        ),
    )
    mode: Literal["guaranteed", "calibrated"] = Field(
        default="guaranteed",
        description=(
            "`guaranteed`: at least run_length, however prompts depend on each other. `calibrated`: about run_length "
            "for independent prompts, and sooner to page; simulated at start, which takes seconds, so that run_length "
            f"must be {MOST_CALIBRATED:,} at most."
        ),
    )
    tolerated_share: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description=(
            "Share of traffic off the map that is accepted, where the profile has no baseline (`offmap baseline`). "
            "Unset and without baseline the pager is off."
        ),
    )
    tolerated_style_share: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description=(
            "The same for the style channel: share of prompts of another source or style that is accepted. Unset and "
            "without baseline the pager of that channel is off."
        ),
    )
    acknowledged: str = Field(
        default="",
        max_length=200,
        description="Change this word (a date, a ticket) to take a page back and begin anew.",
    )

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield a run length that cannot be simulated."""
        if self.mode == "calibrated" and self.run_length > MOST_CALIBRATED:
            message = f"must not exceed {MOST_CALIBRATED} with pager.mode calibrated: use guaranteed there"
            yield Contradiction(("run_length", "mode"), message)
