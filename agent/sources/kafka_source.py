"""Kafka as a source: stays alive whatever the broker does, says why nothing comes, and goes on where it stood."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from agent.records import Batch
from agent.sources import kafka
from agent.sources.kafka_health import STATUSES, Backoff, ClientLog
from agent.sources.share import Share

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.records import Partition, Record
    from agent.seams import PartitionListener
    from agent.sources.kafka_options import KafkaOptions

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
STUCK_LOOKS = 5
RENEW_SECONDS = 60.0
"""A client that has reached no broker over TLS for so long is made anew: it would keep the certificates that it once
read, and where those have run out the files may have others by now."""
LONGEST_WAIT = 1.0
FINE = ("ok", "starting", "no_partitions")


class _StuckError(RuntimeError):
    """The group was joined, but the client forgot the partitions that it was given; or it reaches none of them."""


class KafkaSource:
    """Records of a consumer group's share of some topics.

    Never raises for a broker: it stays alive, says why in `status`, and tries again. As long as this object lives it
    gives no record twice, unless another member of the group had the partition in between and its commit was lost.

    Parameters
    ----------
    options : KafkaOptions
    listener : PartitionListener
        Called on the thread that polls. What it raises comes out of `poll`.

    Attributes
    ----------
    status : str
        One of `kafka_health.STATUSES`.

    Raises
    ------
    SourceError
        Where a package is missing that some producer's messages need.
    """

    def __init__(self, options: KafkaOptions, listener: PartitionListener) -> None:
        kafka.assert_codecs()
        self.status = "starting"
        self._options = options
        self._client_log = ClientLog()
        self._backoff = Backoff()
        self._share = Share(listener)
        self._client: kafka.KafkaClient | None = None
        self._lag: Mapping[Partition, int] = {}
        self._looked = self._reached = 0.0
        self._stuck = 0
        self._failed_at: tuple[Partition, int] | None = None

    def poll(self) -> Batch:
        """Return what has come: after a second at most, after two where no broker answers."""
        client = self._client or self._connect()
        if client is None:
            return Batch(())
        try:
            fetched = client.poll()
            self._look(client)
            records = self._share.take(fetched, client)
        except Exception as error:  # whatever it is, this client cannot be trusted any more
            records = self._renew(client, error)
        if client.crash is not None:
            raise client.crash
        return Batch(records)

    def commit(self, positions: Mapping[Partition, int]) -> None:
        """Commit what is assigned of `positions`; where that fails, the records come again and are dropped."""
        if self._client is not None:
            self._client.commit(dict(positions))

    def lag(self) -> Mapping[Partition, int]:
        """Return the records between each position and the end of the partition, as of the last poll."""
        return self._lag

    def close(self) -> None:
        """Leave the group."""
        self._client_log.close()
        self._drop_client()

    def _connect(self) -> kafka.KafkaClient | None:
        if not self._backoff.wait(LONGEST_WAIT):
            return None
        try:
            self._client = kafka.KafkaClient(self._options, self._share)
            self._reached = time.monotonic()
        except Exception as error:  # a missing PEM file, too, may still be put there
            self._fail(error)
        return self._client

    def _renew(self, client: kafka.KafkaClient, error: Exception) -> list[Record]:
        """Throw the client away: its next poll might never return. Another one goes on from our own positions.

        Where the client fails for the second time at the same batch, the rest of that batch is passed over.
        """
        self._fail(error)
        before, self._failed_at = self._failed_at, kafka.unreadable(error)
        unreadable = [self._share.give_up(*before)] if before is not None and before == self._failed_at else []
        self._share.release(client.assignment(), owned=client.in_group())
        self._drop_client()
        return unreadable

    def _drop_client(self) -> None:
        client, self._client = self._client, None
        self._lag, self._stuck = {}, 0
        if client is not None:
            client.close()

    def _fail(self, error: Exception) -> None:
        before = self.status
        self.status, words = kafka.blame(error)
        if self._client_log.refused:
            self.status = "broker_authentication"
        delay = self._backoff.failed(time.monotonic())
        if self.status != before or delay < Backoff.LONGEST:
            brokers = ", ".join(self._options.bootstrap_servers)
            log.warning("Kafka at %s: %s (%s); next try in %.1f s", brokers, STATUSES[self.status], words, delay)

    def _look(self, client: kafka.KafkaClient) -> None:
        """Once a second: lag, status, and whether the client has lost its way in a rebalance."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        self._lag = client.lag()
        before, self.status = self.status, self._judge(client)
        if self.status != before:
            level = logging.INFO if self.status in FINE else logging.WARNING
            log.log(level, "Kafka: %s", STATUSES[self.status])
        self._stuck = self._stuck + 1 if self._share.between and client.in_group() else 0
        if self.status != "broker_unreachable" or not self._options.security_protocol.endswith("SSL"):
            self._reached = now
        if self._stuck > STUCK_LOOKS or now - self._reached > RENEW_SECONDS:
            raise _StuckError

    def _judge(self, client: kafka.KafkaClient) -> str:
        if not client.connected():
            return "broker_authentication" if self._client_log.refused else "broker_unreachable"
        if client.topic_missing():
            return "topic_missing"
        if self._share.between or not client.in_group():
            return "starting"
        return "ok" if client.assignment() else "no_partitions"
