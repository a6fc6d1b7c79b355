"""The sections for what a message is, and for what comes in several of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, Field, SecretStr

from config.durations import Duration
from config.lists import commas_or_list
from config.section import Contradiction, Section


def _expression(value: str) -> str:
    """Check a path as `agent.payloads` will read it: any signs of JMESPath make it a JMESPath expression."""
    if not re.search(r"""[][{}()|&!<>=*"'`@,?:]""", value):
        if not all(value.split(".")):
            raise ValueError("must be a dotted path such as input.text, or a JMESPath expression")
        return value
    try:
        jmespath.compile(value)
    except JMESPathError as error:
        raise ValueError(f"is no JMESPath expression: {str(error).splitlines()[0]}") from None
    return value


FieldPath = Annotated[str, AfterValidator(_expression)]
TagPath = Annotated[str, Field(min_length=1, max_length=200)]


class PayloadSettings(Section):
    """How a message becomes a prompt and a response."""

    prompt_field: FieldPath | None = Field(
        default=None,
        description=(
            "Where the prompt stands in a JSON message: a dotted path such as `input.text`, or a JMESPath expression "
            "such as `turns[?role=='user'] | [-1].text`; `offmap sniff` proposes them. A message that lacks it is read "
            "as a known shape if it is one: then `offmap_exchanges_total` counts it by that shape, not as `mapped`. "
            "Unset: known shapes are recognised by content."
        ),
    )
    response_field: FieldPath | None = Field(default=None, description="The same for the response.")
    id_field: FieldPath | None = Field(
        default=None,
        description=(
            "The same for the exchange's id, which its halves and its feedback share. Unset: where the shape has it, "
            "else topic, partition and offset."
        ),
    )
    time_field: FieldPath | None = Field(
        default=None,
        description=(
            "The same for the event time (seconds since 1970 or ISO 8601). Unset: where the shape has it, "
            "else Kafka's time stamp."
        ),
    )
    model_field: FieldPath | None = Field(default=None, description="The same for the name of the model that answered.")
    session_field: FieldPath | None = Field(
        default=None,
        description=(
            "The same for what messages of one conversation or user share: a burst of them then counts once for the "
            "pager and for changes of the mix. Unset: where the shape has it (a session, a conversation, a user, else "
            "a trace)."
        ),
    )
    prompt_part: Literal["last_user", "all_user", "all"] | None = Field(
        default=None,
        description=(
            "Which part of a conversation is the prompt: its last user turn, all user turns, or all of it. "
            "Unset: as the profile was fitted (recommended)."
        ),
    )
    tags: Annotated[tuple[TagPath, ...], commas_or_list] = Field(
        default=(),
        max_length=16,
        description=(
            "Dotted paths in the message of what is kept as a tag, such as `metadata.team`; for OpenTelemetry names of "
            "attributes, for binary CloudEvents of extensions."
        ),
    )
    max_message_bytes: int = Field(
        default=4_194_304, ge=1_024, le=268_435_456, description="Larger messages are counted and not read, in bytes."
    )
    max_text_chars: int = Field(
        default=200_000, ge=100, le=268_435_456, description="Longer prompts and responses are cut here, in characters."
    )


class JoinSettings(Section):
    """How long the parts of an exchange that come apart wait for each other."""

    max_pending: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description=(
            "Exchanges that may wait for a part at once, about 1 KB each; as many that are whole are remembered for "
            "late feedback and repetitions, about 0.5 KB each. Beyond it the oldest are given up."
        ),
    )
    ttl_seconds: Duration = Field(
        default=3_600.0,
        le=31 * 86_400,
        description="Event time that each is kept for at most, in seconds or like `1h`.",
    )


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        fine = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not fine or parts.query or parts.fragment:
        raise ValueError("must be an address such as https://registry:8081")
    if parts.username or parts.password:
        raise ValueError("must not hold a user or a password: schema_registry.username and .password do")
    return value


Url = Annotated[str, AfterValidator(_url)]


class SchemaRegistrySettings(Section):
    """Where the schemas of Avro and Protobuf messages come from."""

    url: Annotated[tuple[Url, ...], commas_or_list] = Field(
        default=(), description="Address of the registry, or several of one: the first that answers counts. Required."
    )
    username: str | None = Field(default=None, min_length=1, description="User name, or API key.")
    password: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="Its password. Better from the environment: OFFMAP_SCHEMA_REGISTRY__PASSWORD.",
    )
    token: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="Bearer token, in place of a user. Better from the environment: OFFMAP_SCHEMA_REGISTRY__TOKEN.",
    )
    ssl_cafile: Path | None = Field(
        default=None,
        description="PEM file of the authorities that the registry's certificate is checked with. Unset: the system's.",
    )
    timeout_seconds: Duration = Field(default=5.0, le=60, description="How long one answer may take.")
    patience_seconds: Duration = Field(
        default=60.0,
        le=3_600,
        description=(
            "How long messages whose schema is not known yet wait, and all behind them, while the registry does not "
            "answer; then they are counted as `schema_unavailable`. Below kafka.max_poll_interval_seconds."
        ),
    )

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield what does not fit together."""
        if not self.url:  # a required field would hide the section's other contradictions
            yield Contradiction(("url",), "is missing: name the registry's address")
        if (self.username is None) != (self.password is None):
            missing = "username" if self.username is None else "password"
            yield Contradiction((missing,), "is missing: a user name and a password need each other")
        if self.token is not None and self.username is not None:
            yield Contradiction(("token", "username"), "and schema_registry.username are both set: remove one")
