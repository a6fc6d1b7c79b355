"""What a fit is asked to do, and what it says while it is at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agent.fitting.rows import RowFields

if TYPE_CHECKING:
    from agent.payloads import DecodeOptions


@dataclass(frozen=True, slots=True)
class FitOptions:
    """What a fit is asked to do.

    Attributes
    ----------
    train : tuple of Path
    output : Path
    model : str
        Name or folder of a sentence-transformers model.
    calibration : tuple of Path
        Held-out rows; empty: calibrate by cross-fitting.
    fields : RowFields
    seed : int
    limit : int or None
        Rows of each side at most, drawn at random.
    keep_examples : int
        Prompts to keep as text in the profile.
    local_term : bool
        Compare each text with its nearest training rows too, on the sides that have few enough of them.
    style_channel : bool
        Watch the source and style of prompts too, by their word pieces.
    max_prompt_chunks, max_response_chunks : int
        As production reads them: the defaults are those of the settings.
    threads : int or None
        Threads that embed; None: as many as the cgroup allows.
    mix_run_length : int
        Expected prompts between false warnings that their mix has changed.
    logs : DecodeOptions or None
        Set: the files are logs of accepted production, read as messages are, and the profile says so.
    """

    train: tuple[Path, ...]
    output: Path
    model: str
    calibration: tuple[Path, ...] = ()
    fields: RowFields = field(default_factory=RowFields)
    seed: int = 0
    limit: int | None = None
    keep_examples: int = 0
    local_term: bool = False
    style_channel: bool = False
    max_prompt_chunks: int = 6
    max_response_chunks: int = 2
    threads: int | None = None
    mix_run_length: int = 50_000
    logs: DecodeOptions | None = None

    @property
    def reference(self) -> str:
        """What the profile says that its reference is: "training", or "production"."""
        return "training" if self.logs is None else "production"

    @property
    def max_chunks(self) -> dict[str, int]:
        """Chunks of a text at most, by side."""
        return {"prompt": self.max_prompt_chunks, "response": self.max_response_chunks}


class Progress(Protocol):
    """Told how a long work goes."""

    def step(self, what: str, total: int | None = None) -> None:
        """Begin the next step, of `total` texts or of unknown length."""

    def advance(self, count: int, total: int | None = None) -> None:
        """Count what is done in this step, of `total` where that was not known before."""

    def note(self, text: str) -> None:
        """Say something that the user should know."""


class Silent:
    """Progress for nobody."""

    def step(self, what: str, total: int | None = None) -> None:
        """Say nothing."""

    def advance(self, count: int, total: int | None = None) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""
