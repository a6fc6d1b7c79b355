"""Every metric that offmap exports, said once: the exporter, the README's table and the tests read this table."""

from __future__ import annotations

from agent.metric_row import NOVELTY_EDGES, P_VALUE_EDGES, Metric
from agent.metric_rows_collapse import COLLAPSE
from agent.metric_rows_crowd import CROWD
from agent.metric_rows_health import HEALTH
from agent.metric_rows_outcomes import OUTCOMES
from agent.metric_rows_regions import REGIONS

METRICS = (
    Metric("offmap_records", "counter", "Records read, by outcome: decoded, or the reason why not.", ("outcome",)),
    Metric(
        "offmap_exchanges",
        "counter",
        "Exchanges by payload shape; one that came in several messages counts once, with its prompt. mapped: read by "
        "payload.prompt_field or response_field; with these set, every other shape is of messages that lacked them.",
        ("shape",),
    ),
    Metric(
        "offmap_joins",
        "counter",
        "What came apart from its exchange, by part (half: a request or a response; feedback: a verdict or an update "
        "without text): joined (the half or the feedback found its exchange), unmatched (feedback whose exchange did "
        "not come), expired (a half given up before the other came: too old, or too many waited), late (a half that "
        "came after that), duplicate (came before; not scored again).",
        ("part", "outcome"),
    ),
    Metric("offmap_join_pending", "gauge", "Exchanges of which a part is waited for."),
    Metric(
        "offmap_texts",
        "counter",
        "Prompts and responses by what became of them: scored, sampled_out (the agent was behind), empty (nothing to "
        "embed), absent (not in the message, and none joined), off (no reference, or switched off).",
        ("side", "status"),
    ),
    Metric(
        "offmap_session_blocks",
        "counter",
        "Texts scored that begin a session, or a block of 64 of a long one, or have no session: what the pager bets on "
        "and the changes on the map are measured with, since texts of a burst depend on each other. Far below the "
        "texts scored: sessions are long, or what is taken for one is not (see payload.session_field).",
        ("side",),
    ),
    Metric("offmap_tokens", "counter", "Word pieces embedded.", ("side",)),
    Metric("offmap_truncated_texts", "counter", "Texts of which a part was left out, being too long.", ("side",)),
    Metric(
        "offmap_event_times",
        "counter",
        "Where the event time came from: message, record (the broker's), clock (neither had one), future (refused, "
        "the broker's or the clock's was used).",
        ("source",),
    ),
    Metric(
        "offmap_p_value",
        "histogram",
        "Conformal p-values against the held-out reference: the share of it that is at least as novel. Uniform when "
        "production is exchangeable with the reference; mass at the left is traffic off the map. Side `style` is the "
        "style channel: where prompts come from and how they are written, whatever they are about.",
        ("side",),
        edges=P_VALUE_EDGES,
    ),
    Metric(
        "offmap_novelty",
        "histogram",
        "Novelty scores (bigger = stranger; 0 is the reference's median). Not a probability of failure.",
        ("side",),
        edges=NOVELTY_EDGES,
    ),
    Metric(
        "offmap_uncovered_share",
        "gauge",
        "Share of the texts in an event-time window whose p-value is at or below the level. Absolute: says how much "
        "lies off the map, not that something changed.",
        ("side", "window", "level"),
    ),
    Metric(
        "offmap_uncovered_share_lower",
        "gauge",
        "Lower confidence bound of offmap_uncovered_share, valid however often it is looked at.",
        ("side", "window", "level"),
    ),
    Metric(
        "offmap_uncovered_share_upper",
        "gauge",
        "Upper confidence bound of offmap_uncovered_share, valid however often it is looked at.",
        ("side", "window", "level"),
    ),
    Metric(
        "offmap_uncovered_share_null",
        "gauge",
        "What offmap_uncovered_share would be if production were exchangeable with the reference.",
        ("level",),
    ),
    Metric("offmap_window_texts", "gauge", "Texts scored in the event-time window.", ("side", "window")),
    Metric("offmap_late_texts", "counter", "Texts too old for the event-time window.", ("side", "window")),
    Metric("offmap_cells", "gauge", "Cells (prototypes) of the reference.", ("side",)),
    Metric("offmap_cells_hit", "gauge", "Cells that production has visited since the state began.", ("side",)),
    Metric(
        "offmap_pager_evidence",
        "gauge",
        "Evidence (natural log) that more lies off the map than was accepted: relative to the reference label, a "
        "recorded baseline or a tolerated share. Absent while the pager is off.",
        ("side", "reference"),
    ),
    Metric("offmap_pager_threshold", "gauge", "Evidence at which the pager pages.", ("side", "reference")),
    Metric(
        "offmap_pager_alarm",
        "gauge",
        "1 from the page until it is acknowledged (a new baseline, or pager.acknowledged changed): it never flaps.",
        ("side", "reference"),
    ),
    Metric(
        "offmap_pager_alarm_timestamp_seconds",
        "gauge",
        "Event time of the page.",
        ("side", "reference"),
    ),
    Metric(
        "offmap_pager_change_timestamp_seconds",
        "gauge",
        "Event time at which the drift most likely began, since the epoch.",
        ("side", "reference"),
    ),
    Metric(
        "offmap_pager_run_length",
        "gauge",
        "Expected number of scored texts between false pages of this side by itself.",
        ("side", "reference"),
    ),
    Metric(
        "offmap_pager_run_length_days",
        "gauge",
        "The same in days, at the rate observed so far.",
        ("side", "reference"),
    ),
    Metric("offmap_pager_off", "gauge", "1 where nothing was accepted to compare with: no page will come.", ("side",)),
    *CROWD,
    *REGIONS,
    *OUTCOMES,
    *COLLAPSE,
    Metric("offmap_watermark_timestamp_seconds", "gauge", "Newest event time seen, seconds since the epoch."),
    Metric(
        "offmap_last_scored_timestamp_seconds",
        "gauge",
        "When a text was last scored, by the agent's clock (in replay: event time), seconds since the epoch.",
    ),
    Metric(
        "offmap_stage_seconds",
        "counter",
        "Seconds of the working thread by stage: poll, decode, embed, score, checkpoint.",
        ("stage",),
    ),
    *HEALTH,
)

BY_NAME = {metric.name: metric for metric in METRICS}

_SUFFIX = {"counter": "_total", "info": "_info", "gauge": "", "histogram": ""}


def metrics_markdown() -> str:
    """Write the README's table of metrics from the one in code."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
        rows.append(f"| `{metric.name}{_SUFFIX[metric.kind]}` | {metric.kind} | {labels} | {metric.help} |")
    return "\n".join(rows) + "\n"
