"""`offmap baseline`: its options, and what it says."""

from pathlib import Path
from typing import Annotated

import typer

Profile = Annotated[Path, typer.Argument(help="The profile to start from.", show_default=False)]
Logs = Annotated[list[Path], typer.Argument(help="Logs of known-good production traffic.", show_default=False)]
Output = Annotated[Path, typer.Option("--output", "-o", help="Where to write the new profile.", show_default=False)]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="YAML file with the settings.")]
Block = Annotated[
    str, typer.Option(help="Blocks of event time over which the rate may move without a page, like 1h or 1d.")
]


def baseline(profile: Profile, logs: Logs, output: Output, *, config: Config = None, block: Block = "1h") -> None:
    """Record accepted production traffic in a new profile: what the pager compares with."""
    from agent.baseline import BaselineError, record_baseline  # noqa: PLC0415
    from agent.cli_progress import TerminalProgress  # noqa: PLC0415
    from agent.inspection import inspect_profile  # noqa: PLC0415
    from agent.inspection_baseline import baseline_lines  # noqa: PLC0415
    from config import load_settings, parse_duration  # noqa: PLC0415

    settings = load_settings(config, {"profile": {"path": profile}})
    try:
        seconds = parse_duration(block)
    except ValueError as error:
        raise BaselineError(f"--block {error}") from error
    with TerminalProgress() as progress:
        progress.step("replaying")
        found = record_baseline(settings, logs, output, seconds, progress.advance)
    typer.echo(found.path)
    for line in baseline_lines(inspect_profile(found.path)["baseline"]):
        typer.echo(line)
    typer.echo(f"fingerprint {found.fingerprint}")
