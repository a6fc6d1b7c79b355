"""The rows of the table of metrics on how exchanges end: failures by coverage, and the judges' health."""

from __future__ import annotations

from agent.metric_row import Metric

KINDS = (
    "error (status or error of the server), empty, refused (it says that it cannot or will not; or a filter did), "
    "refused_softly (moralises instead), truncated (by its finish reason), unfinished (no closing punctuation), loop "
    "(ends in a repetition), irrelevant (cosine to the prompt below 0.1: says nothing of quality), recycled (given to "
    "another prompt within the last 500, to the word), recycled_softly (nearly), feedback (people disliked it), judge "
    "(a model failed it), any (one of those in outcomes.any_of)"
)

OUTCOMES = (
    Metric(
        "offmap_outcomes",
        "counter",
        "Exchanges that failed, by band (upper end of the band of the prompt's p-value: 0.01, 0.05, 0.2, 1; each band "
        f"holds what is in no smaller one) and kind: {KINDS}. Of a session, or of equal prompts where no id tells "
        "sessions, one in 64 counts. Feedback and verdicts count when they come. Refusals are found in English only, "
        "and one may be right.",
        ("band", "kind"),
    ),
    Metric(
        "offmap_outcome_exchanges",
        "counter",
        "What offmap_outcomes is a part of: exchanges of which it is known whether they failed this way. For feedback "
        "and judge those with a verdict, for irrelevant and recycled those of which both texts were embedded, else all "
        "that were answered.",
        ("band", "kind"),
    ),
    Metric(
        "offmap_failure_ratio",
        "gauge",
        "Rate of failure where the prompt is off the map (p-value at or below outcomes.uncovered_level), over the same "
        "where it is on it. Measured, not derived from novelty; says that failures are more frequent there, not why. "
        "Absent below 15 uncovered failures.",
        ("kind",),
    ),
    Metric(
        "offmap_failure_ratio_lower",
        "gauge",
        "Lower confidence bound of offmap_failure_ratio, valid however often it is looked at; each kind for itself.",
        ("kind",),
    ),
    Metric(
        "offmap_failure_ratio_upper",
        "gauge",
        "Upper confidence bound of offmap_failure_ratio, valid however often it is looked at.",
        ("kind",),
    ),
    Metric(
        "offmap_failure_evidence",
        "gauge",
        "Evidence (natural log) that failures are more frequent off the map: the lower bound is above 1 where this "
        "exceeds offmap_failure_threshold.",
        ("kind",),
    ),
    Metric("offmap_failure_threshold", "gauge", "ln(1/outcomes.alpha): see offmap_failure_evidence."),
    Metric(
        "offmap_brittle",
        "gauge",
        "1 where the lower bound of offmap_failure_ratio is above 1, else 0. Counted since the state began, or "
        "pager.acknowledged or what counts as a failure changed. False with probability outcomes.alpha at most, ever, "
        "for each kind, if exchanges that count do not depend on each other.",
        ("kind",),
    ),
    Metric(
        "offmap_verdicts",
        "counter",
        "Verdicts of judging models, by whether the judge is of the generator's family (outcomes.families): same, "
        "other, unknown. A fact, not a fault: the judge of the same family may be the best there is.",
        ("family",),
    ),
    Metric(
        "offmap_canary_verdicts",
        "counter",
        "Verdicts of judging models on answers that are bad for certain, by what makes them so (loop, empty, recycled, "
        "irrelevant, as far as in outcomes.any_of; planted: marked by outcomes.canary_tag; any: each once) and outcome "
        "(passed, failed). Of exchanges that count in offmap_outcomes; without refusals, which may be right, and "
        "without scores of one fault (a rule with >=).",
        ("canary", "outcome"),
    ),
    Metric(
        "offmap_canary_pass_rate",
        "gauge",
        "Share of the canaries that judges passed, by the first verdict on each: 0 for judges that can be believed. "
        "Since the state began, or pager.acknowledged or what counts as a failure changed.",
    ),
    Metric(
        "offmap_canary_pass_rate_lower",
        "gauge",
        "Lower confidence bound of offmap_canary_pass_rate, valid however often it is looked at.",
    ),
    Metric(
        "offmap_canary_pass_rate_upper",
        "gauge",
        "Upper confidence bound of offmap_canary_pass_rate, valid however often it is looked at.",
    ),
    Metric(
        "offmap_canary_alarm",
        "gauge",
        "1 where the lower bound of offmap_canary_pass_rate is above ½: the judge passes most of what is bad for "
        "certain, and its other verdicts are worth as little. About 20 canaries can show it.",
    ),
    Metric(
        "offmap_judges",
        "gauge",
        "Judging models, of the first eight that came, that share at least 200 exchanges of which the truth is known "
        "(outcomes.gold_scores, planted canaries).",
    ),
    Metric(
        "offmap_effective_judges",
        "gauge",
        "How many independent judges offmap_judges are worth: J/(1 + (J − 1)ρ), ρ being the mean correlation of their "
        "errors where the truth is known. Says nothing of how good each one is.",
    ),
    Metric(
        "offmap_judge_kappa",
        "gauge",
        "Agreement of judges beyond chance (Cohen's kappa), mean over pairs with at least 500 exchanges in common. "
        "Judges may agree and be wrong together: no alarm hangs on it.",
    ),
)
