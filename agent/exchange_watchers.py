"""What looks at whole exchanges, as the settings and the profile say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.answer_memory import RecentAnswers
from agent.judge_watch import JudgeWatch
from agent.outcome_book import OutcomeBook
from agent.outcome_rules import OutcomeRules
from agent.outcome_watch import OutcomeWatch
from agent.settlement import Settlement

if TYPE_CHECKING:
    from agent.exchange_watch import ExchangeWatcher
    from agent.model_families import ModelFamilies
    from agent.profile import Profile
    from config import Settings


def make_exchange_watchers(settings: Settings, profile: Profile) -> dict[str, ExchangeWatcher]:
    """Make all watchers, by the name that their state is saved under; they are asked in this order."""
    del profile
    outcomes, acknowledged = settings.outcomes, settings.pager.acknowledged
    return {
        "outcomes": OutcomeWatch(outcomes, acknowledged),
        "judges": JudgeWatch(OutcomeRules(outcomes), outcomes.alpha, acknowledged),
    }


def make_settlement(settings: Settings, profile: Profile, families: ModelFamilies) -> Settlement:
    """Make what says of each exchange what is known of it."""
    return Settlement(families, RecentAnswers(profile.embedder_spec.dim), OutcomeBook(OutcomeRules(settings.outcomes)))
