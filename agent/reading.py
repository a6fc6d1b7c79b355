"""From settings to what reads messages: how Kafka is asked, how a message is decoded, where dead letters go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING

from agent.payloads import DecodeOptions, FieldMap
from agent.schema_client import RegistryOptions, fetch
from agent.schemas import SchemaCache
from agent.sources.dead_letter import DeadLetters
from agent.sources.kafka_options import KafkaOptions
from agent.sources.kafka_source import KafkaSource
from agent.supervisor import KnownError

if TYPE_CHECKING:
    from agent.board import Board
    from agent.seams import PartitionListener, Source, Stop
    from config import Settings


def decode_options(settings: Settings, which: str) -> DecodeOptions:
    """Return how messages are read; `which` part of a conversation is the prompt where the settings do not say."""
    payload = settings.payload
    found = FieldMap(**{each.name: getattr(payload, f"{each.name}_field") for each in fields(FieldMap)})
    limits = (payload.max_message_bytes, payload.max_text_chars)
    return DecodeOptions(found, payload.prompt_part or which, *limits, payload.tags, _schemas(settings))


def _schemas(settings: Settings) -> SchemaCache | None:
    registry = settings.schema_registry
    if registry is None:
        return None
    options = RegistryOptions(
        registry.url,
        registry.username,
        registry.password.get_secret_value() if registry.password else None,
        registry.token.get_secret_value() if registry.token else None,
        None if registry.ssl_cafile is None else str(registry.ssl_cafile),
        registry.timeout_seconds,
    )
    return SchemaCache(partial(fetch, options), registry.patience_seconds)


def kafka_options(settings: Settings) -> KafkaOptions:
    """Return how Kafka is asked.

    Raises
    ------
    KnownError
        The settings do not say.
    """
    kafka = settings.kafka
    if kafka is None:
        raise KnownError("bad_config", "kafka: is missing; it says which topics are read, and from which brokers")
    values = kafka.model_dump(exclude={"dead_letter_topic"})
    values["topics"] = kafka.topics or ()
    values["sasl_password"] = kafka.sasl_password.get_secret_value() if kafka.sasl_password else None
    for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
        values[name] = None if values[name] is None else str(values[name])
    return KafkaOptions(**values)


def kafka_source(settings: Settings, listener: PartitionListener) -> Source:
    """Make the source that `offmap run` reads."""
    return KafkaSource(kafka_options(settings), listener)


def dead_letters(settings: Settings, board: Board) -> DeadLetters | None:
    """Make what copies messages that cannot be read; None where the settings do not ask for it."""
    if settings.kafka is None or settings.kafka.dead_letter_topic is None:
        return None
    before = {key: float(str(count)) for key, count in board.live().get("offmap_dead_letters", {}).items()}

    def show(counts: Mapping[tuple[str, ...], float]) -> None:
        """Go on from what those of an earlier configuration had counted."""
        board.show("offmap_dead_letters", {key: count + before.get(key, 0.0) for key, count in counts.items()})

    return DeadLetters(kafka_options(settings), settings.kafka.dead_letter_topic, show)


def attend(schemas: SchemaCache | None, board: Board, stop: Stop) -> None:
    """Have a wait for the schema registry shown, and ended by a stop."""

    def wait(seconds: float) -> bool:
        board.down("registry_unreachable")
        board.beat()
        return stop.wait(seconds)

    if schemas is not None:
        schemas.wait = wait
        schemas.show = lambda answers: board.show("offmap_schema_registry_up", float(answers))
