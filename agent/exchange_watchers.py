"""What looks at whole exchanges, as the settings and the profile say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.answer_memory import RecentAnswers
from agent.cell_watch import ACCEPTED, Provenance, RareCells, RegionEndings
from agent.collapse_watch import CollapseWatch, pair_reference
from agent.judge_watch import JudgeWatch
from agent.outcome_book import OutcomeBook
from agent.outcome_rules import OutcomeRules
from agent.outcome_watch import OutcomeWatch
from agent.profile import ProfileError
from agent.settlement import Settlement
from detectors.pair_reference import ACCEPTED as ACCEPTED_PAIRS

if TYPE_CHECKING:
    from agent.exchange_watch import ExchangeWatcher
    from agent.model_families import ModelFamilies
    from agent.profile import Profile
    from config import Settings


def make_exchange_watchers(settings: Settings, profile: Profile) -> dict[str, ExchangeWatcher]:
    """Make all that the profile has something to compare with for; they are asked in this order.

    Raises
    ------
    ProfileError
        Arrays of the profile do not belong together.
    """
    outcomes, acknowledged = settings.outcomes, settings.pager.acknowledged
    counted = acknowledged + outcomes.model_dump_json(exclude={"alpha", "uncovered_level"})
    found: dict[str, ExchangeWatcher] = {
        "outcomes": OutcomeWatch(outcomes, counted),
        "judges": JudgeWatch(OutcomeRules(outcomes), outcomes.alpha, counted),
    }
    found["regions"] = RegionEndings()
    prompts, responses = (profile.references.get(side, {}) for side in ("prompt", "response"))
    try:
        pairs = pair_reference(responses) if settings.embedding.score_responses else None
    except ValueError as error:
        raise ProfileError(f"profile: answers cannot be compared with it: {error}; fit it anew") from error
    if pairs is not None:
        accepted = any(name.startswith(ACCEPTED_PAIRS) for name in responses)
        found["collapse"] = CollapseWatch(pairs, settings.collapse, acknowledged, accepted=accepted)
    if "coverage_counts" in prompts:
        found["rare"] = RareCells(prompts["coverage_counts"], outcomes.alpha, prompts.get(ACCEPTED))
    if "synthetic_share" in prompts:
        found["provenance"] = Provenance(prompts["synthetic_share"])
    return found


def make_settlement(settings: Settings, profile: Profile, families: ModelFamilies) -> Settlement:
    """Make what says of each exchange what is known of it."""
    return Settlement(families, RecentAnswers(profile.embedder_spec.dim), OutcomeBook(OutcomeRules(settings.outcomes)))
