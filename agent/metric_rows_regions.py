"""The rows of the table of metrics on the regions off the map."""

from __future__ import annotations

from agent.metric_row import Metric

LABELS = ("side", "region")

REGIONS = (
    Metric(
        "offmap_region_texts",
        "counter",
        "Texts off the map (p-value at or below regions.level) by region: r1, r2, …; other: in none that had a name "
        "when they came. A name is given anew only when all are taken and its region is hardly visited: see "
        "offmap_region_first_seen_timestamp_seconds.",
        LABELS,
    ),
    Metric("offmap_region_size", "gauge", "Texts of the region, those before it had its name included.", LABELS),
    Metric("offmap_region_share", "gauge", "Share of all scored texts in the region since it has its name.", LABELS),
    Metric(
        "offmap_region_share_lower",
        "gauge",
        "Lower confidence bound of offmap_region_share, valid however often it is looked at.",
        LABELS,
    ),
    Metric(
        "offmap_region_share_upper",
        "gauge",
        "Upper confidence bound of offmap_region_share, valid however often it is looked at.",
        LABELS,
    ),
    Metric(
        "offmap_region_trend",
        "gauge",
        "The region's share over the last regions.recent of event time, divided by offmap_region_share: above 1 it "
        "grows. Absent while the region is younger than that.",
        LABELS,
    ),
    Metric(
        "offmap_region_first_seen_timestamp_seconds",
        "gauge",
        "Event time of the region's first text, since the epoch.",
        LABELS,
    ),
    Metric(
        "offmap_region_last_seen_timestamp_seconds",
        "gauge",
        "Event time of the region's newest text, since the epoch.",
        LABELS,
    ),
    Metric(
        "offmap_region_exchanges",
        "counter",
        "Exchanges whose prompt came to the region when it had its name, once per session: how many can fail.",
        ("region",),
    ),
    Metric(
        "offmap_region_failures",
        "counter",
        "Those of them that failed (the kind `any`). Whether a region is hard, not why.",
        ("region",),
    ),
    Metric(
        "offmap_new_region_rate",
        "gauge",
        "Estimated chance that the next text off the map resembles no earlier one (Good–Turing): near 0 where a few "
        "new topics make up what is off the map, near 1 where it is a bit of everything.",
        ("side",),
    ),
)
