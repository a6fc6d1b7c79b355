"""Where the demo's assistant fails: it often refuses what it was not made for, and seldom what it was."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from demo.grammar import Writer
from demo.traffic import Row

OF_NEW, OF_KNOWN = 0.3, 0.02
"""Shares of messages that are refused."""


def refuse_some(rows: Sequence[Row], new_topics: Collection[str], writer: Writer) -> list[Row]:
    """Return the rows, some of them with a refusal for a response."""
    return [
        replace(row, response=write_refusal(writer), refused=True)
        if writer.random.random() < (OF_NEW if row.topic in new_topics else OF_KNOWN)
        else row
        for row in rows
    ]


def write_refusal(writer: Writer) -> str:
    """Say no, and seldom without a word of what to do instead."""
    parts = [*writer.pick_lines({"R": 1, "RI": 3}, {"R": writer.shared["refusal"], "I": writer.shared["instead"]})]
    return " ".join(writer.expand(part) for part in parts)
