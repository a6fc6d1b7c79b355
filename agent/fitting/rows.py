"""Training rows: prompt, response, group, origin and label of every example, and a count of what could not be read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from agent.fitting.errors import FitError
from agent.fitting.files import Document, read_documents, unit
from agent.fitting.shapes import SHAPES, Pair, conversation, field_names, is_synthetic, response_text, shape_of
from agent.payloads.fields import dig

_LOOK_AHEAD = 1_000
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class RowFields:
    """Which fields of a row are read; None: recognised by content, or beyond prompt and response: there is none.

    Dotted paths lead into nested objects. `which` is the part of a conversation that is the prompt. A row, or all rows
    of a file, may lack the label.
    """

    prompt: str | None = None
    response: str | None = None
    group: str | None = None
    synthetic: str | None = None
    which: str = "last_user"
    label: str | None = None

    def named(self) -> dict[str, tuple[str, ...]]:
        """Return the fields that were named and must be there, split at the dots."""
        pairs = (("prompt", self.prompt), ("response", self.response), ("group", self.group))
        return {
            name: tuple(path.split(".")) for name, path in (*pairs, ("synthetic", self.synthetic)) if path is not None
        }


class Row(NamedTuple):
    """One example.

    Attributes
    ----------
    prompt, response : str or None
    group : str or None
        Examples of a group are never split between fitting and calibration.
    synthetic : bool or None
        Whether a model wrote it; None where its flag does not say.
    label : str or None
        Its topic.
    """

    prompt: str | None
    response: str | None
    group: str | None
    synthetic: bool | None
    label: str | None = None


@dataclass(slots=True)
class Readings:
    """What reading met. `bad` counts rows by problem; `first_bad` names the places of the first few.

    The times are event times of logs, infinite where none is known.
    """

    documents: int = 0
    shapes: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    first_time: float = math.inf
    last_time: float = -math.inf
    first_bad: list[str] = field(default_factory=list)

    def refuse(self, path: Path, document: Document, problem: str) -> None:
        """Count a row that cannot be used."""
        self.bad[problem] += 1
        if len(self.first_bad) < _SHOWN:
            self.first_bad.append(f"{path}, {unit(path)} {document.line}: {problem}")


def read_rows(paths: Sequence[Path], fields: RowFields, readings: Readings | None = None) -> Iterator[Row]:
    """Yield the examples of the files, in order.

    Parameters
    ----------
    paths : sequence of Path
    fields : RowFields
    readings : Readings, optional
        Counts what is met.

    Raises
    ------
    FitError
        A file cannot be read, or none of its first rows has the fields that are needed: the message names those that
        there are. A bad row among good ones is counted.
    """
    readings = readings if readings is not None else Readings()
    for path in paths:
        yield from _FileReader(path, fields, readings).rows()


class _FileReader:
    """Reads one file and watches that the named fields turn up at all."""

    def __init__(self, path: Path, fields: RowFields, readings: Readings) -> None:
        self._path, self._fields, self._readings = path, fields, readings
        self._paths = fields.named()
        self._label = None if fields.label is None else tuple(fields.label.split("."))
        self._wanted = set(self._paths) | ({"prompt"} if fields.prompt is None else set())
        self._seen: dict[str, None] = {}
        self._problem = ""  # the first one

    def rows(self) -> Iterator[Row]:
        i = 0
        for i, document in enumerate(read_documents(self._path), start=1):
            yield from self._read(document)
            if i == _LOOK_AHEAD:
                self._check()
        if i < _LOOK_AHEAD:
            self._check()

    def _read(self, document: Document) -> Iterator[Row]:
        self._readings.documents += 1
        if document.value is None:
            self._refuse(document, document.problem)
            return
        row = document.value
        if self._wanted:
            self._look(row)
        name, pairs = self._pairs(row)
        pairs = [pair for pair in pairs if pair[0] and pair[0].strip()]
        if not pairs:
            self._refuse(document, "no prompt in it")
            return
        self._readings.shapes[name] += 1
        group, synthetic = self._group(row, document, len(pairs)), self._is_synthetic(row)
        label = self._label_of(row)
        yield from (Row(prompt, response, group, synthetic, label) for prompt, response in pairs)

    def _refuse(self, document: Document, problem: str) -> None:
        self._problem = self._problem or f"{unit(self._path)} {document.line}: {problem}"
        self._readings.refuse(self._path, document, problem)

    def _pairs(self, row: dict[str, Any]) -> tuple[str, list[Pair]]:
        if "prompt" in self._paths:
            name, pairs = "named fields", conversation(dig(row, self._paths["prompt"]), self._fields.which)
        else:
            shape = shape_of(row)
            name, pairs = (shape.name, shape.read(row, self._fields.which)) if shape else ("", [])
        if "response" in self._paths and pairs:
            pairs[-1] = (pairs[-1][0], response_text(dig(row, self._paths["response"])))
        return name, pairs

    def _group(self, row: dict[str, Any], document: Document, count: int) -> str | None:
        """Return the group named by the field; the turns of one conversation are a group by themselves."""
        value = dig(row, self._paths["group"]) if "group" in self._paths else None
        if value is not None:
            return str(value)
        return f"{self._path}\n{document.line}" if count > 1 else None

    def _label_of(self, row: dict[str, Any]) -> str | None:
        value = dig(row, self._label) if self._label else None
        return str(value) if isinstance(value, str | int | float) and value != "" else None

    def _is_synthetic(self, row: dict[str, Any]) -> bool | None:
        return is_synthetic(dig(row, self._paths["synthetic"])) if "synthetic" in self._paths else False

    def _look(self, row: dict[str, Any]) -> None:
        """Cross off the fields that this row has; remember the names of those that it has instead."""
        found = {name for name in self._wanted & set(self._paths) if dig(row, self._paths[name]) is not None}
        if "prompt" not in self._paths and shape_of(row) is not None:
            found.add("prompt")
        self._wanted -= found
        if len(self._seen) < 50:
            self._seen.update(dict.fromkeys(field_names(row)))

    def _check(self) -> None:
        if not self._wanted:
            return
        if not self._seen:
            raise FitError(
                f"{self._path}: holds no row that can be read ({self._problem or 'no rows'}); "
                "JSON lines (plain, .gz, .zst) and Parquet are read"
            )
        there = ", ".join(list(self._seen)[:50])
        for name, option in (("prompt", self._fields.prompt), *((n, ".".join(p)) for n, p in self._paths.items())):
            if name in self._wanted and option is not None:
                raise FitError(f"{self._path}: no field {option!r} (for the {name}); there are: {there}")
        known = ", ".join(shape.mark for shape in SHAPES)
        raise FitError(
            f"{self._path}: no prompt found; there are the fields {there}. "
            f"Known are {known}; name another with --prompt-field (and --response-field). "
            "Logs of production are read with --production"
        )
