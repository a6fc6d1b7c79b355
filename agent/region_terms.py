"""The words that set a region apart: in memory only, and only where the user asks for them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

MOST_WORDS = 500
"""Words remembered of a region; twice as many for a moment."""

FEWEST = 2
"""Texts that a word must occur in."""


class WordTally:
    """In how many texts of a region each word occurs; the words seen most often are remembered."""

    def __init__(self) -> None:
        self.texts = 0
        self.counts: Counter[str] = Counter()

    def add(self, words: Iterable[str]) -> None:
        """Count one text, each of its words given once."""
        self.texts += 1
        self.counts.update(words)
        if len(self.counts) > 2 * MOST_WORDS:
            self.counts = Counter(dict(self.counts.most_common(MOST_WORDS)))


class RegionTerms:
    """Collects the rare words of uncovered texts by region, of one side.

    Examples
    --------
    >>> terms = RegionTerms()
    >>> for words in (("heat", "pump"), ("pump", "odd"), ("pump",)):
    ...     terms.add("r1", words)
    >>> for words in (("heat", "wave"), ("wave",)):
    ...     terms.add("other", words)
    >>> terms.found()
    {'r1': ['pump']}
    """

    def __init__(self) -> None:
        self._regions: dict[str, WordTally] = {}
        self._named: dict[str, int] = {}
        self._all = WordTally()

    def add(self, region: str, words: Sequence[str]) -> None:
        """Count one text of a region, or of "other"."""
        self._all.add(words)
        if region != "other":
            self._regions.setdefault(region, WordTally()).add(words)

    def renew(self, named: Mapping[str, int]) -> None:
        """Forget the words of names that were given to another region: `named` says how many times each was given."""
        for region, times in named.items():
            if self._named.get(region, times) != times:
                self._regions.pop(region, None)
        self._named = dict(named)

    def found(self, most: int = 5) -> dict[str, list[str]]:
        """Return the words of each region, the most telling first."""
        return {region: self._telling(tally)[:most] for region, tally in self._regions.items()}

    def _telling(self, tally: WordTally) -> list[str]:
        """Sort words by c·ln(rate here / rate in the other uncovered texts), c texts here holding the word."""
        scores = {}
        others = self._all.texts - tally.texts
        for word, count in tally.counts.items():
            elsewhere = (max(self._all.counts[word] - count, 0) + 0.5) / (others + 1)
            here = (count + 0.5) / (tally.texts + 1)
            if count >= FEWEST and here > elsewhere:
                scores[word] = count * math.log(here / elsewhere)
        return sorted(scores, key=lambda word: (-scores[word], word))
