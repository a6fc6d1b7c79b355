"""`offmap`'s commands, called in this process: what several of them would compute again is remembered."""

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

from agent import worker
from agent.cli import app
from agent.embedding import compile_model, runtime
from agent.embedding.runtime import OnnxEmbedder
from agent.profile import Profile
from agent.records import Encoded, StateReducer
from benchmarks.text_store import TextStore

Series = dict[tuple[str, str], float]
"""Samples of an exposition, by name (`offmap_` left out) and labels as they are written."""


def offmap(*arguments: str | int | Path) -> str:
    """Run a command; return what it prints.

    Raises
    ------
    RuntimeError
        If it ends with another status than 0.
    """
    printed = StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        status = app([str(argument) for argument in arguments], standalone_mode=False)
    if status:
        raise RuntimeError(f"offmap {arguments[0]} ended with {status}: {printed.getvalue()[-500:]}")
    return printed.getvalue()


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> Path:
    """Write a log, or training rows."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def replay(log: Path, profile: Path, settings: Mapping[str, Any] | None = None) -> Series:
    """Replay a log, with these settings or the default ones, and read the metrics that it writes."""
    config, metrics = log.with_suffix(".yaml"), log.with_suffix(".metrics")
    config.write_text(json.dumps(settings or {}), encoding="utf-8")
    offmap("replay", log, "--profile", profile, "--config", config, "--metrics", metrics)
    return dict(_samples(metrics.read_text(encoding="utf-8")))


@contextmanager
def remembered() -> Iterator[TextStore]:
    """Compile a model once, read and load a profile once, and embed the same text once.

    It changes no result, but for what the caller gives to the store as stand-ins. What the style channel makes of the
    states of word pieces is computed each time.
    """
    store, embed, read = TextStore(), OnnxEmbedder.encode, worker.read_profile

    def encode(
        self: OnnxEmbedder, texts: Sequence[str], max_chunks: int, reduce: StateReducer | None = None
    ) -> Encoded:
        if reduce is not None or not texts:
            return embed(self, texts, max_chunks, reduce)
        return store.encode(functools.partial(embed, self), self.fingerprint, texts, max_chunks)

    @functools.cache
    def as_it_was(path: Path, _written: int, fingerprint: str | None) -> Profile:
        return read(path, expected_fingerprint=fingerprint)

    def read_once(path: Path, *, expected_fingerprint: str | None = None) -> Profile:
        return as_it_was(path, path.stat().st_mtime_ns, expected_fingerprint)

    with (
        mock.patch.object(OnnxEmbedder, "encode", encode),
        mock.patch.object(compile_model, "compile_model", functools.cache(compile_model.compile_model)),
        mock.patch.object(worker, "read_profile", read_once),
        mock.patch.object(runtime, "load_session", functools.cache(runtime.load_session)),
    ):
        yield store


def _samples(text: str) -> Iterator[tuple[tuple[str, str], float]]:
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            metric, _, labels = name.removesuffix("}").partition("{")
            yield (metric.removeprefix("offmap_"), labels), float(value)
