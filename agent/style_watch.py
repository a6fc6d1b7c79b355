"""The second channel in production: the source and style of prompts, watched apart from what they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from agent.pager import make_pager
from agent.profile import STYLE, Profile, ProfileError
from agent.watch import SideScores, Watcher, Watchers
from agent.window_watch import AlphaPrecision, UncoveredShares, WindowSpec
from detectors.style import StyleReference

if TYPE_CHECKING:
    from agent.seams import Embedder
    from agent.tally import Tally
    from agent.watch import Floats
    from config import PagerSettings


class Style(NamedTuple):
    """What scores the style of prompts, and what watches it."""

    reference: StyleReference
    watcher: Watcher


def make_style(profile: Profile, embedder: Embedder, windows: WindowSpec, settings: PagerSettings) -> Style | None:
    """Make the second channel; None where the profile was fitted without it.

    Its pager keeps the run length of the settings by itself, so that the first channel's pages neither come later nor
    oftener. It accepts a share of its own.

    Raises
    ------
    ProfileError
        Its arrays do not belong together, or not to the embedder.
    """
    arrays = profile.references.get(STYLE)
    if arrays is None:
        return None
    own = settings.model_copy(update={"tolerated_share": settings.tolerated_style_share})
    try:
        reference = StyleReference.from_arrays(arrays)
        embedder.encode(profile.embedder_spec.canary_texts[:1], 1, reference.of_chunk)
        pager = make_pager(STYLE, own, arrays, reference.calibration_sizes)
    except ValueError as error:
        raise ProfileError(f"profile: the reference of style does not fit: {error}; fit it anew") from error
    shares, precision = UncoveredShares(STYLE, windows), AlphaPrecision(STYLE, windows.lengths)
    return Style(reference, StyleWatch({"shares": shares, "precision": precision, "pager": pager}))


class StyleWatch(Watchers):
    """Shows watchers style as a side of its own, so that no sum over a side mixes it with what prompts are about."""

    def update(self, times: Floats, scores: SideScores, tally: Tally) -> None:
        """Count what was scored, and have it watched."""
        if scores.style_novelty is None or scores.style_p_value is None:
            return
        n = len(times)
        nowhere, nothing = np.zeros(n, dtype=np.int32), np.zeros((n, 0), dtype=np.float16)
        own = SideScores(scores.style_novelty, scores.style_p_value, nowhere, nothing, begins=scores.begins)
        tally.observe("offmap_p_value", (STYLE,), own.p_value)
        tally.observe("offmap_novelty", (STYLE,), own.novelty)
        super().update(times, own, tally)
