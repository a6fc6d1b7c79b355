"""Settings: read, checked as a whole, frozen. Knows pydantic and YAML, and nothing of the agent."""

from config.durations import format_duration, parse_duration
from config.errors import ConfigError
from config.loading import load_server_settings, load_settings
from config.reference import reference_markdown
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
from config.settings import Settings

__all__ = [
    "CheckpointSettings",
    "CollapseSettings",
    "ConfigError",
    "EmbeddingSettings",
    "JoinSettings",
    "KafkaSettings",
    "LoggingSettings",
    "OutcomeSettings",
    "PagerSettings",
    "PayloadSettings",
    "ProfileSettings",
    "RegionSettings",
    "SamplingSettings",
    "SchemaRegistrySettings",
    "ServerSettings",
    "Settings",
    "ShutdownSettings",
    "SliceSettings",
    "WindowSettings",
    "format_duration",
    "load_server_settings",
    "load_settings",
    "parse_duration",
    "reference_markdown",
]
