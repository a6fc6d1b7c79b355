"""All settings together."""

from __future__ import annotations

from pydantic import Field

from config.section import Section
from config.sections import (
    CheckpointSettings,
    EmbeddingSettings,
    LoggingSettings,
    SamplingSettings,
    ServerSettings,
    ShutdownSettings,
    WindowSettings,
)
from config.sections_collapse import CollapseSettings
from config.sections_kafka import KafkaSettings
from config.sections_outcomes import OutcomeSettings
from config.sections_pager import PagerSettings
from config.sections_payload import JoinSettings, PayloadSettings, SchemaRegistrySettings
from config.sections_profile import ProfileSettings
from config.sections_regions import RegionSettings
from config.sections_slices import SliceSettings


class Settings(Section):
    """Everything that can be set. Frozen: what was checked is what runs."""

    profile: ProfileSettings = Field(description="Which profile production is compared with.")
    kafka: KafkaSettings | None = Field(
        default=None,
        description=(
            "Which traffic is read, and how to get at it. Needed by `offmap run`; `offmap replay` reads files instead."
        ),
    )
    payload: PayloadSettings = Field(
        default=PayloadSettings(), description="How a message becomes a prompt and a response."
    )
    schema_registry: SchemaRegistrySettings | None = Field(
        default=None,
        description="Where the schemas of Avro and Protobuf messages come from. Unset: such messages are not read.",
    )
    join: JoinSettings = Field(
        default=JoinSettings(),
        description="How request, response and feedback find together where they come in messages of their own.",
    )
    embedding: EmbeddingSettings = Field(default=EmbeddingSettings(), description="What embedding may cost.")
    sampling: SamplingSettings = Field(
        default=SamplingSettings(), description="How much is scored when more arrives than can be embedded."
    )
    windows: WindowSettings = Field(
        default=WindowSettings(), description="Stretches of event time and levels of the uncovered share."
    )
    regions: RegionSettings = Field(
        default=RegionSettings(), description="How what lies off the map is sorted into regions."
    )
    outcomes: OutcomeSettings = Field(
        default=OutcomeSettings(), description="What counts as a failure of the model, and who judges it."
    )
    collapse: CollapseSettings = Field(
        default=CollapseSettings(), description="When somebody is told that answers narrow, or repeat themselves."
    )
    pager: PagerSettings = Field(
        default=PagerSettings(), description="When somebody is told that more lies off the map than was accepted."
    )
    slices: SliceSettings = Field(
        default=SliceSettings(), description="Models, tenants or languages that are counted and paged for apart."
    )
    checkpoint: CheckpointSettings = Field(default=CheckpointSettings(), description="What must survive a restart.")
    server: ServerSettings = Field(
        default=ServerSettings(), description="Where /metrics, /livez and /readyz are served."
    )
    logging: LoggingSettings = Field(default=LoggingSettings(), description="What is written to stderr.")
    shutdown: ShutdownSettings = Field(default=ShutdownSettings(), description="How the agent leaves.")
