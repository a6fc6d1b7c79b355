"""What a shape's reader may need beside the parsed message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from agent.payloads.options import DecodeOptions
from agent.records import Exchange, Record, Rejected

Outcome = Exchange | Rejected


class Context(NamedTuple):
    """The record that a document came in, and what was learnt on the way to it.

    Attributes
    ----------
    record : Record
    options : DecodeOptions
    depth : int
        How many wrappers were opened already; bounded, so that a wrapper in a wrapper ends.
    reader : callable
        Reads the document inside a wrapper: ``reader(document, context)``.
    """

    record: Record
    options: DecodeOptions
    depth: int
    reader: Callable[[Any, Context], list[Outcome]]

    def inner(self, document: Any) -> list[Outcome]:
        """Read the document inside a wrapper."""
        return self.reader(document, self._replace(depth=self.depth + 1))
