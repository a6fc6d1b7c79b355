"""The generated parts of the README: `make docs` writes them, a test compares them.

A part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``.
"""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer.main

import config
from agent.board import DOWN_REASONS
from agent.cli import app
from agent.metric_table import metrics_markdown
from agent.payloads.reasons import REASONS
from benchmarks import figures


def commands_markdown() -> str:
    """Write every command with its arguments and options."""
    group = typer.main.get_command(app)
    return "\n".join(line for name, command in group.commands.items() for line in _command_lines(name, command))


def _command_lines(name: str, command: Any) -> Iterator[str]:
    words = [_argument(param) for param in command.params if param.param_type_name == "argument"]
    yield f"**`{' '.join(['offmap', name, *words])}`**: {' '.join((command.help or '').split())}"
    yield from ("", "| option | default | what it is |", "|---|---|---|")
    for param in command.params:
        options = [_argument(param)] if param.param_type_name == "argument" else [*param.opts, *param.secondary_opts]
        default = "required" if param.required else f"`{param.default}`" if _has_default(param) else "–"
        yield f"| {', '.join(f'`{option}`' for option in options)} | {default} | {(param.help or '').strip()} |"
    yield ""


def _has_default(param: Any) -> bool:
    return isinstance(param.default, str | int) and not isinstance(param.default, bool)


def _argument(param: Any) -> str:
    return param.name.upper() + ("..." if param.nargs == -1 else "")


def table(reasons: dict[str, str], title: str) -> str:
    """Write what each value of a label means."""
    return "\n".join([f"| {title} | what it means |", "|---|---|", *(f"| `{k}` | {v} |" for k, v in reasons.items())])


OUTCOMES = {"decoded": "readable; with what it holds: a prompt, a response, feedback"} | REASONS
README = Path(__file__).parents[1] / "README.md"
PARTS: dict[str, Callable[[], str]] = {
    "commands": commands_markdown,
    "configuration": config.reference_markdown,
    "figures": figures.markdown,
    "down": lambda: table(DOWN_REASONS, "reason"),
    "metrics": metrics_markdown,
    "outcomes": lambda: table(OUTCOMES, "outcome"),
}
PART = re.compile(r"(?<=<!-- generated: )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)


def generated(text: str) -> str:
    """Return the README with every generated part as the code has it now.

    Raises
    ------
    LookupError
        If the parts in the text are not those that there are.
    """
    found = [match[1] for match in PART.finditer(text)]
    if sorted(found) != sorted(PARTS):
        raise LookupError(f"README.md has the generated parts {found}, not {sorted(PARTS)}")
    return PART.sub(lambda match: f"{match[1]}{match[2]}\n{PARTS[match[1]]().strip()}\n\n", text)


if __name__ == "__main__":
    before = README.read_text(encoding="utf-8")
    README.write_text(generated(before), encoding="utf-8")
    sys.exit(0)
