"""What the mix is compared with, and what counts as changed: fitted once, stored as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class MixPlan:
    """Random features, the reference's mean along its leading directions, windows and thresholds.

    Attributes
    ----------
    frequencies : ndarray of float16, shape (d, F)
        Of the kernel's random features.
    directions : ndarray of float16, shape (2F, r)
        Leading principal directions of the reference's features, each divided by its regularised spread.
    centre : ndarray of float32, shape (r,)
        Mean of the reference along them.
    windows : ndarray of float64, shape (w,)
        Lengths in texts of the forgetting means; a mean of length N forgets by 2/(N + 1) a text.
    thresholds : ndarray of float64, shape (w,)
        Squared distance from the reference's mean at which each warns.
    run_length : float
        The expected number of texts between false alarms, over all windows, that the thresholds were simulated for.

    Raises
    ------
    ValueError
        If the arrays do not belong together.
    """

    frequencies: npt.NDArray[np.float16]
    directions: npt.NDArray[np.float16]
    centre: npt.NDArray[np.float32]
    windows: npt.NDArray[np.float64]
    thresholds: npt.NDArray[np.float64]
    run_length: float

    def __post_init__(self) -> None:
        """Refuse arrays of shapes that do not fit each other, or numbers that are none."""
        shapes = {
            "directions": (2 * self.frequencies.shape[-1], len(self.centre)),
            "centre": self.directions.shape[1:],
            "thresholds": self.windows.shape,
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} of shape {getattr(self, name).shape}; the others ask for {shape}")
        for field in fields(self):
            if not np.isfinite(getattr(self, field.name)).all():
                raise ValueError(f"{field.name} must be finite")

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that `from_arrays` needs."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> MixPlan:
        """Build a plan from what `to_arrays` gave.

        Raises
        ------
        ValueError
            If an array is missing or does not belong to the others.
        """
        missing = [field.name for field in fields(cls) if field.name not in arrays]
        if missing:
            raise ValueError(f"a mix plan without {', '.join(missing)}")
        return cls(
            np.asarray(arrays["frequencies"], dtype=np.float16),
            np.asarray(arrays["directions"], dtype=np.float16),
            np.asarray(arrays["centre"], dtype=np.float32),
            np.asarray(arrays["windows"], dtype=np.float64),
            np.asarray(arrays["thresholds"], dtype=np.float64),
            float(arrays["run_length"]),
        )
