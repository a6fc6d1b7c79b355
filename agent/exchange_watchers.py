"""The watchers of whole exchanges, by the name that their state is saved under: a new one is a row here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.exchange_watch import ExchangeWatcher
    from agent.profile import Profile
    from config import Settings


def make_exchange_watchers(settings: Settings, profile: Profile) -> dict[str, ExchangeWatcher]:
    """Make all of them; they are asked in this order."""
    del settings, profile
    return {}
