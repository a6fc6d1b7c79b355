"""What every section shares: frozen, no unknown key, and contradictions told all at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, model_validator


class Contradiction(NamedTuple):
    """Fields of one section that are fine alone and wrong together; the first one is named as the culprit."""

    fields: tuple[str, ...]
    message: str


class ContradictionsError(ValueError):
    """Carries the contradictions of a section out of pydantic, which would tell only the first."""

    def __init__(self, found: list[Contradiction]) -> None:
        self.found = found
        super().__init__("; ".join(item.message for item in found))


class Section(BaseModel):
    """A section of the settings: frozen, and no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield what does not fit together; each section with rules of its own overrides this."""
        yield from ()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        found = list(self.contradictions())
        if found:
            raise ContradictionsError(found)
        return self
