"""The dashboard that goes into detail: where off the map, what was lost, which model, what became of the answers."""

from tests.monitoring.overview import AS_IN_TRAINING
from tests.monitoring.panel import VARIABLES, Query, chosen, dashboard, lines, table

PROMPTS = 'sum(increase(offmap_p_value_count{@, side="prompt"}[$window]))'


def lift(level: str) -> Query:
    """How many times as many prompts as expected have a p-value at or below the level.

    Nothing before the first that has: with few held-out texts there is no p-value so small, which is no 0.
    """
    series = f'offmap_p_value_bucket{{@, side="prompt", le="{level}"}}'
    return Query(
        f"sum(increase({series}[$window])) / {PROMPTS} / {level}\n  and on () sum({series}) > 0",
        f"p ≤ {level}",
    )


def cells(what: str, which: str) -> str:
    """Exchanges, or failures, in rare or common training cells within the chosen time."""
    return f'sum(increase(offmap_cell_{what}_total{{@, cells="{which}"}}[$window]))'


def well(which: str) -> str:
    """Share of the exchanges in these cells that did not fail; of failures there is no series before the first."""
    exchanges = cells("exchanges", which)
    return f"1 - ({cells('failures', which)} or {exchanges} * 0) / {exchanges}"


ROWS = (
    (
        lines(
            "Tail lift",
            "How many times as many prompts as expected lie this far out. 1 is what training itself would give. A "
            "lift that is larger at .001 than at .05 says: few prompts, but far out. No line: none yet, or too few "
            "held-out texts to tell.",
            lift("0.001"),
            lift("0.01"),
            lift("0.05"),
            Query("max(offmap_uncovered_share_null{@} / offmap_uncovered_share_null{@})", "normal"),
            size=(8, 8),
        ),
        lines(
            "Off the map, by side",
            "Share of texts with p ≤ .05 within the chosen time. Normal: 5%, as in training. Responses follow "
            "prompts; if only they rise, the model answers otherwise than before. style, where it is on: another "
            "source or way of writing.",
            Query(
                'sum by (side) (increase(offmap_p_value_bucket{@, le="0.05"}[$window]))\n'
                "  / sum by (side) (increase(offmap_p_value_count{@}[$window]))",
                "{{side}}",
            ),
            AS_IN_TRAINING,
            unit="percentunit",
        ),
        lines(
            "Where the strangest twentieth begins",
            "The p-value below which 5% of prompts lie. Normal: .05; the lower, the more lies off the map. Dots are "
            "single prompts: where exchanges carry a trace id, each leads to its trace.",
            Query(
                'histogram_quantile(0.05, sum by (le) (rate(offmap_p_value_bucket{@, side="prompt"}[$window])))',
                "5% of prompts below",
                exemplar=True,
            ),
            AS_IN_TRAINING,
        ),
    ),
    (
        table(
            "Regions off the map",
            "Where the prompts beyond regions.level fall, each agent's own. share: of all its prompts, since the "
            "region has its name; trend: above 1 it grows (known after regions.recent). Their words: `offmap replay "
            "--terms`.",
            "job, instance, region",
            {
                "prompts": 'offmap_region_size{@, side="prompt"}',
                "share": 'offmap_region_share{@, side="prompt"}',
                "at least": 'offmap_region_share_lower{@, side="prompt"}',
                "at most": 'offmap_region_share_upper{@, side="prompt"}',
                "trend": 'offmap_region_trend{@, side="prompt"}',
                "first seen": 'offmap_region_first_seen_timestamp_seconds{@, side="prompt"} * 1000',
            },
            size=(12, 9),
            share="percentunit",
            at_least="percentunit",
            at_most="percentunit",
            first_seen="dateTimeAsIso",
        ),
        lines(
            "Prompts by region",
            "Prompts in each region within the chosen time. A line that jumps is a new topic; `other` is what had no "
            "name when it came.",
            Query(
                "topk(8, sum by (job, instance, region)\n"
                '  (increase(offmap_region_texts_total{@, side="prompt"}[$window])))',
                "{{region}} {{instance}}",
            ),
            size=(6, 9),
        ),
        lines(
            "Would the next one be new?",
            "Chance that the next text off the map resembles none before it. Near 0: a few new topics. Near 1: a bit "
            "of everything, so no single region is to blame.",
            Query("max by (side) (offmap_new_region_rate{@})", "{{side}}"),
            unit="percentunit",
            size=(6, 9),
        ),
    ),
    (
        lines(
            "Training that nobody asks for",
            "Share of training in cells that count as lost: not visited for longer than chance explains. High from "
            "the start is usual; a rise is news. The worst of the agents.",
            Query("max by (side) (offmap_lost_mass{@})", "{{side}}"),
            unit="percentunit",
            size=(6, 8),
        ),
        lines(
            "Cells lost",
            "How many training cells count as lost, by agent. Compare with all cells of the profile.",
            Query("offmap_lost_cells{@}", "lost, {{instance}}"),
            Query('max(offmap_cells{@, side="prompt"})', "limit: all cells"),
            size=(6, 8),
        ),
        lines(
            "Coverage, volume apart",
            "Cells that the last prompts visited, over what as many training texts would. Normal: 1. Below: "
            "production asks for a part of the map only.",
            Query("min by (horizon) (offmap_coverage_ratio{@})", "last {{horizon}}"),
            size=(6, 8),
        ),
        lines(
            "Dense or rare regions",
            "Training mass of the visited cells over training's own. Above 1: production keeps to dense regions; "
            "below 1: to rare ones.",
            Query("avg by (horizon) (offmap_cell_density{@})", "last {{horizon}}"),
            size=(6, 8),
        ),
    ),
    (
        lines(
            "Mix",
            "How far the mix of the last prompts lies from the reference's, as a multiple of what warns. The worst of "
            "the agents. Against training it is usually above 1; record a baseline to make it mean something.",
            Query("max by (reference, window) (offmap_mix_change{@})", "last {{window}} against {{reference}}"),
            Query("max(offmap_mix_change{@} * 0 + 1)", "warns at"),
            size=(8, 8),
        ),
        lines(
            "Diversity of prompts",
            "How many different prompts there are, over what is typical of the reference. Normal: about 1. Small "
            "orders weigh rare prompts more.",
            Query("min by (order) (offmap_prompt_diversity_ratio{@})", "order {{order}}"),
            size=(8, 8),
        ),
        lines(
            "Spread of p-values",
            "1 where p-values spread as in training; lower when texts lie off the map, and when they keep to its "
            "middle.",
            Query("min by (side, window) (offmap_alpha_precision{@})", "{{side}}, {{window}}"),
            size=(8, 8),
        ),
    ),
    (
        lines(
            "Off the map by length",
            "Share of prompts with p ≤ .05 among those of each length (up to so many word pieces). Normal: 5% in "
            "each, since texts are compared with texts of their length. One length alone: a new kind of prompt, a "
            "template say.",
            Query(
                'sum by (length) (increase(offmap_length_texts_total{@, side="prompt", band=~"0.01|0.05"}[$window]))\n'
                '  / sum by (length) (increase(offmap_length_texts_total{@, side="prompt"}[$window]))',
                "up to {{length}}",
            ),
            unit="percentunit",
            size=(8, 8),
        ),
        lines(
            "Length",
            "Word pieces of a text, on average, over training's. Normal: about 1. Length alone is no drift: long "
            "texts are compared with texts of their length.",
            Query(
                "sum by (side) (increase(offmap_tokens_total{@}[$window]))\n"
                '  / on (side) sum by (side) (increase(offmap_texts_total{@, status="scored"}[$window]))\n'
                "  / on (side) max by (side) (offmap_reference_tokens{@})",
                "{{side}}",
            ),
            size=(8, 8),
        ),
        lines(
            "Scripts",
            "Share of prompts by the script of most of their letters, a hint at the language. Context: another script "
            "may be why more lies off the map. It does not tell languages of one script apart.",
            Query(
                'sum by (script) (increase(offmap_script_texts_total{@, side="prompt"}[$window]))\n'
                '  / on () group_left sum(increase(offmap_script_texts_total{@, side="prompt"}[$window]))',
                "{{script}}",
            ),
            unit="percentunit",
            size=(8, 8),
        ),
    ),
    (
        lines(
            "Off the map by model or tenant",
            "Share of prompts with p ≤ .05 in each slice (slices.values), of the models or tenants chosen at the top: "
            "this panel and the next follow that choice. Normal: 5%, or what you accepted.",
            Query(
                'sum by (slice) (increase(offmap_slice_texts_total{@, slice=~"$model", band=~"0.01|0.05"}[$window]))\n'
                '  / sum by (slice) (increase(offmap_slice_texts_total{@, slice=~"$model"}[$window]))',
                "{{slice}}",
            ),
            unit="percentunit",
            size=(12, 8),
        ),
        lines(
            "Evidence by model or tenant",
            "Evidence that more of a slice lies off the map than was accepted of it (of all traffic, where the "
            "baseline knows too little of it): it pages where it reaches the dashed line.",
            Query('max by (slice) (offmap_slice_pager_evidence{@, slice=~"$model"})', "{{slice}}"),
            Query('min(offmap_slice_pager_threshold{@, slice=~"$model"})', "pages at"),
            size=(12, 8),
        ),
    ),
    (
        lines(
            "Failures off the map, by kind",
            "Share of exchanges with p ≤ .05 that fail, by what went wrong; the runbook and the README say what each "
            "kind is. Compare with the panel beside it: only the difference is brittleness.",
            Query(
                'sum by (kind) (increase(offmap_outcomes_total{@, band=~"0.01|0.05"}[$window]))\n'
                '  / sum by (kind) (increase(offmap_outcome_exchanges_total{@, band=~"0.01|0.05"}[$window]))',
                "{{kind}}",
            ),
            unit="percentunit",
            size=(8, 8),
        ),
        lines(
            "Failures on the map, by kind",
            "The same for exchanges with p > .05: what is usual for this model and this traffic.",
            Query(
                'sum by (kind) (increase(offmap_outcomes_total{@, band=~"0.2|1"}[$window]))\n'
                '  / sum by (kind) (increase(offmap_outcome_exchanges_total{@, band=~"0.2|1"}[$window]))',
                "{{kind}}",
            ),
            unit="percentunit",
            size=(8, 8),
        ),
        table(
            "How many times as often",
            "Rate of failure off the map over that on it, since the state began, with bounds that hold at all looks "
            "together. Above 1 at least: no chance. Each agent's own.",
            "job, instance, kind",
            {
                "times as often": "offmap_failure_ratio{@}",
                "at least": "offmap_failure_ratio_lower{@}",
                "at most": "offmap_failure_ratio_upper{@}",
            },
            size=(8, 8),
        ),
    ),
    (
        lines(
            "Can the judges be believed?",
            "Share of answers that are bad for certain (loops, empty, recycled, planted ones) and that judges "
            "passed. Normal: near 0. Where the least that it can be is above one half, it warns.",
            Query(
                'sum(increase(offmap_canary_verdicts_total{@, canary="any", outcome="passed"}[$window]))\n'
                '  / sum(increase(offmap_canary_verdicts_total{@, canary="any"}[$window]))',
                "passed",
            ),
            Query("max(offmap_canary_pass_rate_lower{@})", "at least, since the start"),
            Query("max(offmap_canary_pass_rate{@} * 0 + 0.5)", "warns at"),
            unit="percentunit",
            size=(12, 8),
        ),
        lines(
            "Who judges whom",
            "Verdicts within the chosen time, by whether the judge is of the family of the model that it judges. A "
            "fact, not a fault: a judge of the same family may be the best there is.",
            Query("sum by (family) (increase(offmap_verdicts_total{@}[$window]))", "{{family}}"),
            size=(12, 8),
        ),
    ),
    (
        table(
            "Answers beside training's",
            "What the last full window of answers does, beside what answers like training's would do for such "
            "prompts, and how far that lies apart in standard errors. Each agent's own.",
            "job, instance, metric, window",
            {
                "share": "offmap_answer_share{@}",
                "expected": "offmap_answer_share_expected{@}",
                "standard errors": "offmap_collapse_z{@}",
            },
            size=(8, 8),
            share="percentunit",
            expected="percentunit",
        ),
        lines(
            "What is rare in training",
            "Share of exchanges whose prompt lies in a rare training cell, beside what is expected, and the bounds "
            "since the start. Below: nobody asks for it, which is not that answers got worse.",
            Query(f"{cells('exchanges', 'rare')} / sum(increase(offmap_cell_exchanges_total{{@}}[$window]))", "share"),
            Query("max(offmap_rare_share_lower{@})", "at least, since the start"),
            Query("min(offmap_rare_share_upper{@})", "at most, since the start"),
            Query("max(offmap_rare_share_expected{@})", "normal"),
            unit="percentunit",
            size=(8, 8),
        ),
        lines(
            "Does the rare survive?",
            "How much less often exchanges go well in rare cells than in common ones, as a logarithm: 0 is no "
            "difference. Where even the most that it can be since the start is below 0, the model does worse on what "
            "is rare in training.",
            Query(f"ln(({well('rare')})\n  / ({well('common')}))", "within the chosen time"),
            Query("max(offmap_survival_lower{@})", "at least, since the start"),
            Query("min(offmap_survival_upper{@})", "at most, since the start"),
            Query("max(offmap_survival{@} * 0)", "normal"),
            size=(8, 8),
        ),
    ),
    (
        lines(
            "Where the training was synthetic",
            "Share of exchanges by how much of their training cell a model wrote (up to 30%, up to 70%, more). Where "
            "training came from, not that it does harm.",
            Query(
                "sum by (synthetic) (increase(offmap_provenance_exchanges_total{@}[$window]))\n"
                "  / on () group_left sum(increase(offmap_provenance_exchanges_total{@}[$window]))",
                "up to {{synthetic}}",
            ),
            unit="percentunit",
            size=(12, 8),
        ),
        lines(
            "Failures by provenance",
            "Share of exchanges that fail, by how much of their training cell a model wrote. On public data it made no "
            "difference.",
            Query(
                "sum by (synthetic) (increase(offmap_provenance_failures_total{@}[$window]))\n"
                "  / sum by (synthetic) (increase(offmap_provenance_exchanges_total{@}[$window]))",
                "up to {{synthetic}}",
            ),
            unit="percentunit",
            size=(12, 8),
        ),
    ),
)

MODEL = chosen(
    "model",
    "Model or tenant",
    'label_values(offmap_slice_texts_total{namespace=~"$namespace", job=~"$job"}, slice)',
)


def build() -> dict[str, object]:
    """Return the dashboard."""
    text = "Where production leaves the map, what it no longer asks for, and which model or tenant it is."
    return dashboard("offmap-detail", "Off the map, in detail", text, (*VARIABLES, MODEL), ROWS)
