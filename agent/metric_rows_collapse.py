"""The rows of the table of metrics that tell of answers given what was asked, of rare cells, and of provenance."""

from __future__ import annotations

from agent.metric_row import Metric

MEANINGS = {
    "diversity": "how much they vary",
    "likeness": "how alike they are",
    "tail": "rare kinds of answers",
    "echo": "near a training response",
    "verbatim": "a training response",
    "recycled": "given to other prompts too",
}
"""The values of the label `metric`, in a few words for a report."""

COLLAPSE = (
    Metric(
        "offmap_compared_answers",
        "counter",
        "Exchanges of which both texts were embedded: what offmap_answer_signs is a share of.",
    ),
    Metric(
        "offmap_answer_signs",
        "counter",
        "What is said of their answers: tail (in one of the rare response cells, a fifth of training), echo (nearer to "
        "a training response than 95 % of fresh answers to such prompts), verbatim (repeats one; training answers are "
        "replayed, which says nothing about whether they are right, nor whose data another model was trained on), "
        "recycled (given to another prompt within the last 500 exchanges, to the word or nearly; canned refusals are).",
        ("sign",),
    ),
    Metric(
        "offmap_answer_diversity",
        "gauge",
        "Of the last full window of `window` exchanges with different prompts, less what usual windows reach "
        "(training's, or after `offmap baseline` the accepted ones): diversity (ln of how many different answers per "
        "different prompt; below 0 they narrow), likeness (ln of how "
        "alike answers are for these prompts; above 0 they narrow). A collapse of variety, not a lower quality.",
        ("metric", "window"),
    ),
    Metric(
        "offmap_answer_share",
        "gauge",
        "Share of that window's answers with the sign: see offmap_answer_signs.",
        ("metric", "window"),
    ),
    Metric(
        "offmap_answer_share_expected",
        "gauge",
        "What offmap_answer_share would be for answers like training's, held out, to prompts of the same cells; after "
        "`offmap baseline`, like accepted ones.",
        ("metric", "window"),
    ),
    Metric(
        "offmap_collapse_z",
        "gauge",
        "Each of these less what is expected, in standard errors. In a collapse diversity and tail fall, the others "
        "rise.",
        ("metric", "window"),
    ),
    Metric("offmap_collapse_threshold", "gauge", "How far offmap_collapse_z must lie off for an alarm."),
    Metric(
        "offmap_collapse_baseline",
        "gauge",
        "1 where windows of answers are compared with accepted traffic's (`offmap baseline`), 0 with training's. No "
        "model answers as its training set does: against that, diversity lies off for good, so look at changes only.",
    ),
    Metric(
        "offmap_collapse_alarm",
        "gauge",
        "1 once two full windows of one size in a row passed the threshold towards a collapse, until acknowledged (a "
        "new profile, or pager.acknowledged changed). Conditioned on the prompts: another mix of known questions does "
        "not raise it; many new ones that are alike can. A warning that answers have become narrower, or training "
        "answers are replayed.",
        ("metric",),
    ),
    Metric("offmap_collapse_alarm_timestamp_seconds", "gauge", "Event time of that alarm.", ("metric",)),
    Metric(
        "offmap_cell_exchanges",
        "counter",
        "Exchanges whose prompt lies on the map, by its training cell: rare (those of the fewest training prompts, up "
        "to a fifth of training), common.",
        ("cells",),
    ),
    Metric("offmap_cell_failures", "counter", "Those of them that failed (the kind `any`).", ("cells",)),
    Metric("offmap_rare_share", "gauge", "Share of the exchanges on the map whose prompt lies in a rare cell."),
    Metric("offmap_rare_share_lower", "gauge", "Its lower confidence bound, valid however often it is looked at."),
    Metric("offmap_rare_share_upper", "gauge", "Its upper confidence bound, valid however often it is looked at."),
    Metric(
        "offmap_rare_share_expected",
        "gauge",
        "What it would be for fresh prompts like training's. Less says that nobody asks, not that answers got worse.",
    ),
    Metric(
        "offmap_survival",
        "gauge",
        "ln of the share of exchanges in rare cells that did not fail over the same in common ones: 0 where rarity "
        "makes no difference, below where the model does worse on what is rare in training.",
    ),
    Metric("offmap_survival_lower", "gauge", "Its lower confidence bound, valid however often it is looked at."),
    Metric("offmap_survival_upper", "gauge", "Its upper confidence bound; below 0, rare cells do worse."),
    Metric(
        "offmap_survival_expected",
        "gauge",
        "What it was in the accepted baseline, where `offmap baseline` saw 15 exchanges of either kind.",
    ),
    Metric(
        "offmap_survival_change",
        "gauge",
        "How far offmap_survival has moved since the accepted baseline: below 0, what is rare in training goes worse, "
        "beside what is common, than it did.",
    ),
    Metric("offmap_survival_change_lower", "gauge", "Its lower confidence bound, valid however often it is looked at."),
    Metric(
        "offmap_survival_change_upper",
        "gauge",
        "Its upper confidence bound, of the baseline's chance too; below 0, it is worse than was accepted.",
    ),
    Metric(
        "offmap_provenance_exchanges",
        "counter",
        "Exchanges by the share of their prompt's training cell that a model wrote, as `fit --synthetic-field` said "
        "(the upper end of its band: 0.3, 0.7, 1), and by band of the prompt's p-value. Where training came from, not "
        "that it does harm: measured on public data, neither coverage nor failures followed it.",
        ("synthetic", "band"),
    ),
    Metric(
        "offmap_provenance_failures",
        "counter",
        "Those of them that failed (the kind `any`).",
        ("synthetic", "band"),
    ),
)
