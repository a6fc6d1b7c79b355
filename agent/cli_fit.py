"""`offmap fit`: its options, and what it says."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from agent.fitting.options import FitOptions

PromptPart = Literal["last_user", "all_user", "all"]
"""`agent.payloads.text.Which`, said again: importing that would take numpy along."""

Train = Annotated[
    list[Path], typer.Argument(help="Training rows: JSON or CSV (plain, .gz, .zst), or Parquet.", show_default=False)
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Where to write the profile.", show_default=False)]
Model = Annotated[str, typer.Option(help="sentence-transformers model: name or folder.")]
Calibration = Annotated[
    list[Path] | None, typer.Option(help="Held-out rows of the same kind, not in TRAIN: makes p-values exact.")
]
PromptField = Annotated[str | None, typer.Option(help="Dotted path of the prompt in a row.")]
ResponseField = Annotated[str | None, typer.Option(help="Dotted path of the response in a row.")]
GroupField = Annotated[str | None, typer.Option(help="Dotted path of a template or source: its rows are never split.")]
SyntheticField = Annotated[
    str | None,
    typer.Option(help="Dotted path of a flag: whether a model wrote the row (true, 1, synthetic, or false, 0, human)."),
]
LabelField = Annotated[
    str | None,
    typer.Option(help="Dotted path of a topic label, as fine as possible (an intent): sharpens prompts' scores."),
]
Part = Annotated[PromptPart, typer.Option(help="Which part of a conversation is the prompt, here and in production.")]
LocalTerm = Annotated[
    bool,
    typer.Option(
        "--local-term",
        help="Compare with the nearest training rows too, at most 20,000: sharper; the profile holds every embedding.",
    ),
]
StyleChannel = Annotated[
    bool,
    typer.Option(
        "--style-channel",
        help="Watch the source and style of prompts apart from their topic, with p-values and a page of its own.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same profile.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Use at most so many rows, drawn at random.")]
KeepExamples = Annotated[int, typer.Option(min=0, help="Keep so many training prompts AS TEXT in the profile.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads that embed; all that there are by default.")]
MixRunLength = Annotated[
    int, typer.Option(min=500, max=1_000_000, help="Expected prompts between false warnings of a changed mix.")
]
Production = Annotated[
    bool,
    typer.Option(
        "--production",
        help="TRAIN are logs of accepted production, as `replay` reads them: where training data cannot be had.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="With --production: YAML file whose section payload reads the logs."),
]


def fit(  # noqa: PLR0913  a command's options are its parameters
    train: Train,
    output: Output,
    *,
    model: Model = "all-MiniLM-L6-v2",
    calibration: Calibration = None,
    prompt_field: PromptField = None,
    response_field: ResponseField = None,
    group_field: GroupField = None,
    synthetic_field: SyntheticField = None,
    label_field: LabelField = None,
    prompt_part: Part = "last_user",
    local_term: LocalTerm = False,
    style_channel: StyleChannel = False,
    seed: Seed = 0,
    limit: Limit = None,
    keep_examples: KeepExamples = 0,
    mix_run_length: MixRunLength = 50_000,
    threads: Threads = None,
    production: Production = False,
    config: Config = None,
) -> None:
    """Fit a profile from training data."""
    from agent.fitting.options import FitOptions  # noqa: PLC0415
    from agent.fitting.rows import RowFields  # noqa: PLC0415

    fields = RowFields(prompt_field, response_field, group_field, synthetic_field, prompt_part, label_field)
    options = FitOptions(
        *(tuple(train), output, model, tuple(calibration or ()), fields),
        seed=seed,
        limit=limit,
        keep_examples=keep_examples,
        local_term=local_term,
        style_channel=style_channel,
        mix_run_length=mix_run_length,
        threads=threads,
    )
    _fit(_of_logs(options, config) if production else options)
    _show(output)


def _show(profile: Path) -> None:
    from agent.inspection import as_text, inspect_profile  # noqa: PLC0415

    typer.echo(as_text(inspect_profile(profile)))


def _of_logs(options: "FitOptions", config: Path | None) -> "FitOptions":
    """Read logs as the configuration says, and over it the options; label and origin come as tags."""
    from agent.reading import decode_options  # noqa: PLC0415
    from agent.sources.files import expand  # noqa: PLC0415
    from config import load_settings  # noqa: PLC0415

    fields = options.fields
    given = {"prompt_field": fields.prompt, "response_field": fields.response, "session_field": fields.group}
    payload = {name: value for name, value in given.items() if value is not None}
    settings = load_settings(config, {"profile": {"path": "none"}, "payload": payload})
    logs = decode_options(settings, fields.which)
    tags = (*logs.tags, *(tag for tag in (fields.label, fields.synthetic) if tag is not None))
    return replace(
        options,
        train=tuple(map(Path, expand(options.train))),
        calibration=tuple(map(Path, expand(options.calibration))) if options.calibration else (),
        fields=replace(fields, which=logs.which),
        logs=replace(logs, tags=tags),
    )


def _fit(options: "FitOptions") -> None:
    from agent.cli_progress import TerminalProgress  # noqa: PLC0415

    try:
        from agent.fitting.fit import fit_profile  # noqa: PLC0415

        with TerminalProgress() as progress:
            fit_profile(options, progress)
    except ModuleNotFoundError as error:
        from agent.fitting.errors import FitError  # noqa: PLC0415

        raise FitError(f"fitting needs {error.name}: install offmap with its extra `fit`") from error
