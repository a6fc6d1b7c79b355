"""The section for Kafka."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from config.lists import commas_or_list
from config.section import Contradiction, Section


def _broker(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not (colon and host and port.isdecimal() and 0 < int(port) < 65_536):
        raise ValueError("must be host:port, such as kafka:9092")
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return value


Broker = Annotated[str, AfterValidator(_broker)]
Topic = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]


class KafkaSettings(Section):
    """Which traffic is read, and how to get at it."""

    bootstrap_servers: Annotated[tuple[Broker, ...], commas_or_list] = Field(
        default=(), description="Brokers to ask first, each host:port. Required."
    )
    topics: Annotated[tuple[Topic, ...], commas_or_list] | None = Field(
        default=None, min_length=1, description="Topics to read. Either this or topic_pattern."
    )
    topic_pattern: Annotated[str, AfterValidator(_pattern)] | None = Field(
        default=None,
        min_length=1,
        description="Regular expression of the topics to read; new ones are found within a minute.",
    )
    group_id: str = Field(
        default="offmap",
        min_length=1,
        max_length=249,
        description="Consumer group; agents of one group share the partitions.",
    )
    auto_offset_reset: Literal["earliest", "latest"] = Field(
        default="earliest", description="Where to start on a partition without checkpoint and committed offset."
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="Encryption and authentication."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="How to authenticate; with SASL_PLAINTEXT and SASL_SSL."
    )
    sasl_username: str | None = Field(default=None, min_length=1, description="User name for SASL.")
    sasl_password: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="Password for SASL. Better from the environment: OFFMAP_KAFKA__SASL_PASSWORD.",
    )
    ssl_cafile: Path | None = Field(
        default=None,
        description="PEM file of the authorities that brokers' certificates are checked with. Unset: the system's.",
    )
    ssl_certfile: Path | None = Field(default=None, description="PEM file of the client's certificate, for mutual TLS.")
    ssl_keyfile: Path | None = Field(default=None, description="PEM file of the client's key.")
    ssl_check_hostname: bool = Field(default=True, description="Whether a broker's certificate must name its host.")
    max_poll_records: int = Field(
        default=500, ge=1, le=10_000, description="Most messages of one poll, and of one batch."
    )
    max_poll_interval_seconds: int = Field(
        default=300,
        ge=10,
        le=86_400,
        description=(
            "A consumer that does not poll for so long loses its partitions: above the time that the slowest"
            " batch takes."
        ),
    )
    session_timeout_seconds: int = Field(
        default=30, ge=6, le=1_800, description="A consumer that is silent for so long is taken for dead."
    )
    dead_letter_topic: Topic | None = Field(
        default=None,
        description=(
            "Topic for copies of messages that cannot be read, AS THEY CAME, with the reason in the header "
            "`offmap-reason`. It must exist. Unset: none are made."
        ),
    )

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield what does not fit together."""
        if not self.bootstrap_servers:  # a required field would hide the section's other contradictions
            yield Contradiction(("bootstrap_servers",), "is missing: name the brokers, each host:port")
        yield from self._topic_contradictions()
        yield from self._sasl_contradictions()
        yield from self._ssl_contradictions()
        if self.session_timeout_seconds > self.max_poll_interval_seconds:
            message = "must not exceed kafka.max_poll_interval_seconds"
            yield Contradiction(("session_timeout_seconds", "max_poll_interval_seconds"), message)

    def _topic_contradictions(self) -> Iterator[Contradiction]:
        if self.topics is None and self.topic_pattern is None:
            yield Contradiction(
                ("topics", "topic_pattern"), "is missing: name the topics to read, or set kafka.topic_pattern"
            )
        if self.topics is not None and self.topic_pattern is not None:
            yield Contradiction(("topics", "topic_pattern"), "and kafka.topic_pattern are both set: remove one")
        if self.topics and len(set(self.topics)) < len(self.topics):
            yield Contradiction(("topics",), "names the same topic twice")
        letters = self.dead_letter_topic
        if letters and (letters in (self.topics or ()) or re.fullmatch(self.topic_pattern or r"\Z", letters)):
            yield Contradiction(
                ("dead_letter_topic",), "is one of the topics that are read: dead letters would multiply"
            )

    def _sasl_contradictions(self) -> Iterator[Contradiction]:
        wanted = self.security_protocol.startswith("SASL")
        for name in ("sasl_mechanism", "sasl_username", "sasl_password"):
            given = getattr(self, name) is not None
            if wanted and not given:
                yield Contradiction(
                    (name, "security_protocol"), f"is missing: kafka.security_protocol is {self.security_protocol}"
                )
            if given and not wanted:
                message = (
                    f"has no use with kafka.security_protocol {self.security_protocol}: set that to SASL_SSL, or "
                    "remove this"
                )
                yield Contradiction((name, "security_protocol"), message)

    def _ssl_contradictions(self) -> Iterator[Contradiction]:
        if not self.security_protocol.endswith("SSL"):
            for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
                if getattr(self, name) is not None:
                    message = (
                        f"has no use with kafka.security_protocol {self.security_protocol}: set that to SSL or "
                        "SASL_SSL, or remove this"
                    )
                    yield Contradiction((name, "security_protocol"), message)
        if self.ssl_keyfile is not None and self.ssl_certfile is None:
            yield Contradiction(
                ("ssl_certfile", "ssl_keyfile"), "is missing: kafka.ssl_keyfile is set, and one needs the other"
            )
        if self.ssl_certfile is not None and self.ssl_keyfile is None:
            yield Contradiction(
                ("ssl_keyfile", "ssl_certfile"), "is missing: kafka.ssl_certfile is set, and one needs the other"
            )
