"""What reference texts are like, for comparison: their length and their scripts. Context, no alarm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from agent.scripts import script_shares

if TYPE_CHECKING:
    from agent.tally import State, Tally
    from agent.watch import Floats, Measured, SideScores


class ReferenceContext:
    """Shows what a profile says of one side's reference texts; what it does not know is absent.

    Parameters
    ----------
    side : str
    arrays : mapping of str to ndarray
        Of the profile: "length_tokens", the mean word pieces of a text, and "script_counts".

    Raises
    ------
    ValueError
        If the counts are not by script.
    """

    def __init__(self, side: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._found: Measured = {}
        if "length_tokens" in arrays:
            self._found["offmap_reference_tokens"] = {(side,): float(arrays["length_tokens"])}
        if "script_counts" in arrays:
            shares = script_shares(arrays["script_counts"])
            self._found["offmap_reference_script_share"] = {(side, name): share for name, share in shares.items()}

    def update(self, _times: Floats, _scores: SideScores, _tally: Tally) -> None:
        """Do nothing."""

    def measure(self) -> Measured:
        """Return the facts."""
        return self._found

    def get_state(self) -> State:
        """Return nothing."""
        return {}

    def set_state(self, _state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Do nothing."""
