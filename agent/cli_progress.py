"""How long work goes, on stderr: bars with rate and time left on a terminal, a line a step elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _RateColumn(ProgressColumn):
    """Texts a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="progress.data.speed")


class TerminalProgress:
    """The progress of one command; used as a context manager.

    Parameters
    ----------
    console : Console, optional
        stderr unless given.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._live = self._console.is_terminal
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._live,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def step(self, what: str, total: int | None = None) -> None:
        """Begin the next step, of `total` texts or of unknown length."""
        if not self._live:
            self.note(what if total is None else f"{what} {total:,} texts")
            return
        if self._task is not None:
            self._bars.stop_task(self._task)
        self._task = self._bars.add_task(what, total=total)

    def advance(self, count: int, total: int | None = None) -> None:
        """Count what is done in this step, of `total` where that was not known before."""
        if self._task is not None:
            self._bars.update(self._task, advance=count, total=total)

    def note(self, text: str) -> None:
        """Say something that the user should know."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
