"""The alerts on the agent itself: a watchman who is asleep must not look like a quiet night."""

from tests.monitoring.alert import WHERE, Alert
from tests.monitoring.alerts_drift import BY

INSTANCE = (*WHERE, "instance")
EACH = ", ".join(INSTANCE)

UNREAD = "bad_avro|bad_compression|bad_protobuf|bad_schema|failed|no_schema|not_json|not_utf8|oversized"
UNREAD += "|schema_unavailable|too_deep|unreadable|unrecognised"
"""Outcomes of a record that say that somebody's prompts are not read; the others say that there was none in it."""

NO_TRAFFIC = "not_llm|tombstone"
"""Outcomes of a record that never held a prompt: they may come all night."""

ENOUGH = "20"
"""Records in the look-back below which nothing is said: a share of three records is no share."""

UNREAD_SHARE = "0.05"
STALE_SECONDS = "600"
RESTARTS = "3"

WORKS = f"(offmap_up * (time() - offmap_last_poll_timestamp_seconds < bool {STALE_SECONDS}) or offmap_up)"
"""Whether an agent works. Up is not enough: a worker stuck in native code says up and reads nothing."""

NONE_WORKS = f"max by ({BY}) {WORKS} == 0"

NONE_THERE = f"max by ({BY}) (up) == 0\n  and on ({BY}) present_over_time(max by ({BY}) (offmap_up)[7d:10m])"
"""A target that cannot be scraped has no series at all, and is known by what its job had within the last week.

In steps: all samples of a week, of a hundred agents, would be millions.
"""

DOWN = Alert(
    name="OffmapDown",
    severity="page",
    wait="15m",
    expr=f"{NONE_WORKS}\nor {NONE_THERE}",  # agents without partitions are up: no alarm
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
    # prompts, since nothing else is paged for: responses that are scored without them say little
    expr=(
        "(\n"
        f'  sum by ({BY}) (increase(offmap_records_total{{outcome!~"{NO_TRAFFIC}"}}[30m]))\n'
        f"    * on ({BY}) min by ({BY}) (offmap_sampled_fraction) >= {ENOUGH}\n"
        f"  or sum by ({BY}) (offmap_lag_records)\n"
        f"    - sum by ({BY}) (offmap_lag_records offset 30m) >= {ENOUGH}\n"
        ")\n"
        f'unless on ({BY}) sum by ({BY}) (increase(offmap_texts_total{{side="prompt", status="scored"}}[30m])) > 0'
    ),
    labels=WHERE,
    summary="Traffic flows and no prompt of it is scored ({job})",
    description=(
        "{value:.0f} records of {job} came in the last 30 minutes, and no prompt was scored (a page from "
        f"{ENOUGH} on). Most of them ended as {{outcome:label=outcome}}."
    ),
    numbers={
        "outcome": (
            "topk by ({by}) (1, sum by ({by}, outcome) "
            f'(increase(offmap_records_total{{same, outcome!~"{NO_TRAFFIC}"}}[30m])) > 0)'
        )
    },
)

AGENT_DOWN = Alert(
    name="OffmapAgentDown",
    severity="warning",
    wait="30m",
    expr=(
        f"max by ({EACH}, pod) (\n"
        f"  {WORKS} == 0\n"
        f"  or up == 0 and on ({BY}) max by ({BY}) (offmap_up)\n"
        ")\n"
        f"unless on ({BY}) {NONE_WORKS}"
    ),
    labels=INSTANCE,
    summary="An offmap agent is down while others work ({job}, {instance})",
    description=(
        "{instance} of {job} has not worked for 30 minutes; its reason: {reason:label=reason}. Other agents of its "
        "group read its share of the traffic."
    ),
    numbers={"reason": "max by ({by}, reason) (offmap_down{same}) == 1"},
)

ABSENT = Alert(
    name="OffmapAbsent",
    severity="warning",
    wait="1h",
    # the targets themselves are gone: no `up` that could be 0
    expr=(
        f"present_over_time(max by ({BY}) (offmap_up)[1d:10m])\n"
        f"  unless on ({BY}) max by ({BY}) (offmap_up)\n"
        f"  unless on ({BY}) max by ({BY}) (up) == 0\n"
        'or on () label_replace(absent(offmap_up), "job", "any job", "", "")'
    ),
    labels=WHERE,
    summary="Prometheus sees no offmap agent any more ({job})",
    description=(
        "No series offmap_up of {job} for an hour: no agent runs, or none is scraped. offmap's other alerts are mute "
        "about it."
    ),
    on_error="Error",  # one of them says that the data source cannot be asked; not all of them, nor with a page
)

