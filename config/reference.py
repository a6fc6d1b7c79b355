"""The configuration reference, made from the settings themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from config.durations import format_duration
from config.problems import section_model
from config.settings import Settings


def reference_markdown() -> str:
    """Every section with every key: type, default, what it is. For the README, which a test compares with it."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    for name, section in Settings.model_fields.items():
        yield from (
            f"**`{name}`**: {section.description}",
            "",
            "| key | values | default | what it is |",
            "|---|---|---|---|",
        )
        for key, field in section_model(section.annotation).model_fields.items():
            yield f"| `{key}` | {_kind(field.annotation)} | {_default(key, field)} | {_escape(field.description)} |"
        yield ""


def _escape(text: str | None) -> str:
    return (text or "").replace("|", "\\|")


def _default(key: str, field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value in (None, ()):
        return "–"
    if key == "lengths":
        return "`" + ", ".join(format_duration(item) for item in value) + "`"
    if isinstance(value, tuple):
        return "`" + ", ".join(_item(item) for item in value) + "`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:.10g}`" if isinstance(value, float) else f"`{value}`"


def _item(value: float | str) -> str:
    return _escape(value) if isinstance(value, str) else f"{value:g}"


_NAMES: dict[Any, str] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "`true`, `false`",
    Path: "path",
    SecretStr: "secret",
}


def _kind(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is tuple:
        return f"list of {_kind(arguments[0])}"
    if arguments:  # Annotated, or optional
        options = arguments[:1] if hasattr(annotation, "__metadata__") else arguments
        return " or ".join(_kind(option) for option in options if option is not type(None))
    return _NAMES[annotation]
