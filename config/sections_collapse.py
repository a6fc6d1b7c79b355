"""The section for alarms about answers that narrow."""

from __future__ import annotations

from pydantic import Field

from config.section import Section


class CollapseSettings(Section):
    """When somebody is told that answers narrow, repeat themselves or replay training."""

    threshold: float = Field(
        default=4.0,
        ge=2,
        le=100,
        description=(
            "Standard errors by which two full windows of answers in a row must differ from what their prompts lead to "
            "expect, for an alarm."
        ),
    )
