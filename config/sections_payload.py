"""The sections for what a message is, and for what comes in several of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from config.durations import Duration
from config.section import Section

FieldPath = Annotated[str, Field(pattern=r"^[^.]+(\.[^.]+)*$")]


class PayloadSettings(Section):
    """How a message becomes a prompt and a response."""

    prompt_field: FieldPath | None = Field(
        default=None,
        description=(
            "Dotted path of the prompt in a JSON message, such as `input.text`. Unset: known shapes are "
            "recognised by content."
        ),
    )
    response_field: FieldPath | None = Field(default=None, description="Dotted path of the response.")
    id_field: FieldPath | None = Field(
        default=None,
        description="Dotted path of the message's id. Unset: where the shape has it, else topic, partition and offset.",
    )
    time_field: FieldPath | None = Field(
        default=None,
        description=(
            "Dotted path of the event time (seconds since 1970 or ISO 8601). Unset: where the shape has it, "
            "else Kafka's time stamp."
        ),
    )
    model_field: FieldPath | None = Field(
        default=None, description="Dotted path of the name of the model that answered."
    )
    prompt_part: Literal["last_user", "all_user", "all"] | None = Field(
        default=None,
        description=(
            "Which part of a conversation is the prompt: its last user turn, all user turns, or all of it. "
            "Unset: as the profile was fitted (recommended)."
        ),
    )
    max_message_bytes: int = Field(
        default=4_194_304, ge=1_024, le=268_435_456, description="Larger messages are counted and not read, in bytes."
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
