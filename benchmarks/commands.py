"""`offmap`'s commands, called in this process: what several of them would compute again is remembered."""

import functools
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest import mock

from agent.cli import app
from agent.embedding import compile_model
from agent.embedding.runtime import OnnxEmbedder
from agent.records import Encoded, StateReducer


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


@contextmanager
def remembered() -> Iterator[None]:
    """Compile a model once, and embed the same texts once.

    It changes no result: the same text gives the same bits in any batch, which the project's tests hold. What the style
    channel makes of the states of word pieces is computed each time.
    """
    seen: dict[str, Encoded] = {}
    embed = OnnxEmbedder.encode

    def encode(
        self: OnnxEmbedder, texts: Sequence[str], max_chunks: int, reduce: StateReducer | None = None
    ) -> Encoded:
        if reduce is not None:
            return embed(self, texts, max_chunks, reduce)
        key = hashlib.sha256("\0".join([self.fingerprint, str(max_chunks), *texts]).encode()).hexdigest()
        if key not in seen:
            seen[key] = embed(self, texts, max_chunks)
        return seen[key]

    once = functools.cache(compile_model.compile_model)
    with mock.patch.object(OnnxEmbedder, "encode", encode), mock.patch.object(compile_model, "compile_model", once):
        yield