RESTARTING = Alert(
    name="OffmapRestarting",
    severity="warning",
    wait="5m",
    # the worker within its process; and the process, which a kill for memory ends with all that it had counted
    expr=(
        f"max by ({EACH}) (increase(offmap_worker_restarts_total[1h])) > {RESTARTS}\n"
        f"or max by ({EACH}) (\n"
        f"  changes(process_start_time_seconds[1h])\n"
        f"  and on ({EACH}) max by ({EACH}) (present_over_time(offmap_up[1h]))\n"
        f") > {RESTARTS}"
    ),
    labels=INSTANCE,
    summary="An offmap agent fails again and again ({job}, {instance})",
    description=(
        f"{{instance}} of {{job}} was started again {{value:.0f}} times within an hour (a ticket above {RESTARTS}). "
        "Nothing is lost or counted twice, but each time it reads again from its last checkpoint."
    ),
)

LAGGING = Alert(
    name="OffmapLagging",
    severity="warning",
    wait="1h",
    # Behind, and for an hour more so than half an hour before: a backlog that is being worked off is no news, nor are
    # the few records that a producer's transactions leave at the end of each partition that falls quiet.
    expr=(
        f"sum by ({BY}) (offmap_lag_records)\n"
        f"  > max by ({BY}) (offmap_target_lag_seconds)\n"
        f"    * sum by ({BY}) (rate(offmap_records_total[15m]))\n"
        f"and sum by ({BY}) (offmap_lag_records) - sum by ({BY}) (offmap_lag_records offset 30m) >= {ENOUGH}"
    ),
    labels=WHERE,
    summary="offmap falls behind its traffic ({job})",
    description=(
        "{job} is {value:humanize} records behind, and for an hour ever more, at {rate:.2f} read a second; it "
        "should be {target:humanizeDuration} behind at most. {fraction:humanizePercentage} of exchanges are scored."
    ),
    numbers={
        "rate": "sum by ({by}) (rate(offmap_records_total{same}[15m]))",
        "target": "max by ({by}) (offmap_target_lag_seconds{same})",
        "fraction": "min by ({by}) (offmap_sampled_fraction{same})",
    },
)

_UNREAD_HOUR = f'sum by ({BY}) (increase(offmap_records_total{{outcome=~"{UNREAD}"}}[1h]))'

RECORDS_UNREAD = Alert(
    name="OffmapRecordsUnread",
    severity="warning",
    wait="15m",
    expr=(
        f"{_UNREAD_HOUR}\n"
        f"  / sum by ({BY}) (increase(offmap_records_total[1h])) > {UNREAD_SHARE}\n"
        f"and {_UNREAD_HOUR} >= {ENOUGH}"
    ),
    labels=WHERE,
    summary="A part of the traffic cannot be read ({job})",
    description=(
        "{value:humanizePercentage} of the records of {job} could not be read in the last hour (a ticket above "
        f"{float(UNREAD_SHARE):.0%}), most of them as {{outcome:label=outcome}}. What they hold is not watched."
    ),
    numbers={
        "outcome": (
            "topk by ({by}) (1, sum by ({by}, outcome) "
            f'(increase(offmap_records_total{{same, outcome=~"{UNREAD}"}}[1h])) > 0)'
        )
    },
)

CHECKPOINT_STALE = Alert(
    name="OffmapCheckpointStale",
    severity="warning",
    wait="5m",
    # an agent that is down for another reason has nothing to save
    expr=(
        f"max by ({EACH}) (time() - offmap_checkpoint_timestamp_seconds) > {STALE_SECONDS}\n"
        f'unless on ({EACH}) offmap_down{{reason!="no_checkpoint"}} == 1'
    ),
    labels=INSTANCE,
    summary="An offmap agent's state is not saved ({job}, {instance})",
    description=(
        "The last checkpoint of {instance} of {job} is {value:humanizeDuration} old (a ticket above "
        f"{int(STALE_SECONDS) // 60}m). What "
        "/metrics shows stands still as long, and after a restart it reads again from there."
    ),
)

RELOAD_FAILED = Alert(
    name="OffmapReloadFailed",
    severity="warning",
    wait="15m",
    expr=f"count by ({BY}) (offmap_config_last_reload_successful == 0)",  # one file, one ticket, however many read it
    labels=WHERE,
    summary="offmap agents go on with an old configuration ({job})",
    description=(
        "{value:.0f} of {agents:.0f} agents of {job} cannot use the newest configuration; the one of "
        "{age:humanizeDuration} ago goes on."
    ),
    numbers={
        "agents": "count by ({by}) (offmap_config_last_reload_successful{same})",
        "age": (
            "time() - max by ({by}) (offmap_config_last_reload_success_timestamp_seconds{same} "
            "and offmap_config_last_reload_successful{same} == 0)"
        ),
    },
)

PROFILE_OLD = Alert(
    name="OffmapProfileOld",
    severity="warning",
    wait="1h",
    expr=(
        f"max by ({BY}) (time() - offmap_profile_created_timestamp_seconds)\n"
        f"  > max by ({BY}) (offmap_profile_max_age_seconds)"
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
