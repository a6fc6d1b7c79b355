"""`offmap sniff`: its options, and what it prints."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from agent.records import Record
    from agent.sniff import Sniffer
    from agent.sources.files import FileSource
    from agent.sources.kafka_peek import KafkaPeek
    from config import Settings

Files = Annotated[list[Path] | None, typer.Argument(help="Files of messages, one a line; else Kafka's.")]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="YAML file: the section kafka, and payload.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Look at so many messages, of a topic at the newest.")]
Seconds = Annotated[float, typer.Option(min=1, help="Wait so long for messages of a topic.")]
ShowText = Annotated[bool, typer.Option("--show-text", help="Show texts whole, not only their first words.")]


def sniff(
    files: Files = None,
    *,
    config: Config = None,
    limit: Limit = 20,
    seconds: Seconds = 10.0,
    show_text: ShowText = False,
) -> None:
    """Show what offmap makes of your messages, in files or on a topic.

    Reads only: no consumer group, nothing committed. For JSON that fits no shape it proposes a mapping.
    """
    from agent.reading import decode_options  # noqa: PLC0415
    from agent.sniff import Sniffer  # noqa: PLC0415
    from config import load_settings  # noqa: PLC0415

    # the profile is not read here, and a newcomer has none yet
    settings = load_settings(config, {"profile": {"path": "none"}}, needs=() if files else ("kafka",))
    sniffer = Sniffer(decode_options(settings, "last_user"), show_text=show_text)
    with _open(files, settings, limit, seconds) as source:
        for record in _records(source, limit):
            for line in sniffer.read(record):
                colour = typer.colors.GREEN if line.recognised else typer.colors.YELLOW
                typer.echo(f"{line.place}  {typer.style(line.kind, fg=colour)}  {line.details}")
    _summarise(sniffer)


def _open(
    files: list[Path] | None, settings: Settings, limit: int, seconds: float
) -> AbstractContextManager[FileSource | KafkaPeek]:
    from agent.reading import kafka_options  # noqa: PLC0415
    from agent.sources.files import FileSource  # noqa: PLC0415
    from agent.sources.kafka_peek import KafkaPeek  # noqa: PLC0415

    if files:
        return closing(FileSource(files, longest_line=settings.payload.max_message_bytes))
    return KafkaPeek(kafka_options(settings), limit, seconds)


def _records(source: FileSource | KafkaPeek, limit: int) -> Iterator[Record]:
    left, end = limit, False
    while left > 0 and not end:
        records, end = source.poll()
        yield from records[:left]
        left -= len(records)


def _summarise(sniffer: Sniffer) -> None:
    from rich.console import Console  # noqa: PLC0415

    if not sniffer.kinds:
        typer.echo("No message came.")
        return
    Console().print(_table(sniffer))
    lacking, n_exchanges = sniffer.fallen_back()
    if lacking:
        typer.echo(
            f"\n{lacking} of {n_exchanges} exchange(s) lack the fields that the configuration names "
            "(payload.prompt_field, payload.response_field) and were read as a shape that is known."
        )
    fields, n_read, n_unknown = sniffer.proposal()
    if fields:
        typer.echo(
            f"\n{n_unknown} message(s) fit no shape; {n_read} of them would be read with this in the configuration:"
        )
        typer.echo("\npayload:")
        for name, expression in fields.items():
            typer.echo(f"  {name}_field: {json.dumps(expression, ensure_ascii=False)}")
    elif n_unknown:
        typer.echo(f"\n{n_unknown} message(s) fit no shape, and nothing in them looks like a prompt.")


def _table(sniffer: Sniffer) -> Table:
    from rich.table import Table  # noqa: PLC0415

    from agent.sniff import COLUMNS  # noqa: PLC0415

    table = Table(title="What came, and how many had each field", title_justify="left")
    table.add_column("shape, or reason why not")
    for name in ("number", *COLUMNS):
        table.add_column(name, justify="right")
    for kind, counts in sorted(sniffer.kinds.items(), key=lambda item: -item[1]["n"]):
        table.add_row(kind, *(f"{counts[name]:,}" if counts[name] else "–" for name in ("n", *COLUMNS)))
    return table
