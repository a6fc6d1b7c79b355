"""The alerts on the traffic: each rests on a sequential test in the agent, none on novelty as such.

Any agent's alarm is the service's. That keeps the promise of `pager.run_length` for the whole service, however many
agents share its traffic and whatever depends on what: without drift the E of all agents together is expected to grow by
one with each prompt that any of them scores, and an agent that reaches the threshold takes the sum there too; so by the
first false page at least run_length prompts are expected to have been scored in all. (Their mean gets there later.)

Alarms stay on until they are acknowledged. `max_over_time` carries them over a scrape gap and a restart.
"""

from tests.monitoring.alert import WHERE, Alert

SIDE = (*WHERE, "side", "reference")
SLICE = (*WHERE, "slice", "reference")

BY = ", ".join(WHERE)

LOST = "0.01"
"""Share of training that must have been lost anew to be worth a ticket; that it is lost, the sequential test says."""


def latched(name: str, labels: tuple[str, ...], matchers: str = "") -> str:
    """Whether any agent's alarm is on, or was in the last ten minutes."""
    return f"max by ({', '.join(labels)}) (max_over_time({name}{matchers}[10m])) == 1"


PAGER = {
    "threshold": "min by ({by}) (offmap_pager_threshold{same})",
    "evidence": "max by ({by}) (offmap_pager_evidence{same})",
    "began": "time() - min by ({by}) (offmap_pager_change_timestamp_seconds{same})",
    "days": "1 / sum by ({by}) (1 / offmap_pager_run_length_days{same})",
}

NOVELTY = Alert(
    name="OffmapNovelty",
    severity="page",
    wait="0m",  # the sequential test has done the waiting
    expr=latched("offmap_pager_alarm", SIDE, '{side!="style"}'),
    labels=SIDE,
    summary="More {side}s lie off the map than was accepted ({job})",
    description=(
        "Evidence that more {side}s of {job} lie off the map than was accepted (reference: {reference}): "
        "it pages at {threshold:.1f} and is {evidence:.1f} now. The drift most likely began {began:humanizeDuration} "
        "ago. One false page is expected in {days:.0f} days or more."
    ),
    numbers=PAGER,
)

STYLE = Alert(
    name="OffmapStyle",
    severity="page",
    wait="0m",
    expr=latched("offmap_pager_alarm", SIDE, '{side="style"}'),
    labels=SIDE,
    summary="More prompts come from another source than was accepted ({job})",
    description=(
        "Evidence that more prompts of {job} are written otherwise than was accepted (reference: {reference}), "
        "whatever they are about: it pages at {threshold:.1f} and is {evidence:.1f} now. The drift most likely began "
        "{began:humanizeDuration} ago. One false page is expected in {days:.0f} days or more."
    ),
    numbers=PAGER,
)

SLICE_NOVELTY = Alert(
    name="OffmapSliceNovelty",
    severity="page",
    wait="0m",
    # a drift of all traffic is one page, not one more for each slice
    expr=(
        latched("offmap_slice_pager_alarm", SLICE)
        + f"\nunless on ({BY}) "
        + latched("offmap_pager_alarm", WHERE, '{side="prompt"}')
    ),
    labels=SLICE,
    summary="More prompts of {slice} lie off the map than was accepted ({job})",
    description=(
        "Evidence that more prompts of the slice {slice} of {job} lie off the map than was accepted "
        "(reference: {reference}): it pages at {threshold:.1f} and is {evidence:.1f} now. The drift most "
        "likely began {began:humanizeDuration} ago. One false page of any slice is expected in {days:.0f} days or more."
    ),
    numbers={
        "threshold": "min by ({by}) (offmap_slice_pager_threshold{same})",
        "evidence": "max by ({by}) (offmap_slice_pager_evidence{same})",
        "began": "time() - min by ({by}) (offmap_slice_pager_change_timestamp_seconds{same})",
        "days": '1 / sum by ({by_where}) (1 / offmap_pager_run_length_days{where, side="prompt"})',
    },
)

MIX_CHANGED = Alert(
    name="OffmapMixChanged",
    severity="warning",
    wait="0m",
    # against training it would say what is true of nearly every service: only an accepted baseline is a norm
    expr=latched("offmap_mix_changed", SIDE, '{reference="baseline"}'),
    labels=SIDE,
    summary="{side}s are mixed otherwise than in the accepted baseline ({job})",
    description=(
        "The mix of {side}s of {job} has left that of the accepted {reference}: it warns at 1 and is {change:.2f} now. "
        "Other questions than before, not stranger ones. One false warning is expected in {texts:humanize} texts."
    ),
    numbers={
        "change": "max by ({by}) (offmap_mix_change{same})",
        "texts": "min by ({by}) (offmap_mix_run_length{same})",
    },
)

COVERAGE_LOST = Alert(
    name="OffmapCoverageLost",
    severity="warning",
    wait="1h",
    # most services never ask for all of training: only what was asked for lately and no longer is, is news
    expr=(
        f"max by ({BY}, side) (offmap_lost_mass)\n"
        f"  - max_over_time(max by ({BY}, side) (offmap_lost_mass)[7d:1h] offset 3d) > {LOST}\n"
        f"and max by ({BY}, side) (offmap_lost_mass offset 7d) >= 0"
    ),
    labels=(*WHERE, "side"),
    summary="Production has stopped asking for a part of training ({job})",
    description=(
        "{value:humanizePercentage} more of training than at any time in the week until three days ago lies where no "
        f"{{side}} of {{job}} falls any more (a ticket from {float(LOST):.0%} on; {{lost:humanizePercentage}} in all). "
        "Longer than chance explains: nobody asks, or something upstream keeps those questions away."
    ),
    numbers={"lost": "max by ({by}) (offmap_lost_mass{same})"},
)

