"""What accepted texts are like as a crowd, their mix and their diversity: as the arrays that a profile carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.diversity import DiversityBaseline
from detectors.mix_plan import MixPlan

Arrays = dict[str, npt.NDArray[Any]]

MIX, DIVERSITY = "mix_", "diversity_"


def to_arrays(mix: MixPlan | None, diversity: DiversityBaseline | None) -> Arrays:
    """Return what `mix_of` and `diversity_of` need; of what is unknown, nothing."""
    arrays = {MIX + name: array for name, array in (mix.to_arrays() if mix else {}).items()}
    if diversity is not None:
        names = ("n", "mean", "sd")
        arrays |= {DIVERSITY + name: np.asarray(getattr(diversity, name)) for name in names}
    return arrays


def without_crowd(arrays: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    """Return the arrays but for those of the mix and of diversity."""
    return {name: array for name, array in arrays.items() if not name.startswith((MIX, DIVERSITY))}


def mix_of(arrays: Mapping[str, npt.NDArray[Any]]) -> MixPlan | None:
    """Take back the plan; None where there is nothing of it.

    Raises
    ------
    ValueError
        If only a part is there, or the shapes do not fit.
    """
    found = _below(arrays, MIX)
    return MixPlan.from_arrays(found) if found else None


def diversity_of(arrays: Mapping[str, npt.NDArray[Any]]) -> DiversityBaseline | None:
    """Take back the baseline; None where there is nothing of it.

    Raises
    ------
    ValueError
        If only a part is there, or the shapes do not fit.
    """
    found = _below(arrays, DIVERSITY)
    if not found:
        return None
    if sorted(found) != ["mean", "n", "sd"] or not found["mean"].shape == found["sd"].shape == (3,):
        raise ValueError("the arrays of the accepted diversity do not belong together")
    return DiversityBaseline(int(found["n"]), found["mean"], found["sd"])


def _below(arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> Arrays:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
