"""Texts in words: hashed where they are counted at fit time, as they are only where somebody asks why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from detectors.rarity import WordRarity

LONGEST = 20_000
"""Characters of a text that are looked at."""

SHOWN = 5
"""Words that are given for one text."""

RARE = 0.01
"""A word that more reference documents hold explains nothing."""

# Digits are left out: they tell accounts and orders apart, not subjects. Where no spaces part words: pairs of letters.
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_CJK}]+|[^\W\d_{_CJK}]+(?:['’][^\W\d_{_CJK}]+)*")


def words_of(text: str) -> list[str]:
    """Return the different words of a text in lower case, in the order in which they first occur.

    Examples
    --------
    >>> words_of("My heat pump's COP is 3.2: is the heat pump broken?")
    ['my', 'heat', "pump's", 'cop', 'is', 'the', 'pump', 'broken']
    >>> words_of("热泵坏了")
    ['热泵', '泵坏', '坏了']
    """
    found: dict[str, None] = {}
    for match in _WORD.finditer(text[:LONGEST]):
        run = match[0]
        if "\u3040" <= run[0] <= "\u9fff":
            found.update(dict.fromkeys([run[i : i + 2] for i in range(len(run) - 1)] or [run]))
        else:
            found[run.casefold().replace("’", "'")] = None
    return list(found)


def word_ids(words: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Return the hash of each word, shape (m,): what `detectors.rarity` takes."""
    return np.array([_id(word) for word in words], dtype=np.uint64)


@lru_cache(maxsize=1 << 14)
def _id(word: str) -> int:
    return int.from_bytes(blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little")


class RareWords:
    """Names the words that make texts novel: those that are rarest in the reference.

    Parameters
    ----------
    rarity : WordRarity
    level : float
        Texts with a p-value above this are not asked about.
    """

    def __init__(self, rarity: WordRarity, level: float) -> None:
        self._rarity = rarity
        self._level = level

    def of(self, texts: Sequence[str | None], p_values: npt.NDArray[np.float64]) -> npt.NDArray[np.object_]:
        """Return for each text (n,) a tuple of its rare words, the rarest first; None above the level."""
        found = np.full(len(texts), None, dtype=np.object_)
        for i in np.flatnonzero(p_values <= self._level).tolist():
            words = words_of(texts[i] or "")
            found[i] = tuple(words[k] for k in self._rarity.rarest(word_ids(words), len(words), RARE)) if words else ()
        return found
