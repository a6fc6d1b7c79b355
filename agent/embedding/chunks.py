"""A text of any length becomes a bounded number of bounded chunks of word pieces."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from agent.embedding.spec import EmbedderSpec

CHARACTERS_PER_TOKEN = 64
"""Characters looked at for each word piece that can be used: many more than a word piece has in any ordinary text, so
that only the tokenizer's time and memory are bounded by it."""


class Cut(NamedTuple):
    """The chunks of one text, special word pieces included, and whether a part of the text is in none of them."""

    chunks: list[list[int]]
    truncated: bool


def cut(text: str, spec: EmbedderSpec, max_chunks: int, tokenize: Callable[[str], Sequence[int]]) -> Cut:
    """Cut one text.

    Parameters
    ----------
    text : str
    spec : EmbedderSpec
        Size of a chunk, the special word pieces around it, and the unknown one.
    max_chunks : int
        Chunks at most, from 1.
    tokenize : callable
        Text to word pieces without special ones.
    """
    limit = CHARACTERS_PER_TOKEN * spec.body_tokens * max_chunks
    ids = tokenize(_encodable(text[:limit]))
    if all(one == spec.unknown_id for one in ids):
        return Cut([], len(text) > limit)
    spans = evenly_spaced(len(ids), spec.body_tokens, max_chunks)
    chunks = [[*spec.prefix_ids, *ids[start:end], *spec.suffix_ids] for start, end in spans]
    return Cut(chunks, len(text) > limit or len(ids) > spec.body_tokens * max_chunks)


def evenly_spaced(length: int, size: int, most: int) -> list[tuple[int, int]]:
    """Return the spans to look at: all of the sequence in equal parts where that fits, else full parts evenly spaced.

    Examples
    --------
    >>> evenly_spaced(9, size=10, most=3)
    [(0, 9)]
    >>> evenly_spaced(25, size=10, most=3)
    [(0, 8), (8, 16), (16, 25)]
    >>> evenly_spaced(90, size=10, most=3)
    [(0, 10), (40, 50), (80, 90)]
    >>> evenly_spaced(90, size=10, most=1)
    [(0, 10)]
    """
    parts = min(most, -(-length // size))
    if length <= parts * size:
        edges = [length * part // parts for part in range(parts + 1)]
        return list(itertools.pairwise(edges))
    starts = [(length - size) * part // max(1, parts - 1) for part in range(parts)]
    return [(start, start + size) for start in starts]


def _encodable(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot hold and the tokenizer does not take."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text
