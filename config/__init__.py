"""Settings: read, checked as a whole, frozen. Knows pydantic and YAML, and nothing of the agent."""

from config.durations import format_duration
from config.errors import ConfigError
from config.loading import load_settings
from config.reference import reference_markdown
from config.sections import (
    CheckpointSettings,
    EmbeddingSettings,
    LoggingSettings,
    PayloadSettings,
    ProfileSettings,
    SamplingSettings,
    ServerSettings,
    ShutdownSettings,
    WindowSettings,
)
from config.sections_kafka import KafkaSettings
from config.settings import Settings

__all__ = [
    "CheckpointSettings",
    "ConfigError",
    "EmbeddingSettings",
    "KafkaSettings",
    "LoggingSettings",
    "PayloadSettings",
    "ProfileSettings",
    "SamplingSettings",
    "ServerSettings",
    "Settings",
    "ShutdownSettings",
    "WindowSettings",
    "format_duration",
    "load_settings",
    "reference_markdown",
]
