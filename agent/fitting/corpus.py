"""The second pass: the selected texts become vectors in a temporary file, a few texts in memory at a time."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.fitting.piece_file import PieceFile, unit_states
from agent.fitting.rows import Row
from agent.fitting.scan import SIDES, Selection
from agent.records import Encoded
from agent.scripts import count_scripts
from agent.seams import Embedder
from agent.words import word_ids, words_of
from detectors.rarity import WordCounter
from detectors.style_fit import PieceStates
from detectors.vectors import text_vectors

_BATCH = 64


class Corpus(NamedTuple):
    """One side of the training rows, embedded.

    Attributes
    ----------
    encoded : Encoded
        Of the n texts that have something to embed; `layers` lies in a file.
    rows : ndarray of int64, shape (n,)
        Which row each text is of.
    empty : int
        Texts that had nothing to embed, left out.
    words : WordCounter
        In how many of the texts each word occurs, hashed.
    scripts : ndarray of int64
        How many of the texts are written in each script: `agent.scripts.count_scripts`.
    pieces : PieceStates or None
        The states of word pieces of some of the texts, where somebody asked for them; they lie in a file.
    """

    encoded: Encoded
    rows: npt.NDArray[np.int64]
    empty: int
    words: WordCounter
    scripts: npt.NDArray[np.int64]
    pieces: PieceStates | None = None


class Reading(NamedTuple):
    """How texts are read.

    Attributes
    ----------
    max_chunks : mapping of str to int
        Chunks of a text at most, by side.
    pieces_seed : int or None
        Draws the prompts of which the states of word pieces are kept; None: nobody asks for any.
    """

    max_chunks: Mapping[str, int]
    pieces_seed: int | None = None


def corpus_vectors(corpus: Corpus, texts: npt.NDArray[np.int64]) -> npt.NDArray[np.float16]:
    """Return the vectors (n, d) of some of the texts, ascending."""
    encoded = corpus.encoded
    chunks = np.flatnonzero(np.isin(encoded.owner, texts))
    return text_vectors(encoded.layers[chunks, -1], np.searchsorted(texts, encoded.owner[chunks]), len(texts))


class VectorFile:
    """Collects the vectors of one side in a file: float32, as the engine made them, for calibration sees them."""

    def __init__(self, path: Path, file: BinaryIO, shape: tuple[int, int]) -> None:
        self._path, self._file, self._shape = path, file, shape
        self.pieces: PieceFile | None = None
        self._tokens, self._owner = array("i"), array("i")
        self._rows, self._truncated = array("q"), bytearray()
        self._empty = 0
        self._words = WordCounter()
        self._scripts = count_scripts([])

    def append(self, rows: Sequence[int], texts: Sequence[str], encoded: Encoded) -> None:
        """Add the texts of these rows."""
        for text in texts:
            self._words.add(word_ids(words_of(text)))
        counts = np.bincount(encoded.owner, minlength=len(rows))
        known = counts > 0
        self._scripts += count_scripts([text for text, has in zip(texts, known.tolist(), strict=True) if has])
        first = len(self._rows)
        owner = np.repeat(np.arange(first, first + known.sum()), counts[known])
        self._owner.extend(owner.tolist())
        if self.pieces is not None:
            self.pieces.append(owner, encoded)
        self._tokens.extend(encoded.tokens.tolist())
        self._rows.extend(np.asarray(rows)[known].tolist())
        self._truncated.extend(encoded.truncated[known].tobytes())
        self._empty += int((~known).sum())
        self._file.write(np.ascontiguousarray(encoded.layers, dtype=np.float32).tobytes())

    def finish(self) -> Corpus:
        """Return what was collected."""
        self._file.flush()
        shape = (len(self._tokens), *self._shape)
        layers = np.memmap(self._path, np.float32, "r", shape=shape) if shape[0] else np.zeros(shape, np.float32)
        encoded = Encoded(
            layers=layers,
            tokens=np.array(self._tokens, dtype=np.int32),
            owner=np.array(self._owner, dtype=np.int32),
            truncated=np.frombuffer(bytes(self._truncated), dtype=np.bool_),
        )
        pieces = None if self.pieces is None else self.pieces.finish()
        rows = np.array(self._rows, dtype=np.int64)
        return Corpus(encoded, rows, self._empty, self._words, self._scripts, pieces)


def embed_corpus(
    rows: Iterable[Row],
    selection: Selection,
    embedder: Embedder,
    reading: Reading,
    workspace: Path,
    progress: Callable[[int], None] = lambda _n: None,
) -> dict[str, Corpus]:
    """Embed what was selected.

    Parameters
    ----------
    rows : iterable of Row
        The same rows, in the same order, as were scanned.
    selection : Selection
    embedder : Embedder
    reading : Reading
    workspace : Path
        Folder for the vectors' files; it must outlive the result.
    progress : callable
        Told how many texts were embedded since its last call.
    """
    shape = (embedder.n_layers, embedder.dim)
    paths = {side: workspace / f"{side}.f32" for side in SIDES}
    reducers = {"prompt": None if reading.pieces_seed is None else unit_states, "response": None}
    with ExitStack() as stack:
        files = {side: VectorFile(path, stack.enter_context(path.open("wb")), shape) for side, path in paths.items()}
        if reading.pieces_seed is not None:
            path = workspace / "pieces.f32"
            file = stack.enter_context(path.open("w+b"))
            files["prompt"].pieces = PieceFile(path, file, embedder.dim, reading.pieces_seed)
        for batch in _batches(enumerate(rows), _BATCH):
            for position, side in enumerate(SIDES):
                places = [i for i, _ in batch if selection.keep[side][i]]
                texts = [str(row[position]) for i, row in batch if selection.keep[side][i]]
                if texts:
                    encoded = embedder.encode(texts, reading.max_chunks[side], reducers[side])
                    files[side].append(places, texts, encoded)
                    progress(len(places))
        return {side: file.finish() for side, file in files.items()}


def _batches(items: Iterable[tuple[int, Row]], size: int) -> Iterator[list[tuple[int, Row]]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
