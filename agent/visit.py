"""One item on its way from the join buffer to what is known of its exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from agent.intake import Item
    from agent.join_entry import Entry, Verdict


class Visit(NamedTuple):
    """What became of one item.

    Attributes
    ----------
    item : Item
        Its status is "duplicate" or "feedback" where nothing of it is scored.
    sides : int
        The halves of it to be scored and counted.
    entry : Entry or None
        Its exchange, where it has one that can be named.
    completes : bool
        The exchange is now as whole as it will be.
    verdicts : tuple of Verdict
        Feedback that has just found its exchange.
    """

    item: Item
    sides: int = 0
    entry: Entry | None = None
    completes: bool = False
    verdicts: tuple[Verdict, ...] = ()
