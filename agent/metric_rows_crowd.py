"""The rows of the table of metrics that tell of prompts as a crowd: coverage, mix, diversity; and of slices."""

from __future__ import annotations

from agent.metric_row import Metric

CROWD = (
    Metric(
        "offmap_alpha_precision",
        "gauge",
        "How alike the spread of p-values in the window is to the reference's, in [0, 1]: 1 where they are uniform. "
        "Lower when texts lie off the map, and when they keep to its middle: offmap_uncovered_share tells which.",
        ("side", "window"),
    ),
    Metric(
        "offmap_coverage_ratio",
        "gauge",
        "Share of the reference's cells that the last `horizon` texts on the map visited, over what as many texts like "
        "the reference would: 1 without drift, whatever the volume. Low: production asks for a part of the map only.",
        ("side", "horizon"),
    ),
    Metric(
        "offmap_unvisited_mass",
        "gauge",
        "Share of the reference that lies in cells not visited by the last `horizon` texts, less what volume explains.",
        ("side", "horizon"),
    ),
    Metric(
        "offmap_cell_density",
        "gauge",
        "Mass of the visited cells over the same for the reference itself: above 1, production keeps to dense "
        "regions; below, to rare ones. From the first full horizon on.",
        ("side", "horizon"),
    ),
    Metric(
        "offmap_lost_mass",
        "gauge",
        "Share of the reference in cells that count as lost: not visited for longer than chance explains. One false "
        "claim is expected in pager.run_length texts on the map. Says that nobody asks, not that answers got worse.",
        ("side",),
    ),
    Metric("offmap_lost_cells", "gauge", "Cells that count as lost.", ("side",)),
    Metric(
        "offmap_lost_evidence",
        "gauge",
        "Evidence (natural log) of the surest of the lost cells: −ln of the chance to be missed for so long by "
        "texts like the reference. Absent while none is lost.",
        ("side",),
    ),
    Metric(
        "offmap_mix_change",
        "gauge",
        "How far the mix of the last `window` texts or so lies from that of the reference, on the map or off it, as a "
        "multiple of what warns (squared MMD over its threshold): 1 and above is a change.",
        ("side", "reference", "window"),
    ),
    Metric(
        "offmap_mix_changed",
        "gauge",
        "1 from the first time that any window reached 1, until it is acknowledged (a new baseline, or "
        "pager.acknowledged changed). A warning, no page: other questions, not stranger ones. Against training it "
        "says that production is mixed otherwise, which is usual; against a baseline, that it has changed.",
        ("side", "reference"),
    ),
    Metric("offmap_mix_changed_timestamp_seconds", "gauge", "Event time of that warning.", ("side", "reference")),
    Metric(
        "offmap_mix_run_length",
        "gauge",
        "Expected number of texts between false warnings of a changed mix, for texts that do not depend on each other.",
        ("side", "reference"),
    ),
    Metric(
        "offmap_prompt_diversity",
        "gauge",
        "How many different prompts the last full window effectively held (Vendi score). Small orders weigh rare "
        "prompts more. Depends on the size of the window: compare it with the reference only.",
        ("reference", "order"),
    ),
    Metric(
        "offmap_prompt_diversity_ratio",
        "gauge",
        "The same over what is typical of accepted prompts: 1 where nothing changed, below where they are more alike.",
        ("reference", "order"),
    ),
    Metric(
        "offmap_prompt_diversity_z",
        "gauge",
        "The same as a distance in standard deviations of windows drawn at random; far below 0 is a collapse. Prompts "
        "that come in bursts move it too.",
        ("reference", "order"),
    ),
    Metric(
        "offmap_reference_tokens",
        "gauge",
        "Mean word pieces of a reference text, as it is embedded: context for offmap_tokens_total, no alarm.",
        ("side",),
    ),
    Metric(
        "offmap_length_texts",
        "counter",
        "Texts scored, by length (upper end of its band in word pieces: 8, 16, 32 … 512, inf) and by band of the "
        "p-value, as offmap_slice_texts_total. Texts are compared with texts of their length, so each length should "
        "have the same share off the map, as far as the reference holds such texts.",
        ("side", "length", "band"),
    ),
    Metric(
        "offmap_script_texts",
        "counter",
        "Texts scored by the script of most of their letters, a hint at the language; other: any other script, none: "
        "no letters. Context, no alarm: it does not tell languages of one script apart.",
        ("side", "script"),
    ),
    Metric(
        "offmap_reference_script_share",
        "gauge",
        "Share of reference texts in each script, for comparison.",
        ("side", "script"),
    ),
    Metric(
        "offmap_slice_texts",
        "counter",
        "Prompts scored of each slice (slices.values), by band: the upper end of the band of p-values that each lies "
        "in, one of 0.01, 0.05, 0.2, 1. A band counts only what lies in no smaller one.",
        ("slice", "band"),
    ),
    Metric(
        "offmap_slice_pager_evidence",
        "gauge",
        "As offmap_pager_evidence, of one slice: relative to the recorded baseline of its own traffic (the reference "
        "label slice_baseline), or where that has too little of it, to that of all (baseline).",
        ("slice", "reference"),
    ),
    Metric(
        "offmap_slice_pager_threshold",
        "gauge",
        "Evidence at which a slice pages: for pager.run_length of its own prompts, so that all slices together page "
        "falsely once in pager.run_length of all prompts at most.",
        ("slice", "reference"),
    ),
    Metric("offmap_slice_pager_alarm", "gauge", "As offmap_pager_alarm, of one slice.", ("slice", "reference")),
    Metric(
        "offmap_slice_pager_alarm_timestamp_seconds",
        "gauge",
        "Event time of the slice's page.",
        ("slice", "reference"),
    ),
    Metric(
        "offmap_slice_pager_change_timestamp_seconds",
        "gauge",
        "Event time at which the slice's drift most likely began, since the epoch.",
        ("slice", "reference"),
    ),
)
