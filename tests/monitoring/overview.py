"""The dashboard for everyone: the four questions on one screen, each a number with its trend and what is normal."""

from tests.monitoring.panel import VARIABLES, Query, dashboard, lines, number

OFF_THE_MAP = Query(
    'sum(increase(offmap_p_value_bucket{@, side="prompt", le="0.05"}[$window]))\n'
    '  / sum(increase(offmap_p_value_count{@, side="prompt"}[$window]))',
    "of prompts",
)
AS_IN_TRAINING = Query('max(offmap_uncovered_share_null{@, level="0.05"})', "normal")


def failing(bands: str) -> str:
    """Share of exchanges that fail whose prompt's p-value lies in these bands, of all agents over the time shown."""
    told = f'{{@, kind="any", band=~"{bands}"}}[$__range]'
    return f"sum(increase(offmap_outcomes_total{told})) / sum(increase(offmap_outcome_exchanges_total{told}))"


ROWS = (
    (
        number(
            "Coverage: off the map",
            "Share of prompts that are stranger than 95 of 100 held out from training (p ≤ .05). Normal is 5%, as "
            "training itself would have. More says: write or buy data for this; not that the answers are bad.",
            OFF_THE_MAP,
            AS_IN_TRAINING,
            unit="percentunit",
        ),
        number(
            "Drift: evidence of a change",
            "Evidence that more lies off the map than was accepted (a baseline, or a tolerated share). It pages where "
            "it reaches the second number. Normal: well below. Not known: nothing was accepted yet, so no page will "
            "come.",
            Query("max by (side) (offmap_pager_evidence{@})", "{{side}}, now"),
            Query("min(offmap_pager_threshold{@})", "pages at"),
        ),
        number(
            "Brittleness: failures off the map",
            "How many times as often exchanges fail where the prompt lies off the map (p ≤ .05), over the time shown. "
            "Normal is 1: no more than elsewhere. The second number is the least that it can be since the start, by "
            "the surest of the agents: above 1, it is no chance. Not known below 15 failures off the map.",
            Query(
                f"{failing('0.01|0.05')}\n  / ({failing('0.2|1')})\n"
                '  and on () sum(increase(offmap_outcomes_total{@, kind="any", band=~"0.01|0.05"}[$__range])) >= 15',
                "times as often",
            ),
            Query('max(offmap_failure_ratio_lower{@, kind="any"})', "at least"),
        ),
        number(
            "Collapse: answers narrow",
            "How far answers have moved towards a collapse from what accepted ones are for such prompts, in standard "
            "errors: the worst of diversity, rare kinds, repetition and echo, of all agents. Normal: below 3. Without "
            "a baseline they are compared with training's, from which most models lie off for good: then look at "
            "changes. It says that variety is lost, not that answers are worse.",
            Query(
                'max(-offmap_collapse_z{@, metric=~"diversity|tail"}\n'
                '  or offmap_collapse_z{@, metric=~"likeness|echo|recycled"})',
                "now",
            ),
            Query("max(offmap_collapse_threshold{@})", "warns at"),
        ),
    ),
    (
        lines(
            "Off the map over time",
            "The share above, along time. Dashed: what training itself would have. The regions are in the detail "
            "dashboard.",
            OFF_THE_MAP,
            AS_IN_TRAINING,
            unit="percentunit",
            size=(6, 7),
        ),
        lines(
            "Evidence over time",
            "The evidence above, along time. Dashed: where it pages. Red marks are pages.",
            Query("max by (job, side) (offmap_pager_evidence{@})", "{{job}}, {{side}}"),
            Query("min(offmap_pager_threshold{@})", "pages at"),
            size=(6, 7),
        ),
        lines(
            "Failures, off the map and on it",
            "Share of exchanges that fail, by how far off the map the prompt lies: p up to .01 is furthest, above .2 "
            "is well on it. Normal: the lines lie together.",
            Query(
                'sum by (band) (increase(offmap_outcomes_total{@, kind="any"}[$window]))\n'
                '  / sum by (band) (increase(offmap_outcome_exchanges_total{@, kind="any"}[$window]))',
                "p up to {{band}}",
            ),
            unit="percentunit",
            size=(6, 7),
        ),
        lines(
            "Answers against accepted ones",
            "The distances above, by what is measured: diversity and tail fall in a collapse, the others rise. "
            "Dashed: where it warns, either way. Prompts are taken into account.",
            Query('max by (metric) (offmap_collapse_z{@, metric!~"diversity|tail"})', "{{metric}}"),
            Query('min by (metric) (offmap_collapse_z{@, metric=~"diversity|tail"})', "{{metric}}"),
            Query("max(offmap_collapse_threshold{@})", "warns at"),
            Query("-max(offmap_collapse_threshold{@})", "warns at, below"),
            size=(6, 7),
        ),
    ),
    (
        lines(
            "Training that nobody asks for",
            "Share of training that lies where no prompt falls any more, for longer than chance explains. High from "
            "the start is usual; a rise is news.",
            Query('max by (job) (offmap_lost_mass{@, side="prompt"})', "{{job}}"),
            unit="percentunit",
            size=(6, 7),
        ),
        lines(
            "Mixed otherwise",
            "How far the mix of prompts lies from the reference's, on the map or off it; it warns at 1. Against a "
            "baseline it has changed; against training it is usually above 1.",
            Query("max by (job, reference) (offmap_mix_change{@})", "{{job}} against {{reference}}"),
            Query("max(offmap_mix_change{@} * 0 + 1)", "warns at"),
            size=(6, 7),
        ),
        lines(
            "How many times as often, since the start",
            "The ratio since the state began, with the bounds that hold at all looks together. Normal: 1 lies between "
            "them. Of several agents: the largest ratio, the highest lower bound, the lowest upper one.",
            Query('max(offmap_failure_ratio{@, kind="any"})', "times as often"),
            Query('max(offmap_failure_ratio_lower{@, kind="any"})', "at least"),
            Query('min(offmap_failure_ratio_upper{@, kind="any"})', "at most"),
            Query('max(offmap_failure_ratio{@, kind="any"} * 0 + 1)', "normal"),
            size=(6, 7),
        ),
        lines(
            "What answers do",
            "Share of answers that repeat one given to another prompt (recycled), come close to a training response "
            "(echo), repeat it (verbatim), or are of the rare kinds (tail). Normal: level, tail at about a fifth.",
            Query(
                "sum by (sign) (increase(offmap_answer_signs_total{@}[$window]))\n"
                "  / on () group_left sum(increase(offmap_compared_answers_total{@}[$window]))",
                "{{sign}}",
            ),
            unit="percentunit",
            size=(6, 7),
        ),
    ),
)


def build() -> dict[str, object]:
    """Return the dashboard."""
    text = "Coverage, drift, brittleness, collapse: four numbers, how they came about, and what is normal."
    return dashboard("offmap-map", "Is production on the map?", text, VARIABLES, ROWS)
