"""Whether the mix of texts has changed, inside the map or off it: maximum mean discrepancy by random features.

Each text becomes random Fourier features of a Gaussian kernel (Rahimi and Recht 2007), seen along the leading principal
directions of the reference, shrunk in proportion to their spread so that no few of them drown the rest (spectrally
regularised MMD: Hagrass, Sriperumbudur and Li 2024). Exponentially forgetting means of several lengths are compared
with the reference's mean: the squared distance of each is its MMD² (streaming: Keriven, Garreau and Poli 2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.blocks import padded_blocks
from detectors.measurement import Measurement
from detectors.mix_plan import MixPlan


def features(rows: npt.NDArray[Any], frequencies: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Map rows (n, d) to random Fourier features (n, 2F) by frequencies (d, F): φ(x)·φ(y) ≈ exp(−‖x − y‖²/2σ²).

    >>> rng = np.random.default_rng(0)
    >>> one, other = features(np.array([[0.0, 0.0], [0.6, 0.8]]), rng.normal(size=(2, 4096)).astype(np.float32))
    >>> round(float(one @ one), 2), bool(abs(one @ other - np.exp(-0.5)) < 0.03)
    (1.0, True)
    """
    angles = rows.astype(np.float32) @ frequencies
    n, half = angles.shape
    phi = np.empty((n, 2 * half), dtype=np.float32)
    np.cos(angles, out=phi[:, :half])
    np.sin(angles, out=phi[:, half:])
    phi *= np.float32(1 / np.sqrt(half))
    return phi


class MixChange:
    """Compares recent texts with the reference over windows of several lengths; warns once, until acknowledged.

    Measurements, once the shortest window is full: ``mix_change`` (by window, in texts: its MMD² as a multiple of the
    one that warns, so 1 and above is a change), ``mix_change_alarm`` (0 or 1) and, while that is 1,
    ``mix_change_alarm_message`` (how many texts in).

    Parameters
    ----------
    plan : MixPlan
    """

    def __init__(self, plan: MixPlan) -> None:
        self.plan = plan
        self._frequencies = plan.frequencies.astype(np.float32)
        self._directions = plan.directions.astype(np.float32)
        self._gain = np.asarray(2 / (plan.windows + 1), dtype=np.float32)[:, None]
        self.acknowledge()

    def acknowledge(self) -> None:
        """Take the warning back and begin anew, as after a new baseline."""
        self._n = 0
        self._alarm = 0
        self._means = np.zeros((len(self.plan.windows), self._directions.shape[1]), dtype=np.float32)

    @property
    def alarm(self) -> bool:
        """Whether any window has ever reached its threshold since the start or the last acknowledgement."""
        return self._alarm > 0

    @property
    def alarm_message(self) -> int | None:
        """Texts that had come when it warned, the last one included; None without a warning."""
        return self._alarm or None

    def update(self, rows: npt.NDArray[np.float32]) -> None:
        """Take in the embeddings (n, d) of texts in order, unit rows; how they are cut into batches does not matter."""
        for where, block in padded_blocks(rows):
            seen = features(block, self._frequencies) @ self._directions - self.plan.centre
            self._forget(seen[: where.stop - where.start])

    def measure(self) -> list[Measurement]:
        """Return what is known so far; a window that is not full yet is absent."""
        full = self.plan.windows <= self._n
        if not full.any():
            return []
        ratios = np.square(self._means).sum(axis=1) / self.plan.thresholds
        found = [
            Measurement("mix_change", float(ratio), int(window), f"{window:g}")
            for window, ratio in zip(self.plan.windows[full], ratios[full], strict=True)
        ]
        found.append(Measurement("mix_change_alarm", float(self.alarm), self._n))
        if self.alarm:
            found.append(Measurement("mix_change_alarm_message", float(self._alarm), self._n))
        return found

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that `update` changes as arrays, and what they belong to."""
        return {
            "plan": self._plan_key(),
            "n": np.array(self._n),
            "alarm": np.array(self._alarm),
            "means": self._means.copy(),
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Go on from `get_state`; False, and nothing changed, where that had other windows or another reference."""
        if not np.array_equal(state["plan"], self._plan_key()):
            return False
        self._n, self._alarm, self._means = int(state["n"]), int(state["alarm"]), state["means"].copy()
        return True

    def _plan_key(self) -> npt.NDArray[np.float64]:
        return np.concatenate([self.plan.windows, self.plan.centre])

    def _forget(self, seen: npt.NDArray[np.float32]) -> None:
        steps = self._gain * seen[:, None, :]
        kept = 1 - self._gain
        for i in range(len(seen)):
            self._means *= kept
            self._means += steps[i]
            steps[i] = self._means
        reached = (np.square(steps).sum(axis=2) >= self.plan.thresholds).any(axis=1)
        if not self.alarm and reached.any():
            self._alarm = self._n + int(np.argmax(reached)) + 1
        self._n += len(seen)
