"""The loop: poll, work in slices, make it durable, show it, commit it. In this order, always."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from agent.checkpoint import CheckpointError
from agent.effort import Effort
from agent.schemas import StoppedError

if TYPE_CHECKING:
    from agent.board import Board
    from agent.checkpoint import CheckpointStore
    from agent.pipeline import Pipeline
    from agent.records import Partition, Positions, Record
    from agent.sampling import FractionControl
    from agent.score_rows import ScoreRow
    from agent.seams import Source, Stop

log = logging.getLogger(__name__)

SLICE_RECORDS = 64
"""Records worked on between two looks at the clock: about three seconds of embedding, so that a stop and a checkpoint
never wait for a whole poll."""

_TOLD = {
    "resumed": (logging.INFO, "going on from the checkpoint %s"),
    "absent": (logging.INFO, "no checkpoint yet at %s: counting from zero"),
    "other_profile": (logging.WARNING, "the checkpoint %s is of another profile: only counters and positions go on"),
    "refused_schema": (logging.WARNING, "the checkpoint %s is of another version: set aside, counting from zero"),
    "refused_damaged": (logging.WARNING, "the checkpoint %s is damaged: set aside, counting from zero"),
}

HEALTHY = ("ok", "no_partitions")
"""A member of the group that other members leave nothing to stands by: no fault."""


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """How often the state is made durable (seconds), and what follows the traffic when behind (None: nothing)."""

    checkpoint_seconds: float = 5.0
    control: FractionControl | None = None


class Service:
    """Runs a pipeline over a source; also listens to the source's partitions coming and going.

    Parameters
    ----------
    pipeline : Pipeline
    store : CheckpointStore or None
        None keeps nothing: for a replay, which can be run again.
    board : Board
    options : ServiceOptions
    """

    def __init__(
        self, pipeline: Pipeline, store: CheckpointStore | None, board: Board, options: ServiceOptions
    ) -> None:
        self._pipeline = pipeline
        self._store = store
        self._board = board
        self._timer = pipeline.clocks.timer
        self._options = options
        self._owned: set[Partition] = set()
        self._source: Source | None = None
        self._effort = Effort(time.monotonic())
        self._saved: Positions | None = None
        self._durable = True
        self._torn = False

    def restore(self) -> Positions:
        """Take up the state of the last checkpoint, show it, and return the positions where it stands."""
        if self._store is None:
            return {}
        loaded = self._store.load()
        self._board.count("offmap_checkpoint_loads", (loaded.outcome,))
        log.log(*_TOLD[loaded.outcome], self._store.path)
        if loaded.state:
            self._pipeline.set_state(loaded.state, detectors=loaded.outcome == "resumed")
            self._pipeline.intake.positions.update(loaded.positions)
            self._publish()
        return loaded.positions

    def run(self, source: Source, stop: Stop, sink: Callable[[list[ScoreRow]], None] | None = None) -> None:
        """Work until the stream ends or `stop` is set; then checkpoint, commit and close.

        An exception leaves the last checkpoint as it is: what came after it is read again.
        """
        self._source = source
        try:
            ended = False
            while not (ended or stop.is_set()):
                ended = self._turn(source, stop, sink)
            self.checkpoint()
        except StoppedError:
            self._torn = True
            log.info("told to stop while a message waited for its schema: read again from the last checkpoint")
        except Exception:
            self._torn = True
            raise
        finally:
            source.close()

    def checkpoint(self) -> None:
        """Make state and positions durable, then show them, then commit the positions."""
        if self._torn:  # half a slice is in the state
            return
        start = self._timer()
        positions = dict(self._pipeline.intake.positions)
        if positions != self._saved:
            try:
                if self._store is not None:
                    self._store.save(positions, self._pipeline.get_state())
            except CheckpointError as error:
                log.error("%s", error)  # noqa: TRY400 - the message says all; a trace would not help
                self._board.count("offmap_checkpoint_failures")
                self._board.down("no_checkpoint")
                self._durable = False
                return
            self._durable = True
            self._saved = positions
            self._publish()
            self._pipeline.count_seconds("checkpoint", self._timer() - start)
            if self._source is not None:
                self._source.commit({key: at for key, at in positions.items() if key in self._owned})
        self._board.show("offmap_checkpoint_timestamp_seconds", time.time())

    def assigned(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """Take `partitions` over, and say where the state stands in them."""
        self._owned |= set(partitions)
        return {key: at for key, at in self._pipeline.intake.positions.items() if key in self._owned}

    def revoked(self, partitions: Collection[Partition]) -> None:
        """Make what was read of `partitions` durable and commit it, then let them go."""
        self.checkpoint()
        self.lost(partitions)

    def lost(self, partitions: Collection[Partition]) -> None:
        """Let `partitions` go without committing.

        Their positions stay known: should they come back before anyone has committed further, nothing is counted twice.
        """
        self._owned -= set(partitions)

    def _turn(self, source: Source, stop: Stop, sink: Callable[[list[ScoreRow]], None] | None) -> bool:
        start = self._timer()
        batch = source.poll()
        self._pipeline.count_seconds("poll", self._timer() - start)
        self._board.beat()
        self._board.show("offmap_last_poll_timestamp_seconds", time.time())
        self._show_status(source)
        for records in _slices(batch.records):
            self._effort.add(self._pipeline.process(records, sink))
            self._board.beat()
            self._tick_when_due(source)
            if stop.is_set():
                return True
        self._tick_when_due(source)
        return batch.end

    def _tick_when_due(self, source: Source) -> None:
        if time.monotonic() - self._effort.since < self._options.checkpoint_seconds:
            return
        self._show_health(source)
        self.checkpoint()

    def _show_status(self, source: Source) -> None:
        if source.status not in HEALTHY:
            self._board.down(source.status)
        elif self._durable:
            self._board.up()

    def _show_health(self, source: Source) -> None:
        lags = source.lag()
        self._board.show("offmap_lag_records", {(topic, str(part)): float(lag) for (topic, part), lag in lags.items()})
        self._board.show("offmap_assigned_partitions", float(len(self._owned)))
        observed, self._effort = self._effort.close(time.monotonic(), lags)
        if self._options.control is not None:
            sampler = self._pipeline.intake.sampler
            sampler.fraction = self._options.control.next_fraction(sampler.fraction, observed)
        self._board.show("offmap_sampled_fraction", self._pipeline.intake.sampler.fraction)

    def _publish(self) -> None:
        self._board.snapshot = self._pipeline.evaluate()


def _slices(records: Sequence[Record]) -> Iterator[list[Record]]:
    rest = iter(records)
    while part := list(islice(rest, SLICE_RECORDS)):
        yield part
