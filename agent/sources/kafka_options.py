"""What has to be said to read Kafka, and what the client is told besides."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from typing import Any

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaOptions:
    """Which topics are read, as whom, and how patiently.

    Attributes
    ----------
    bootstrap_servers : tuple of str
        Brokers to ask first, each host:port.
    topics : tuple of str
        Either these or a pattern.
    topic_pattern : str or None
        Regular expression that a topic's whole name must match; new topics are found within a minute.
    group_id : str
    auto_offset_reset : {"earliest", "latest"}
        Where to start on a partition without any position.
    security_protocol : {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}
    sasl_mechanism : {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} or None
    sasl_username, sasl_password : str or None
    ssl_cafile, ssl_certfile, ssl_keyfile : str or None
        PEM files: the authorities (None: the system's), the client's certificate and its key.
    ssl_check_hostname : bool
    max_poll_records : int
        Most records of one poll.
    max_poll_interval_seconds : float
        A member that does not poll for so long loses its partitions.
    session_timeout_seconds : float
        A member that is silent for so long is taken for dead.

    Raises
    ------
    ValueError
        For a word that the client would accept and misunderstand, or without topics.
    """

    bootstrap_servers: tuple[str, ...]
    topics: tuple[str, ...] = ()
    topic_pattern: str | None = None
    group_id: str = "offmap"
    auto_offset_reset: str = "earliest"
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_check_hostname: bool = True
    max_poll_records: int = 500
    max_poll_interval_seconds: float = 300.0
    session_timeout_seconds: float = 30.0

    def __post_init__(self) -> None:
        if not self.bootstrap_servers:
            raise ValueError("bootstrap_servers: name at least one broker")
        if bool(self.topics) == bool(self.topic_pattern):
            raise ValueError("topics, topic_pattern: give one of them")
        re.compile(self.full_pattern() or "")
        _one_of("auto_offset_reset", self.auto_offset_reset, ("earliest", "latest"))
        _one_of("security_protocol", self.security_protocol, PROTOCOLS)
        if self.security_protocol.startswith("SASL"):
            _one_of("sasl_mechanism", self.sasl_mechanism, MECHANISMS)

    def full_pattern(self) -> str | None:
        """Return the pattern so that it cannot match the mere beginning of a name, as the client would have it."""
        return rf"(?:{self.topic_pattern})\Z" if self.topic_pattern else None

    def client_settings(self) -> dict[str, Any]:
        """Return the keyword arguments of kafka-python's consumer.

        Raises
        ------
        OSError
            Where a PEM file cannot be read (ssl.SSLError: or holds something else).
        """
        session = round(self.session_timeout_seconds * 1000)
        request = max(30_000, session + 1_000)  # the client demands more than the session
        return {
            "group_id": self.group_id,
            "auto_offset_reset": self.auto_offset_reset,
            "enable_auto_commit": False,
            "isolation_level": "read_committed",
            "check_crcs": True,
            "max_poll_records": self.max_poll_records,
            "max_poll_interval_ms": round(self.max_poll_interval_seconds * 1000),
            "session_timeout_ms": session,
            "heartbeat_interval_ms": min(3_000, session // 3),
            "request_timeout_ms": request,
            # What is fetched ahead lies in memory: bounded, and still several polls' worth.
            "fetch_max_bytes": 8 * MIB,
            **self._connection(),
            "connections_max_idle_ms": max(540_000, 2 * request),
        }

    def peek_settings(self) -> dict[str, Any]:
        """Return the same for a consumer that belongs to no group, and so can commit nothing: it starts at the end."""
        return self.client_settings() | {"group_id": None, "auto_offset_reset": "latest"}

    def producer_settings(self) -> dict[str, Any]:
        """Return the keyword arguments of kafka-python's producer: one that gives up soon."""
        return {
            "acks": 1,
            "linger_ms": 50,
            "max_block_ms": 5_000,
            "request_timeout_ms": 10_000,
            "delivery_timeout_ms": 20_000,
            "max_request_size": 128 * MIB,  # what is too large is the broker's to say
            **self._connection(),
        }

    def _connection(self) -> dict[str, Any]:
        return {
            "bootstrap_servers": list(self.bootstrap_servers),
            "client_id": "offmap",
            "allow_auto_create_topics": False,
            "reconnect_backoff_max_ms": 1_000,  # by default it may take 41 s to notice that a broker is back
            "metadata_max_age_ms": 60_000,
            "metrics_enabled": False,  # the client's own, which nobody reads
            "receive_message_max_bytes": 128 * MIB,  # the default refuses an answer of several partitions
            **self._security(),
        }

    def _security(self) -> dict[str, Any]:
        settings: dict[str, Any] = {"security_protocol": self.security_protocol}
        if self.security_protocol.startswith("SASL"):
            settings["sasl_mechanism"] = self.sasl_mechanism
            settings["sasl_plain_username"] = self.sasl_username
            settings["sasl_plain_password"] = self.sasl_password
        if self.security_protocol.endswith("SSL"):
            settings["ssl_context"] = self._ssl_context()
        return settings

    def _ssl_context(self) -> ssl.SSLContext:
        """Return a context of today's defaults: the client's own still allows what is deprecated."""
        context = ssl.create_default_context(cafile=self.ssl_cafile)
        context.check_hostname = self.ssl_check_hostname
        if self.ssl_certfile is not None:
            context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile)
        return context


def _one_of(name: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}: {value!r} is none of {', '.join(allowed)}")
