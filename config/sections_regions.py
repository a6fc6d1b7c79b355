"""The section for the regions off the map."""

from __future__ import annotations

from pydantic import Field

from config.durations import Duration
from config.section import Section


class RegionSettings(Section):
    """How what lies off the map is sorted into regions."""

    max_regions: int = Field(
        default=16, ge=1, le=64, description="Regions that get a name (`r1`, `r2`, …); the rest is `other`."
    )
    level: float = Field(
        default=0.01, gt=0, lt=1, description="A text is sorted into a region when its p-value is at most this."
    )
    radius: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description=(
            "How wide a region is: largest cosine distance of a text from its middle. Unset: from the training cells' "
            "own spread, between that of one cell and that of all."
        ),
    )
    recent: Duration = Field(
        default=86_400.0,
        ge=60,
        le=31 * 86_400,
        description="Event time over which the trend of a region is measured, and which region loses its name.",
    )
    show_terms: bool = Field(
        default=False,
        description=(
            "Let `offmap replay` print the words that set each region apart, and write the rare words of each prompt "
            "to --scores. They come from the texts. Never in metrics, logs or checkpoints."
        ),
    )
