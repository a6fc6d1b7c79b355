"""Doubles for speed: an embedder and a source that need nothing. Each stands beside a test of the real part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

import numpy as np

from agent.records import Batch, Encoded, Partition, Positions, Record, StateReducer


class FakeEmbedder:
    """Unit vectors drawn from the text's hash: deterministic, alone or in a batch; white space owns no chunk."""

    fingerprint = "fake"
    dim = 16
    n_layers = 3
    canary_deviation = None

    def __init__(self, before: Callable[[str], None] = lambda _text: None) -> None:
        self._before = before

    def encode(self, texts: Sequence[str], max_chunks: int, reduce: StateReducer | None = None) -> Encoded:
        assert reduce is None, "it has no states of word pieces"
        rows, owner, tokens = [], [], []
        for i, text in enumerate(texts):
            self._before(text)
            if not text.strip():
                continue
            seed = int.from_bytes(sha256(text.encode()).digest()[:8], "big")
            vectors = np.random.default_rng(seed).normal(size=(self.n_layers, self.dim))
            rows.append(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
            owner.append(i)
            tokens.append(len(text.split()) + 2)
        return Encoded(
            layers=np.array(rows, dtype=np.float32).reshape(-1, self.n_layers, self.dim),
            tokens=np.array(tokens, dtype=np.int32),
            owner=np.array(owner, dtype=np.int32),
            truncated=np.zeros(len(texts), dtype=bool),
        )


class ListSource:
    """Gives the records of a list, `size` a poll, from the given positions on."""

    status = "ok"

    def __init__(self, records: Sequence[Record], positions: Mapping[Partition, int] = {}, size: int = 100) -> None:
        self._rest = [r for r in records if r.offset >= positions.get((r.topic, r.partition), 0)]
        self._size = size
        self.committed: list[Positions] = []
        self.closed = False

    def poll(self) -> Batch:
        taken, self._rest = self._rest[: self._size], self._rest[self._size :]
        return Batch(taken, end=not self._rest)

    def commit(self, positions: Mapping[Partition, int]) -> None:
        self.committed.append(dict(positions))

    def lag(self) -> Mapping[Partition, int]:
        return {}

    def close(self) -> None:
        self.closed = True
