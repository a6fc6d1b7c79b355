"""What texts embed to, kept: each is embedded once, and some stand for vectors that no text has."""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.records import Encoded

Encode = Callable[[Sequence[str], int], Encoded]
Key = tuple[str, int, str]


class Embedded(NamedTuple):
    """One text of m chunks: unit rows (m, L, d), word pieces (m,) of each, and whether part of it was left out."""

    layers: npt.NDArray[np.float32]
    tokens: npt.NDArray[np.int32]
    truncated: bool


class TextStore:
    """Embeddings by text: in memory, and in a file in the folder `OFFMAP_BENCH_CACHE`, where that is set.

    It changes no result, but for the stand-ins: the same text gives the same bits in any batch, which the project's
    tests hold.

    Attributes
    ----------
    stand_ins : dict of str to Embedded
        Texts that are never embedded: each stands for vectors that no text has.
    """

    def __init__(self) -> None:
        self.stand_ins: dict[str, Embedded] = {}
        self._known: dict[Key, Embedded] = {}
        folder = os.environ.get("OFFMAP_BENCH_CACHE")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(Path(folder, "texts.sqlite") if folder else ":memory:", timeout=60)
        columns = "key BLOB PRIMARY KEY, layers BLOB, n_layers INTEGER, dim INTEGER, tokens BLOB, truncated INTEGER"
        self._file.execute(f"CREATE TABLE IF NOT EXISTS embedded ({columns})")

    def encode(self, encode: Encode, fingerprint: str, texts: Sequence[str], max_chunks: int) -> Encoded:
        """Return what `encode` makes of these texts; it is asked only for those that are not known."""
        keys = [(fingerprint, max_chunks, text) for text in dict.fromkeys(texts)]
        missing = [key for key in keys if self._find(key) is None]
        if missing:
            found = encode([text for _, _, text in missing], max_chunks)
            self._keep(dict(zip(missing, apart(found, len(missing)), strict=True)))
        return together([self.stand_ins.get(text) or self._known[fingerprint, max_chunks, text] for text in texts])

    def _find(self, key: Key) -> Embedded | None:
        if (found := self.stand_ins.get(key[2]) or self._known.get(key)) is not None:
            return found
        row = self._file.execute("SELECT * FROM embedded WHERE key = ?", (_digest(key),)).fetchone()
        if row is not None:
            _, layers, n_layers, dim, tokens, truncated = row
            counts = np.frombuffer(tokens, np.int32)
            shaped = np.frombuffer(layers, np.float32).reshape(len(counts), n_layers, dim)
            self._known[key] = Embedded(shaped, counts, bool(truncated))
        return self._known.get(key)

    def _keep(self, new: dict[Key, Embedded]) -> None:
        self._known |= new
        rows = [
            (_digest(key), one.layers.tobytes(), *one.layers.shape[1:], one.tokens.tobytes(), one.truncated)
            for key, one in new.items()
        ]
        with self._file:
            self._file.executemany("INSERT OR REPLACE INTO embedded VALUES (?, ?, ?, ?, ?, ?)", rows)


def apart(encoded: Encoded, n: int) -> list[Embedded]:
    """Return each of n texts by itself."""
    ends = np.searchsorted(encoded.owner, np.arange(n + 1))
    pieces = [slice(*ends[i : i + 2]) for i in range(n)]
    return [
        Embedded(encoded.layers[piece], encoded.tokens[piece], bool(cut))
        for piece, cut in zip(pieces, encoded.truncated, strict=True)
    ]


def together(texts: Sequence[Embedded]) -> Encoded:
    """Return texts as the embedder does."""
    return Encoded(
        layers=np.concatenate([one.layers for one in texts]),
        tokens=np.concatenate([one.tokens for one in texts]),
        owner=np.repeat(np.arange(len(texts), dtype=np.int32), [len(one.tokens) for one in texts]),
        truncated=np.array([one.truncated for one in texts]),
    )


def _digest(key: Key) -> bytes:
    return hashlib.sha256("\0".join(map(str, key)).encode("utf-8", "surrogatepass")).digest()
