"""A group member's share of the partitions: who is told of its changes, and from where each is read."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from agent.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from agent.records import Partition, Positions
    from agent.seams import PartitionListener

log = logging.getLogger(__name__)

UNREADABLE = (("offmap-unreadable", b""),)
"""The header of a record that the client itself could not read; its value is empty."""


class Log(Protocol):
    """What has to be known of the partitions themselves."""

    def committed(self, key: Partition) -> int | None:
        """Return the group's committed position."""

    def end(self, key: Partition) -> int | None:
        """Return the offset behind the last record, if it is known."""

    def seek(self, key: Partition, offset: int) -> None:
        """Read from `offset` on."""


class Share:
    """Our share of the partitions, and the position of each for as long as this object lives.

    Parameters
    ----------
    listener : PartitionListener
        Told of every change.

    Attributes
    ----------
    between : bool
        Whether the partitions have been let go and no new ones given: nothing may be handed out.
    """

    def __init__(self, listener: PartitionListener) -> None:
        self.between = True
        self._listener = listener
        self._next: Positions = {}

    def assign(self, keys: Collection[Partition], partitions: Log) -> None:
        """Start each partition at the latest of the listener's position, our own, and the committed one.

        Without any of the first two it is left to the client, which knows the third and the policy for none.
        """
        known = self._listener.assigned(keys)
        self.between = False
        for key in keys:
            ours = max(known.get(key, -1), self._next.get(key, -1))
            if ours >= 0:
                self._next[key] = max(ours, partitions.committed(key) or 0)
                partitions.seek(key, self._next[key])

    def release(self, keys: Collection[Partition], *, owned: bool) -> None:
        """Tell the listener that the partitions go: in time for a last commit if they are still `owned`."""
        if keys and not self.between:
            self.between = True
            (self._listener.revoked if owned else self._listener.lost)(keys)

    def take(self, fetched: Mapping[Partition, list[Record]], partitions: Log) -> list[Record]:
        """Return the records that were not given before, and move the positions on."""
        taken: list[Record] = []
        for key, records in {} if self.between else fetched.items():
            due = self._next.get(key, 0)
            fresh = records
            if records[0].offset < due and not _began_anew(key, due, partitions.end(key)):
                fresh = [record for record in records if record.offset >= due]
            if fresh:
                self._next[key] = fresh[-1].offset + 1
                taken += fresh
        return taken

    def give_up(self, key: Partition, last: int) -> Record:
        """Go on behind the offset `last`, and return what stands for all before it that could not be read."""
        log.warning("%s/%d: cannot be read from offset %d to %d: passed over", *key, self._next.get(key, 0), last)
        self._next[key] = last + 1
        return Record(*key, last, b"", headers=UNREADABLE)


def _began_anew(key: Partition, due: int, end: int | None) -> bool:
    """Whether the partition ends before our position: deleted and made anew, so that nothing in it is a repetition."""
    if end is None or end >= due:
        return False
    log.warning("%s/%d ends at %d, before our position %d: read from its start", *key, end, due)
    return True
