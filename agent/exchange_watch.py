"""What watches whole exchanges: what every such watcher takes and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy.typing as npt

from agent.settlement import Settlement

if TYPE_CHECKING:
    from agent.join_known import Known
    from agent.slices import Slices
    from agent.tally import State, Tally
    from agent.watch import Measured


class ExchangeWatcher(Protocol):
    """Takes exchanges that are whole, and later verdicts on them, in order; its state is bounded.

    What it finds must not depend on how the stream was cut into batches. A new one is a class and a row in
    `agent.exchange_watchers`.
    """

    def update(self, known: Sequence[Known], tally: Tally) -> None:
        """Take what has become known since the last call; counters that add up over pods go to `tally`."""

    def measure(self) -> Measured:
        """Return metric name → labels → value; what is not known is absent."""

    def get_state(self) -> State:
        """Return all that `update` changes, as arrays."""

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`, or begin anew where that was of another shape."""


class Watching(NamedTuple):
    """What looks at more than one side at once: the slices of the prompts, and the watchers of whole exchanges."""

    slices: Slices | None = None
    exchanges: Mapping[str, ExchangeWatcher] = MappingProxyType({})
    settlement: Settlement = Settlement()


NOTHING = Watching()
