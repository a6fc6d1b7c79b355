"""Pydantic's errors, in words for people: one line a problem, with its dotted path and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from reprlib import Repr
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.section import Contradiction, ContradictionsError

Place = tuple[int | str, ...]
_SECRET = frozenset({"sasl_password", "password", "token", "url"})  # an address may hold a password
_SHORT = Repr()  # of a few kilobytes with YAML's aliases, `repr` could make gigabytes
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlong = 3, 100, 100, 100


def dotted(place: Place) -> str:
    """Path of a value: ``("kafka", "topics", 0)`` is ``kafka.topics[0]``."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def explain(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[Place, Contradiction | None, str]]:
    """Yield every problem: the place, the contradiction it comes from if any, and the line for the user."""
    details = error.errors(include_url=False)
    parents = {detail["loc"][:-1] for detail in details}
    for detail in details:
        place = detail["loc"]
        if detail["type"] == "too_short" and place in parents:
            continue  # only because its wrong items do not count
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, ContradictionsError):
            for item in cause.found:
                yield place, item, f"{dotted((*place, item.fields[0]))}: {item.message}"
        else:
            yield place, None, f"{dotted(place)}: {_message(detail, model)}"


def _message(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind, place = detail["type"], detail["loc"]
    if kind == "extra_forbidden":
        return _unknown_key(str(place[-1]), sorted(_fields_at(model, place[:-1])))
    if kind == "missing":
        fields = _fields_at(model, place[:-1])
        return f"is missing: {fields[str(place[-1])].description}"
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        return f"must hold keys and values{_given(detail)}"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ").replace("should", "must", 1)
    return f"{message[:1].lower()}{message[1:]}{_given(detail)}"


def _given(detail: ErrorDetails) -> str:
    is_text_wanted = detail["type"] == "string_type" and not isinstance(detail["input"], list | dict)
    advice = ["put it in quotes"] if is_text_wanted else []
    if not _SECRET.intersection(detail["loc"]):
        shown = _SHORT.repr(detail["input"])
        advice.insert(0, f"got {shown if len(shown) <= 60 else shown[:57] + '...'}")
    return f" ({': '.join(advice)})" if advice else ""


def _unknown_key(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"unknown key; did you mean {close[0]}?" if close else f"unknown key; known here: {', '.join(known)}"


def _fields_at(model: type[BaseModel], place: Place) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = model.model_fields
    for part in place:
        fields = section_model(fields[str(part)].annotation).model_fields
    return fields


def section_model(annotation: Any) -> type[BaseModel]:
    """Model of a section, also where the section may be absent (``Model | None``)."""
    options = getattr(annotation, "__args__", (annotation,))
    return next(option for option in options if isinstance(option, type) and issubclass(option, BaseModel))
