"""The command `offmap`. Nothing heavy is imported before a command needs it: `--help` answers in a moment."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from agent.cli_baseline import baseline
from agent.cli_errors import explain, known_errors
from agent.cli_fit import fit
from agent.cli_sniff import sniff

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # help in plain text: rich alone would take 0.1 s
    help="How much of what production asks your model lies outside the data it was trained on.",
)
app.command()(sniff)
app.command()(fit)
app.command()(baseline)

ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="YAML file with the settings.", show_default=False)]


@app.callback(invoke_without_command=True)
def offmap(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and leave.")] = False,
) -> None:
    """Say the version where asked."""
    if version:
        from importlib.metadata import version as installed  # noqa: PLC0415

        typer.echo(f"offmap {installed('offmap')}")
        raise typer.Exit
    del context


@app.command()
def inspect(
    profile: Annotated[Path, typer.Argument(help="A profile that `offmap fit` wrote.", show_default=False)],
    *,
    json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Show what is in a profile."""
    from agent.inspection import as_json, as_text, inspect_profile  # noqa: PLC0415

    facts = inspect_profile(profile)
    typer.echo(as_json(facts) if json else as_text(facts))


@app.command()
def run(
    config: ConfigFile,
    *,
    stay_up: Annotated[
        bool, typer.Option("--stay-up", help="Show what is wrong on /metrics instead of leaving: for a sidecar.")
    ] = False,
) -> None:
    """Read Kafka, score, and serve /metrics until told to stop.

    Another configuration in the file is taken up without a restart; SIGHUP asks for it.
    """
    from agent.nanny import keep_running  # noqa: PLC0415

    restarts = keep_running() if stay_up else 0
    from agent.config_file import ConfigFile  # noqa: PLC0415
    from agent.wiring import run_agent, run_sidecar  # noqa: PLC0415

    file = ConfigFile(config)
    if stay_up:
        run_sidecar(file, restarts)
    else:
        run_agent(file.load(), file=file)


@app.command()
def check_config(
    config: Annotated[Path, typer.Argument(help="YAML file with the settings of `offmap run`.", show_default=False)],
) -> None:
    """Check a configuration: every problem at once, with its path."""
    from config import load_settings  # noqa: PLC0415

    load_settings(config, needs=("kafka",))
    typer.echo(f"{config}: OK")


@app.command()
def replay(
    logs: Annotated[
        list[Path], typer.Argument(help="Log files: JSON or CSV, plain or compressed.", show_default=False)
    ],
    *,
    profile: Annotated[Path | None, typer.Option("--profile", "-p", help="Profile; else the configuration's.")] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="YAML file with the settings.")] = None,
    scores: Annotated[Path | None, typer.Option(help="Write a JSON row for each prompt here.")] = None,
    metrics: Annotated[Path | None, typer.Option(help="Write the final metrics here, as OpenMetrics.")] = None,
    terms: Annotated[
        bool, typer.Option("--terms", help="Show the words that set each region apart: they are from the texts.")
    ] = False,
) -> None:
    """Score logged traffic as `run` would.

    Event time is the clock. Prints what was found.
    """
    from agent.cli_replay import replay_logs  # noqa: PLC0415
    from agent.replay import ReplayOutputs  # noqa: PLC0415

    replay_logs(logs, profile, config, ReplayOutputs(scores, metrics), terms=terms)


def main() -> NoReturn:
    """Run the command line: what the user can put right ends with one message and status 2."""
    try:
        app(prog_name="offmap")
    except known_errors() as error:
        typer.echo(f"offmap: {explain(error)}", err=True)
        sys.exit(2)
    sys.exit(0)


if __name__ == "__main__":
    main()
