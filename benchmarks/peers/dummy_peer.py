"""The dummy detector: alarms at random, at the rate that was asked for, or never. It has looked at nothing."""

from collections.abc import Callable

import numpy as np
from contract import Checked, Found, Step, first_alarms, main

SHARE = 0.05
"""Of the checks: what a test at 5 % false positives would alarm in."""


def alarms(values: np.ndarray, before: np.ndarray, run_length: np.ndarray, **streams: np.ndarray) -> Found:
    """Alarm at random once in `run_length` messages; never."""
    rng = np.random.default_rng(0)

    def make(rate: float) -> Callable[[], Step]:
        return lambda: lambda _value: bool(rng.random() < rate)

    makers = {"at random": make(1 / float(run_length)), "never": make(0)}
    return {name: first_alarms(maker, values, streams, int(before)) for name, maker in makers.items()}


def checks(reference: np.ndarray, windows: np.ndarray) -> Checked:
    """Alarm at random in a share of the windows (k, c, w, d); never."""
    rng, shape = np.random.default_rng(len(reference)), windows.shape[:2]
    return {"at random": (rng.random(shape) < SHARE).tolist(), "never": np.zeros(shape, bool).tolist()}


if __name__ == "__main__":
    main("dummy", {"alarms": alarms, "checks": checks})
