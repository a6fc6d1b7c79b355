"""The dashboard of the agent's own health."""

from tests.monitoring.panel import VARIABLES, Query, dashboard, lines, number, table

ROWS = (
    (
        number(
            "Agents up",
            "Agents that read and score, and those that there are. An agent that stands by without partitions is up.",
            Query("sum(offmap_up{@})", "up"),
            Query("count(offmap_up{@})", "of"),
        ),
        number(
            "Behind",
            "Records between the agents' positions and the newest ones, in seconds of reading at the present rate. "
            "Normal: below the limit, which is sampling.target_lag_seconds.",
            Query("sum(offmap_lag_records{@}) / sum(rate(offmap_records_total{@}[$window]))", "behind"),
            Query("max(offmap_target_lag_seconds{@})", "limit"),
            unit="s",
        ),
        number(
            "Scored",
            "Share of exchanges that is scored at present. 100% unless more comes than can be embedded, or less is "
            "asked for (sampling.max_fraction).",
            Query("min(offmap_sampled_fraction{@})", "the least of the agents"),
            unit="percentunit",
        ),
        number(
            "False pages to expect in a year",
            "At most so many at the observed rate of prompts: 365 over offmap_pager_run_length_days, summed over "
            "agents; the slices together have as many again. Not known while the pager is off. Too many: raise "
            "pager.run_length.",
            Query("sum by (side) (365 / offmap_pager_run_length_days{@})", "a year, {{side}}"),
            Query(
                'sum(365 / offmap_pager_run_length_days{@, side="prompt"}\n'
                "  and on (namespace, job, instance) offmap_slice_pager_threshold{@})",
                "a year, slices",
            ),
        ),
    ),
    (
        lines(
            "Records by outcome",
            "Records read a second, by what became of them. Normal: decoded, and little else; the runbook says what "
            "the other outcomes mean.",
            Query("sum by (outcome) (rate(offmap_records_total{@}[$__rate_interval])) > 0", "{{outcome}}"),
            unit="reqps",
        ),
        lines(
            "Texts by status",
            "Prompts and responses a second, by what became of them: scored, sampled_out (too much came), empty, "
            "absent, off.",
            Query("sum by (side, status) (rate(offmap_texts_total{@}[$__rate_interval])) > 0", "{{side}} {{status}}"),
            unit="reqps",
        ),
        lines(
            "Lag",
            "Records that wait, by topic. Normal: near 0, or falling. A record or two that stay on a quiet partition "
            "are what transactions leave behind.",
            Query("sum by (job, topic) (offmap_lag_records{@})", "{{job}} {{topic}}"),
        ),
    ),
    (
        lines(
            "What the working thread does",
            "Share of its time by stage. Embedding should be most of it; poll is waiting for records. All together "
            "below 100%: the rest is idle.",
            Query("avg by (stage) (rate(offmap_stage_seconds_total{@}[$__rate_interval]))", "{{stage}}"),
            unit="percentunit",
        ),
        lines(
            "Checkpoint's age",
            "Time since the state was last known to be durable: what /metrics shows is as old. Normal: some seconds "
            "(checkpoint.interval_seconds). The alert comes at ten minutes.",
            Query("time() - offmap_checkpoint_timestamp_seconds{@}", "{{instance}}"),
            unit="s",
        ),
        lines(
            "Partitions",
            "Partitions that each agent reads. 0 in a group with more agents than partitions: it stands by, which is "
            "no fault.",
            Query("offmap_assigned_partitions{@}", "{{instance}}"),
        ),
    ),
    (
        lines(
            "Memory",
            "Resident memory of each agent. Normal: about 250 MB, and level.",
            Query("process_resident_memory_bytes{@} and on (namespace, job, instance) offmap_up{@}", "{{instance}}"),
            unit="bytes",
        ),
        lines(
            "CPU",
            "Cores in use by each agent. Normal: up to embedding.threads, or the container's limit.",
            Query(
                "rate(process_cpu_seconds_total{@}[$__rate_interval]) and on (namespace, job, instance) offmap_up{@}",
                "{{instance}}",
            ),
        ),
        lines(
            "Event time behind the clock",
            "How old the newest event is. Normal: seconds. It grows when nothing comes, and is constant when old "
            "traffic is read again.",
            Query("time() - max by (job) (offmap_watermark_timestamp_seconds{@})", "{{job}}"),
            unit="s",
        ),
    ),
    (
        lines(
            "Halves and feedback",
            "What came apart from its exchange, a second, by what became of it. Normal: joined. expired: the other "
            "half never came, or went to another agent.",
            Query("sum by (part, outcome) (rate(offmap_joins_total{@}[$__rate_interval])) > 0", "{{part}} {{outcome}}"),
            unit="reqps",
        ),
        lines(
            "Waiting for the other half",
            "Exchanges of which a part is waited for. The limit is join.max_pending.",
            Query("offmap_join_pending{@}", "{{instance}}"),
        ),
        lines(
            "What went wrong",
            "In the chosen time: workers started again, checkpoints that failed, copies of unreadable messages that "
            "could not be sent. Normal: no line at all.",
            Query("sum by (job) (increase(offmap_worker_restarts_total{@}[$window])) > 0", "{{job}} restarts"),
            Query("sum by (job) (increase(offmap_checkpoint_failures_total{@}[$window])) > 0", "{{job}} checkpoints"),
            Query(
                'sum by (job) (increase(offmap_dead_letters_total{@, outcome="failed"}[$window])) > 0',
                "{{job}} letters",
            ),
        ),
    ),
    (
        table(
            "Down, and why",
            "Agents that are not up, with the reason that each gives. Normal: an empty table.",
            "job, instance, reason",
            {"": "offmap_down{@} == 1"},
            size=(8, 7),
        ),
        table(
            "Profiles in use",
            "Each agent's profile: its fingerprint (`offmap inspect` shows the same), the embedding model, what it "
            "was fitted on, and its age. Normal: one fingerprint in a job, but for a rollout.",
            "job, instance, model, reference, fingerprint",
            {
                "": "offmap_profile_info{@}",
                "age": (
                    "offmap_profile_info{@} * on (namespace, job, instance) group_left ()\n"
                    "  (time() - offmap_profile_created_timestamp_seconds{@})"
                ),
            },
            size=(16, 7),
            age="s",
        ),
    ),
)


def build() -> dict[str, object]:
    """Return the dashboard."""
    text = "Whether offmap itself is well: a watchman who is asleep must not look like a quiet night."
    return dashboard("offmap-agent", "offmap itself", text, VARIABLES, ROWS)