BRITTLE = Alert(
    name="OffmapBrittle",
    severity="warning",
    wait="1h",
    # the kinds that say most; the others are parts of `any`, or too common to be failures
    # Each agent is false with probability outcomes.alpha at most, ever; of n agents each is asked for n times the
    # evidence, so that all together are.
    expr=(
        f'max by ({BY}, kind) (max_over_time(offmap_failure_evidence{{kind=~"any|feedback|judge"}}[10m]))\n'
        f"  > on ({BY}) group_left ()\n"
        f"    (max by ({BY}) (offmap_failure_threshold) + ln(count by ({BY}) (max_over_time(offmap_up[10m]))))"
    ),
    labels=(*WHERE, "kind"),
    summary="The model fails more often off the map ({job}, {kind})",
    description=(
        "Exchanges of {job} whose prompt lies off the map fail {ratio:.2f} times as often as the others (kind: "
        "{kind}), at least {lower:.2f} times by bounds that hold however often one looks. The evidence is {value:.1f}, "
        "a ticket above {needed:.1f}."
    ),
    numbers={  # of the agents that say so: others may have larger ratios that are chance
        "ratio": "max by ({by}) (offmap_failure_ratio{same} and offmap_brittle{same} == 1)",
        "lower": "max by ({by}) (offmap_failure_ratio_lower{same})",
        "needed": (
            "max by ({by_where}) (offmap_failure_threshold{where}) + ln(count by ({by_where}) (offmap_up{where}))"
        ),
    },
)

JUDGE_MIRROR = Alert(
    name="OffmapJudgeMirror",
    severity="warning",
    wait="1h",
    expr=latched("offmap_canary_alarm", WHERE),
    labels=WHERE,
    summary="Judges pass answers that are bad for certain ({job})",
    description=(
        "Judges of {job} passed {rate:humanizePercentage} of the answers that are bad for certain, at least "
        "{lower:humanizePercentage} by bounds that hold however often one looks (a ticket above 50%). Their other "
        "verdicts are worth as little."
    ),
    numbers={
        "rate": "max by ({by}) (offmap_canary_pass_rate{same} and offmap_canary_alarm{same} == 1)",
        "lower": "max by ({by}) (offmap_canary_pass_rate_lower{same})",
    },
)

COLLAPSE = {
    "z": (
        'max by ({by}) (-offmap_collapse_z{same, metric=~"diversity|tail"} '
        'or offmap_collapse_z{same, metric!~"diversity|tail"})'
    ),
    "threshold": "max by ({by_where}) (offmap_collapse_threshold{where})",
}
"""How far off in the direction of a collapse: the first two fall in it, the others rise."""


def collapse(metrics: str) -> str:
    """Whether answers, given what was asked, have left what training's windows are like."""
    return latched("offmap_collapse_alarm", (*WHERE, "metric"), f'{{metric=~"{metrics}"}}')


ANSWERS_NARROW = Alert(
    name="OffmapAnswersNarrow",
    severity="warning",
    wait="0m",
    # against training no model answers usually, for good: a ticket would tell nothing
    expr=f"{collapse('diversity|likeness|tail')} and on ({BY}) {latched('offmap_collapse_baseline', WHERE)}",
    labels=(*WHERE, "metric"),
    summary="Answers become narrower than their prompts explain ({job}, {metric})",
    description=(
        "Answers of {job} are less different than accepted ones are for such prompts (by {metric}): {z:.1f} standard "
        "errors now, a ticket from {threshold:.1f} on. It says that variety is lost, not that answers are worse."
    ),
    numbers=COLLAPSE,
)

ECHO = Alert(
    name="OffmapEcho",
    severity="warning",
    wait="0m",
    expr=collapse("echo"),
    labels=(*WHERE, "metric"),
    summary="Training answers are replayed ({job})",
    description=(
        "More answers of {job} come close to training responses, or repeat them, than fresh answers to such prompts "
        "would: {z:.1f} standard errors now, a ticket from {threshold:.1f} on."
    ),
    numbers=COLLAPSE,
)

RECYCLED = Alert(
    name="OffmapRecycled",
    severity="warning",
    wait="0m",
    expr=collapse("recycled"),
    labels=(*WHERE, "metric"),
    summary="The same answers are given to other prompts ({job})",
    description=(
        "More answers of {job} were given to another prompt shortly before, to the word or nearly, than is usual: "
        "{z:.1f} standard errors now, a ticket from {threshold:.1f} on."
    ),
    numbers=COLLAPSE,
)

DRIFT = (
    NOVELTY,
    STYLE,
    SLICE_NOVELTY,
    MIX_CHANGED,
    COVERAGE_LOST,
    BRITTLE,
    JUDGE_MIRROR,
    ANSWERS_NARROW,
    ECHO,
    RECYCLED,
)
