"""What a source and an embedder must offer: where a double, or another Kafka, fits in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from agent.records import Batch, Encoded, Partition, StateReducer


class Stop(Protocol):
    """What ends a worker: an event, or more than one."""

    def is_set(self) -> bool:
        """Whether it is to end."""

    def wait(self, seconds: float, /) -> bool:
        """Wait so long, or until it is to end; whether it is."""


class PartitionListener(Protocol):
    """Told by a source when partitions come and go; called on the thread that polls."""

    def assigned(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """Return the positions the checkpoint knows; the source starts at the later of these and the committed."""

    def revoked(self, partitions: Collection[Partition]) -> None:
        """Checkpoint, commit, forget: called while the partitions are still owned."""

    def lost(self, partitions: Collection[Partition]) -> None:
        """Forget: somebody else owns them already, so nothing may be committed."""


class Source(Protocol):
    """Where records come from. `poll` blocks for about a second at most."""

    @property
    def status(self) -> str:
        """Say why nothing comes: one of `agent.board.DOWN_REASONS`; or `ok`, or `no_partitions` for standing by."""

    def poll(self) -> Batch:
        """Return what has come since the last call."""

    def commit(self, positions: Mapping[Partition, int]) -> None:
        """Tell the broker how far the durable state reaches; a file has nobody to tell."""

    def lag(self) -> Mapping[Partition, int]:
        """Return the records between position and end, per assigned partition; of unknown end: absent."""

    def close(self) -> None:
        """Give everything back; commits nothing."""


class Embedder(Protocol):
    """Text to vectors. The same text gives the same bits, whatever stands beside it."""

    @property
    def fingerprint(self) -> str:
        """What decides the bits of a vector, as a hex digest."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def n_layers(self) -> int:
        """Layers a text gives: the tapped ones and the last."""

    @property
    def canary_deviation(self) -> float | None:
        """Largest 1 − cosine of the profile's canary texts to their recorded vectors; None without any."""

    def encode(self, texts: Sequence[str], max_chunks: int, reduce: StateReducer | None = None) -> Encoded:
        """Embed each text in at most so many chunks; what lies behind them is left out and said in `truncated`.

        `reduce` is shown the states of each chunk's word pieces, and what it returns is kept.
        """
