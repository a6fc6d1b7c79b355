"""The alerts on the agent itself: a watchman who is asleep must not look like a quiet night."""

from tests.monitoring.alert import Alert
from tests.monitoring.alerts_drift import WHERE

INSTANCE = (*WHERE, "instance")

UNREAD = "bad_avro|bad_compression|bad_protobuf|bad_schema|failed|no_schema|not_json|not_utf8|oversized"
UNREAD += "|schema_unavailable|too_deep|unreadable|unrecognised"
"""Outcomes of a record that say that somebody's prompts are not read; the others say that there was none in it."""

ENOUGH = "20"
"""Records in the look-back below which nothing is said: a share of three records is no share."""

DOWN = Alert(
    name="OffmapDown",
    severity="page",
    wait="15m",
    # Up is not enough: a worker stuck in native code says up and reads nothing. A target that cannot be scraped has no
    # series at all, and is known by what it had within the last day. Agents without partitions are up: no alarm.
    expr=(
        "max by (namespace, job) (\n"
        "  offmap_up * (time() - offmap_last_poll_timestamp_seconds < bool 600) or offmap_up\n"
        ") == 0\n"
        "or max by (namespace, job) (up) == 0\n"
        "  and on (namespace, job) max by (namespace, job) (present_over_time(offmap_up[1d]))"
    ),
    labels=WHERE,
    summary="Nothing watches the traffic: no offmap agent is up ({job})",
    description=(
        "No agent of {job} has read for 15 minutes (agents seen: {agents:.0f}, a reason given: "
        "{reason:label=reason}). Until one does, no drift is seen."
    ),
    numbers={
        "agents": "count by ({by}) (offmap_up{same})",
        "reason": "max by ({by}, reason) (offmap_down{same}) == 1",
    },
)

BLIND = Alert(
    name="OffmapBlind",
    severity="page",
    wait="15m",
    expr=(
        "(\n"
        "  sum by (namespace, job) (increase(offmap_records_total[30m]))\n"
        f"    * on (namespace, job) min by (namespace, job) (offmap_sampled_fraction) >= {ENOUGH}\n"
        "  or sum by (namespace, job) (offmap_lag_records)\n"
        f"    - sum by (namespace, job) (offmap_lag_records offset 30m) >= {ENOUGH}\n"
        ")\n"
        'unless on (namespace, job) sum by (namespace, job) (increase(offmap_texts_total{status="scored"}[30m])) > 0'
    ),
    labels=WHERE,
    summary="Traffic flows and nothing of it is scored ({job})",
    description=(
        "{value:.0f} records of {job} came in the last 30 minutes, and no text was scored (a page from "
        f"{ENOUGH} on). Most of them ended as {{outcome:label=outcome}}."
    ),
    numbers={"outcome": "topk(1, sum by ({by}, outcome) (increase(offmap_records_total{same}[30m])) > 0)"},
)

AGENT_DOWN = Alert(
    name="OffmapAgentDown",
    severity="warning",
    wait="30m",
    expr="offmap_up == 0 unless on (namespace, job) max by (namespace, job) (offmap_up) == 0",
    labels=INSTANCE,
    summary="An offmap agent is down while others work ({job}, {instance})",
    description=(
        "{instance} of {job} has not been up for 30 minutes; its reason: {reason:label=reason}. Other agents of its "
        "group read its share of the traffic."
    ),
    numbers={"reason": "max by ({by}, reason) (offmap_down{same}) == 1"},
)

ABSENT = Alert(
    name="OffmapAbsent",
    severity="warning",
    wait="1h",
    expr="absent(offmap_up)",
    labels=(),
    summary="Prometheus sees no offmap agent at all",
    description="No series offmap_up for an hour: no agent runs, or none is scraped. offmap's other alerts are mute.",
)

RESTARTING = Alert(
    name="OffmapRestarting",
    severity="warning",
    wait="5m",
    expr="max by (namespace, job, instance) (increase(offmap_worker_restarts_total[1h])) > 3",
    labels=INSTANCE,
    summary="An offmap agent's worker fails again and again ({job}, {instance})",
    description=(
        "The worker of {instance} of {job} was started again {value:.0f} times within an hour (a ticket above 3). "
        "Nothing is lost or counted twice, but each time it reads again from its last checkpoint."
    ),
)

