"""Text to vectors in production, with onnxruntime and tokenizers and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.embedding.chunks import Cut, cut
from agent.embedding.cpu_limit import cpu_limit
from agent.embedding.session import EmbedderError, load_session, load_tokenizer
from agent.embedding.spec import EmbedderSpec
from agent.records import Encoded, StateReducer

CANARY_TOLERANCE = 1e-3
"""Cosine distance of a canary text from its recorded vector above which this machine computes noticeably otherwise."""

CANARY_LIMIT = 0.02
"""The same distance above which the calibration no longer means anything, and the embedder refuses to start."""


class CanaryError(EmbedderError):
    """The machine's vectors differ from those the profile was calibrated with."""


class _Chunk(NamedTuple):
    layers: npt.NDArray[np.float32]
    reduced: npt.NDArray[Any] | None


class _One(NamedTuple):
    chunks: list[_Chunk]
    tokens: list[int]
    truncated: bool


class OnnxEmbedder:
    """A compiled embedder, running.

    One unpadded chunk goes into one run: dynamic int8 takes its scale over the whole tensor, so that in a batch a text
    would move with its neighbours. Several threads work on several texts, one thread each: no result depends on how
    many there are.

    Parameters
    ----------
    model, tokenizer : bytes
        An ONNX graph that takes `ids` (1, t) int64 and returns `layers` (1, L, d) float32 and, in profiles that are new
        enough, the `states` (1, t, d) of the word pieces; and the content of a `tokenizer.json`.
    spec : EmbedderSpec
        What both are.
    threads : int, optional
        Texts embedded at a time; by default what the cgroup's CPU limit allows.

    Attributes
    ----------
    canary_deviation : float or None
        Largest cosine distance of a canary text from its recorded vector, over the layers, in [0, 2]; None where the
        description records none. A machine above `CANARY_TOLERANCE` should say so.

    Raises
    ------
    EmbedderError
        The graph or the tokenizer cannot be loaded or does not fit its description.
    CanaryError
        `canary_deviation` is above `CANARY_LIMIT`.
    """

    def __init__(self, model: bytes, tokenizer: bytes, spec: EmbedderSpec, *, threads: int | None = None) -> None:
        self._spec = spec
        self._fingerprint = fingerprint(model, tokenizer, spec)
        self._tokenizer = load_tokenizer(tokenizer)
        self._session = load_session(model)
        self._gives_states = any(output.name == "states" for output in self._session.get_outputs())
        self._pool: ThreadPoolExecutor | None = None
        workers = cpu_limit() if threads is None else threads
        if workers > 1:
            self._pool = ThreadPoolExecutor(workers, thread_name_prefix="embed")
        self.canary_deviation = self._checked_canaries()

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of graph, tokenizer and description."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._spec.dim

    @property
    def n_layers(self) -> int:
        """Layers a chunk gets vectors of, the last included."""
        return self._spec.n_layers

    def encode(self, texts: Sequence[str], max_chunks: int, reduce: StateReducer | None = None) -> Encoded:
        """Embed texts.

        Parameters
        ----------
        texts : sequence of str
            Any length, any characters: lone surrogates count as unknown ones.
        max_chunks : int
            Chunks of one text at most; a longer text is sampled evenly and counted as truncated.
        reduce : callable, optional
            Shown the states of each chunk's word pieces as soon as there are any.

        Returns
        -------
        Encoded
            A text without a known word piece owns no chunk.

        Raises
        ------
        EmbedderError
            There is something to reduce, and the graph gives no states.
        """
        if reduce is not None and not self._gives_states:
            raise EmbedderError("the graph gives no states of word pieces: fit the profile anew")
        ones = list(self._map(lambda text: self._encode_one(text, max_chunks, reduce), texts))
        chunks = [chunk for one in ones for chunk in one.chunks]
        shape = (len(chunks), self._spec.n_layers, self._spec.dim)
        return Encoded(
            layers=np.array([chunk.layers for chunk in chunks], dtype=np.float32).reshape(shape),
            tokens=np.array([count for one in ones for count in one.tokens], dtype=np.int32),
            owner=np.repeat(np.arange(len(ones), dtype=np.int32), [len(one.tokens) for one in ones]),
            truncated=np.array([one.truncated for one in ones], dtype=np.bool_),
            reduced=[chunk.reduced for chunk in chunks if chunk.reduced is not None] if reduce else None,
        )

    def close(self) -> None:
        """Let the threads go. Not to be used afterwards."""
        if self._pool is not None:
            self._pool.shutdown()

    def _map(self, function: Callable[[str], _One], texts: Sequence[str]) -> Iterable[_One]:
        return map(function, texts) if self._pool is None else self._pool.map(function, texts)

    def _encode_one(self, text: str, max_chunks: int, reduce: StateReducer | None) -> _One:
        chunks, truncated = self._cut(text, max_chunks)
        return _One([self._run(ids, reduce) for ids in chunks], [len(ids) for ids in chunks], truncated)

    def _cut(self, text: str, max_chunks: int) -> Cut:
        return cut(
            text, self._spec, max_chunks, lambda part: self._tokenizer.encode(part, add_special_tokens=False).ids
        )

    def _run(self, ids: Sequence[int], reduce: StateReducer | None) -> _Chunk:
        feed = {"ids": np.array([ids], dtype=np.int64)}
        if reduce is None:
            return _Chunk(self._session.run(["layers"], feed)[0][0], None)
        layers, states = self._session.run(["layers", "states"], feed)
        spec = self._spec
        return _Chunk(layers[0], reduce(states[0, len(spec.prefix_ids) : len(ids) - len(spec.suffix_ids)]))

    def _checked_canaries(self) -> float | None:
        if not self._spec.canary_texts:
            return None
        try:
            got = self.encode(self._spec.canary_texts, max_chunks=1).layers
            halves = 0.5 * np.sum((got - self._spec.canary_vectors) ** 2, axis=-1)  # of unit vectors: 1 − cosine
        except Exception as error:
            raise EmbedderError(f"the embedder does not fit its description: {error}") from error
        deviation = float(halves.max())
        if not deviation <= CANARY_LIMIT:
            message = f"this machine embeds the canary texts at a cosine distance of {deviation:.4f} from the vectors"
            raise CanaryError(f"{message} recorded at fit time (limit {CANARY_LIMIT}): fit the profile anew here")
        return deviation


def fingerprint(model: bytes, tokenizer: bytes, spec: EmbedderSpec) -> str:
    """Return the SHA-256 (hex) that names this embedder."""
    parts = [model, tokenizer, json.dumps(spec.to_dict(), sort_keys=True).encode()]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
