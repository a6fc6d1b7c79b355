"""The section for several models, tenants or languages on one topic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from config.lists import commas_or_list
from config.section import Contradiction, Section

OTHER = "other"


class SliceSettings(Section):
    """Parts of the traffic that are counted, and paged for, each on its own."""

    field: str = Field(
        default="model",
        min_length=1,
        max_length=200,
        description=(
            "What tells slices apart: `model` (which answered, else was asked for), or a dotted path in the message, "
            "as in payload.tags."
        ),
    )
    values: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], commas_or_list] = Field(
        default=(),
        max_length=16,
        description="Values that are a slice each, 16 at most; all else is the slice `other`. Unset: no slices.",
    )

    @property
    def names(self) -> tuple[str, ...]:
        """Every slice's name, the rest's last; none where no values are set."""
        return (*self.values, OTHER) if self.values else ()

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield values that cannot be told apart."""
        if OTHER in self.values:
            yield Contradiction(("values",), f"names {OTHER!r}, which stands for all the rest")
        if len(set(self.values)) < len(self.values):
            yield Contradiction(("values",), "names the same value twice")
