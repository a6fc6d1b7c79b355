"""The first pass over the training rows: what is there, what is a duplicate, what will be embedded."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from agent.answer_signs import SHORTEST, wording
from agent.fitting.rows import Row

SIDES = ("prompt", "response")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows are embedded, by side.

    Attributes
    ----------
    keep : dict of str to ndarray of bool, shape (rows,)
    groups : ndarray of int64, shape (rows,)
        Equal numbers: never to be split.
    synthetic : ndarray of int8, shape (rows,)
        1 where a model wrote the row, 0 where not, −1 where its flag does not say.
    labels : ndarray of int64, shape (rows,)
        Hashes of the labels; −1 for none.
    keys : dict of str to set of int
        Hashes of the texts, for finding them again elsewhere.
    answers : ndarray of int64, shape (rows,)
        The first row whose response is the same as this one's; −1 for a row without one.
    wordings : ndarray of uint64, shape (rows,)
        Hashes of the responses' words, as of those in production; 0 for short ones.
    duplicates : dict of str to int
        Texts left out because an equal one came before.
    """

    keep: Mapping[str, npt.NDArray[np.bool_]]
    groups: npt.NDArray[np.int64]
    synthetic: npt.NDArray[np.int8]
    labels: npt.NDArray[np.int64]
    keys: Mapping[str, AbstractSet[int]]
    answers: npt.NDArray[np.int64]
    wordings: npt.NDArray[np.uint64]
    duplicates: Mapping[str, int]

    def count(self, side: str) -> int:
        """Rows of a side that are embedded."""
        return int(self.keep[side].sum())


def text_key(text: str) -> int:
    r"""Hash of a text that does not see white space and upper case, 63 bits.

    Examples
    --------
    >>> text_key("Reset  my\nPIN ") == text_key("reset my pin")
    True
    """
    return _hash(" ".join(text.split()).casefold())


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big") >> 1


def scan(rows: Iterable[Row], *, deduplicate: bool = True) -> Selection:
    """Read all rows once. Memory grows with their number (some 250 bytes each), never with the text.

    A text that was met before on the same side is left out, where `deduplicate`.
    """
    keep: dict[str, bytearray] = {side: bytearray() for side in SIDES}
    first: dict[str, dict[int, int]] = {side: {} for side in SIDES}
    duplicates = dict.fromkeys(SIDES, 0)
    groups: list[int] = []
    labels, answers, wordings = array("q"), array("q"), array("Q")
    synthetic = array("b")
    for i, row in enumerate(rows):
        groups.append(-1 - i if row.group is None else _hash(row.group))
        labels.append(-1 if row.label is None else _hash(row.label))
        synthetic.append(-1 if row.synthetic is None else row.synthetic)
        for side, text in zip(SIDES, (row.prompt, row.response), strict=True):
            key = text_key(text) if text and text.strip() else None
            again = key is not None and first[side].setdefault(key, i) != i
            duplicates[side] += again
            keep[side].append(key is not None and not (again and deduplicate))
        answers.append(-1 if key is None else first["response"][key])
        wordings.append(wording(row.response, SHORTEST))
    return Selection(
        {side: np.frombuffer(flags, dtype=np.bool_).copy() for side, flags in keep.items()},
        np.array(groups, dtype=np.int64),
        _provenance(np.array(synthetic, dtype=np.int8)),
        np.array(labels, dtype=np.int64),
        {side: found.keys() for side, found in first.items()},
        np.array(answers, dtype=np.int64),
        np.array(wordings, dtype=np.uint64),
        duplicates,
    )


def _provenance(said: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Take rows that do not say who wrote them for people's, where the flag is only ever set to say that it is not."""
    only_ever_true = (said > 0).any() and not (said == 0).any()
    return np.maximum(said, 0) if only_ever_true else said


def limit(selection: Selection, most: int | None, seed: int) -> Selection:
    """Keep at most `most` rows of each side, drawn at random: the first ones of a sorted file would be no sample."""
    if most is None:
        return selection
    rng = np.random.default_rng(seed)
    keep = {}
    for side, flags in selection.keep.items():
        places = np.flatnonzero(flags)
        drawn = np.zeros_like(flags)
        drawn[rng.permutation(places)[:most]] = True
        keep[side] = drawn
    return replace(selection, keep=keep)
