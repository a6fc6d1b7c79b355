"""The states of word pieces of training texts in a temporary file: of texts drawn at random, as many as have room."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.records import Encoded
from detectors.blocks import unit_rows
from detectors.style_fit import PieceStates

ROOM = 1 << 19
"""Word pieces kept: 0.8 GB at 384 dimensions; all of 40,000 texts of a dozen, or 340 of the longest that are read."""


def unit_states(states: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the states of one chunk at length 1: what the file keeps."""
    return unit_rows(states)


class _Chunk(NamedTuple):
    key: float
    owner: int
    tokens: int
    length: int


class PieceFile:
    """Collects the states of all word pieces of a text, or of none of them.

    Each text is given a random number once; those below a bound stay. Where the room is used up, the bound is halved.
    So the texts kept are drawn at random, whatever their order and number.

    Parameters
    ----------
    path, file : Path and the same, opened to write and read
    dim : int
    seed : int
    room : int
        Word pieces kept.
    """

    def __init__(self, path: Path, file: BinaryIO, dim: int, seed: int, room: int = ROOM) -> None:
        self._path, self._file, self._dim, self._room = path, file, dim, room
        self._rng, self._bound = np.random.default_rng([seed, 4]), 1.0
        self._chunks: list[_Chunk] = []
        self._rows = 0

    def append(self, owner: npt.NDArray[np.int64], encoded: Encoded) -> None:
        """Add texts whose chunks' states were reduced by `unit_states`; `owner` (m,) are their numbers among all."""
        texts, mine = np.unique(owner, return_inverse=True)
        keys = self._rng.random(len(texts))[mine]
        for i, states in enumerate(encoded.reduced or ()):
            if keys[i] < self._bound:
                self._file.write(np.ascontiguousarray(states, dtype=np.float32).tobytes())
                self._chunks.append(_Chunk(keys[i], owner[i], encoded.tokens[i], len(states)))
                self._rows += len(states)
        while self._rows > self._room:
            self._thin()

    def finish(self) -> PieceStates:
        """Return what was collected."""
        starts = np.cumsum([0, *(chunk.length for chunk in self._chunks)], dtype=np.int64)
        owner = np.array([chunk.owner for chunk in self._chunks], dtype=np.int64)
        tokens = np.array([chunk.tokens for chunk in self._chunks], dtype=np.int32)
        return PieceStates(self._open("r"), starts, owner, tokens)

    def _thin(self) -> None:
        """Halve the bound, and close the gaps that the texts above it leave."""
        self._bound /= 2
        states, start, end = self._open("r+"), 0, 0
        for chunk in self._chunks:
            if chunk.key < self._bound:
                states[end : end + chunk.length] = states[start : start + chunk.length].copy()
                end += chunk.length
            start += chunk.length
        self._chunks = [chunk for chunk in self._chunks if chunk.key < self._bound]
        self._rows = end
        self._file.truncate(4 * self._dim * self._rows)
        self._file.seek(0, 2)

    def _open(self, mode: Literal["r", "r+"]) -> npt.NDArray[np.float32]:
        self._file.flush()
        shape = (self._rows, self._dim)
        return np.memmap(self._path, np.float32, mode, shape=shape) if self._rows else np.zeros(shape, np.float32)
