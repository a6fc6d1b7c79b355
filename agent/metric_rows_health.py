"""The rows of the table of metrics that tell of the agent's own health: live, and new with each process."""

from __future__ import annotations

from agent.metric_row import Metric

HEALTH = (
    Metric("offmap_up", "gauge", "1 while the agent reads and scores, else 0: see offmap_down.", durable=False),
    Metric("offmap_down", "gauge", "1 for the reason why offmap_up is 0.", ("reason",), durable=False),
    Metric("offmap_sampled_fraction", "gauge", "Share of exchanges that is embedded at present.", durable=False),
    Metric(
        "offmap_assigned_partitions",
        "gauge",
        "Partitions that this agent reads. 0 in a group with more members than partitions: standing by, no fault.",
        durable=False,
    ),
    Metric(
        "offmap_lag_records",
        "gauge",
        "Records between the agent's position and the end of the partition.",
        ("topic", "partition"),
        durable=False,
    ),
    Metric(
        "offmap_target_lag_seconds",
        "gauge",
        "How far behind the agent may be before it samples less (sampling.target_lag_seconds), in seconds of reading.",
        durable=False,
    ),
    Metric(
        "offmap_last_poll_timestamp_seconds",
        "gauge",
        "When the source last answered, seconds since the epoch.",
        durable=False,
    ),
    Metric(
        "offmap_checkpoint_timestamp_seconds",
        "gauge",
        "When the state was last known to be durable, seconds since the epoch.",
        durable=False,
    ),
    Metric("offmap_checkpoint_failures", "counter", "Checkpoints that could not be written.", durable=False),
    Metric(
        "offmap_checkpoint_loads",
        "counter",
        "How the state was found at start: resumed, absent, refused_schema, refused_damaged, other_profile "
        "(positions and counters went on, detectors began anew).",
        ("outcome",),
        durable=False,
    ),
    Metric(
        "offmap_config_last_reload_successful",
        "gauge",
        "0 where the last configuration that was found could not be used: then the one before it goes on. Else 1.",
        durable=False,
    ),
    Metric(
        "offmap_config_last_reload_success_timestamp_seconds",
        "gauge",
        "When a configuration was last taken up, seconds since the epoch.",
        durable=False,
    ),
    Metric(
        "offmap_worker_restarts",
        "counter",
        "Times that a crashed worker was started again. What is waited out (see offmap_down) does not count.",
        durable=False,
    ),
    Metric(
        "offmap_canary_deviation",
        "gauge",
        "Largest 1 − cosine between the profile's canary vectors and this machine's.",
        durable=False,
    ),
    Metric("offmap_profile", "info", "The profile in use.", ("fingerprint", "model", "reference"), durable=False),
    Metric(
        "offmap_profile_created_timestamp_seconds",
        "gauge",
        "When the profile was fitted, seconds since the epoch; absent where the profile does not say.",
        durable=False,
    ),
    Metric(
        "offmap_profile_max_age_seconds",
        "gauge",
        "Age beyond which a profile is said to be old (profile.max_age_days).",
        durable=False,
    ),
    Metric("offmap_build", "info", "The agent's version.", ("version",), durable=False),
    Metric(
        "offmap_schema_registry_up",
        "gauge",
        "1 while the schema registry answered when it was last asked: only new schemas need it.",
        durable=False,
    ),
    Metric(
        "offmap_dead_letters",
        "counter",
        "Messages that could not be read, by what became of their copy in kafka.dead_letter_topic: sent, failed.",
        ("outcome",),
        durable=False,
    ),
)