LAGGING = Alert(
    name="OffmapLagging",
    severity="warning",
    wait="30m",
    # Behind, and more so than half an hour ago: a backlog that is being worked off is no news, nor are the few records
    # that a producer's transactions leave at the end of a quiet partition.
    expr=(
        "sum by (namespace, job) (offmap_lag_records)\n"
        "  > max by (namespace, job) (offmap_target_lag_seconds)\n"
        "    * sum by (namespace, job) (rate(offmap_records_total[15m]))\n"
        "and sum by (namespace, job) (offmap_lag_records) > sum by (namespace, job) (offmap_lag_records offset 30m)"
    ),
    labels=WHERE,
    summary="offmap falls behind its traffic ({job})",
    description=(
        "{job} is {value:humanize} records behind, more than half an hour ago, at {rate:humanize} read a second; it "
        "should be {target:humanizeDuration} behind at most. {fraction:humanizePercentage} of exchanges are scored."
    ),
    numbers={
        "rate": "sum by ({by}) (rate(offmap_records_total{same}[15m]))",
        "target": "max by ({by}) (offmap_target_lag_seconds{same})",
        "fraction": "min by ({by}) (offmap_sampled_fraction{same})",
    },
)

_UNREAD_HOUR = f'sum by (namespace, job) (increase(offmap_records_total{{outcome=~"{UNREAD}"}}[1h]))'

RECORDS_UNREAD = Alert(
    name="OffmapRecordsUnread",
    severity="warning",
    wait="15m",
    expr=(
        f"{_UNREAD_HOUR}\n"
        "  / sum by (namespace, job) (increase(offmap_records_total[1h])) > 0.05\n"
        f"and {_UNREAD_HOUR} >= {ENOUGH}"
    ),
    labels=WHERE,
    summary="A part of the traffic cannot be read ({job})",
    description=(
        "{value:humanizePercentage} of the records of {job} could not be read in the last hour (a ticket above 5%), "
        "most of them as {outcome:label=outcome}. What they hold is not watched."
    ),
    numbers={
        "outcome": (
            "topk(1, sum by ({by}, outcome) (increase(offmap_records_total{same}[1h])) "
            f'and on (outcome) group by (outcome) (offmap_records_total{{outcome=~"{UNREAD}"}}))'
        )
    },
)

CHECKPOINT_STALE = Alert(
    name="OffmapCheckpointStale",
    severity="warning",
    wait="5m",
    expr=(
        "max by (namespace, job, instance) (time() - offmap_checkpoint_timestamp_seconds) > 600\n"
        "unless on (namespace, job, instance) offmap_up == 0"
    ),
    labels=INSTANCE,
    summary="An offmap agent's state is not saved ({job}, {instance})",
    description=(
        "The last checkpoint of {instance} of {job} is {value:humanizeDuration} old (a ticket above 10m). What "
        "/metrics shows stands still as long, and after a restart it reads again from there."
    ),
)

RELOAD_FAILED = Alert(
    name="OffmapReloadFailed",
    severity="warning",
    wait="15m",
    expr="max by (namespace, job, instance) (offmap_config_last_reload_successful) == 0",
    labels=INSTANCE,
    summary="An offmap agent goes on with an old configuration ({job}, {instance})",
    description=(
        "The newest configuration of {instance} of {job} cannot be used; the one of {age:humanizeDuration} ago goes on."
    ),
    numbers={"age": "time() - max by ({by}) (offmap_config_last_reload_success_timestamp_seconds{same})"},
)

PROFILE_OLD = Alert(
    name="OffmapProfileOld",
    severity="warning",
    wait="1h",
    expr=(
        "max by (namespace, job) (time() - offmap_profile_created_timestamp_seconds)\n"
        "  > max by (namespace, job) (offmap_profile_max_age_seconds)"
    ),
    labels=WHERE,
    summary="The profile that production is compared with is old ({job})",
    description=(
        "The profile of {job} was fitted {value:humanizeDuration} ago; profile.max_age_days allows "
        "{limit:humanizeDuration}. If the model was trained again since, offmap compares with what it no longer is."
    ),
    numbers={"limit": "max by ({by}) (offmap_profile_max_age_seconds{same})"},
)

AGENT = (
    DOWN,
    BLIND,
    AGENT_DOWN,
    ABSENT,
    RESTARTING,
    LAGGING,
    RECORDS_UNREAD,
    CHECKPOINT_STALE,
    RELOAD_FAILED,
    PROFILE_OLD,
)
