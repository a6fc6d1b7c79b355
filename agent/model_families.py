"""Which family a model is of, told by its name: judges are suspected of liking their own kind."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.join_entry import digest
from config.sections_outcomes import FAMILY

MOST_NAMES = 1_024
"""Names whose family is remembered: they come from messages, and may be anything."""


class ModelFamilies:
    """Tells families by regular expressions, the first that is found.

    Parameters
    ----------
    table : sequence of str
        Each as `name=pattern`.

    Examples
    --------
    >>> families = ModelFamilies(["openai=gpt", "meta=llama|vicuna"])
    >>> families("lmsys/Vicuna-33b") == families("Llama-2-70b") == digest("meta"), families("mine"), families(None)
    (True, 0, 0)
    """

    def __init__(self, table: Sequence[str]) -> None:
        pairs = [match.groups() for each in table if (match := FAMILY.fullmatch(each))]
        self._patterns = [(digest(name), re.compile(pattern, re.IGNORECASE)) for name, pattern in pairs]
        self._known: dict[str, int] = {}

    def __call__(self, model: str | None) -> int:
        """Return the hash of the family's name; 0 for none or an unknown one."""
        if not model:
            return 0
        found = self._known.get(model)
        if found is None:
            found = next((family for family, pattern in self._patterns if pattern.search(model)), 0)
            if len(self._known) < MOST_NAMES:
                self._known[model] = found
        return found
