"""Alibi Detect's online MMD: the one peer that can be asked for a run length. For comparison only."""

from collections.abc import Callable

import numpy as np
import torch
from alibi_detect.cd import MMDDriftOnline
from contract import Found, Step, first_alarms, main, microseconds

WINDOW = 50
BOOTSTRAPS = 7_500
"""One and a half times the run length of 5,000; its documentation asks for ten times, which takes many minutes."""
QUICK = 2_000
MESSAGES = 300
"""For what a message costs, the threshold does not matter."""


def alarms(
    values: np.ndarray, before: np.ndarray, run_length: np.ndarray, reference: np.ndarray, **streams: np.ndarray
) -> Found:
    """Watch embeddings (n, d) beside those of the reference; for each of g groups of streams (g, s, m) set up anew."""
    found: dict[str, list[int]] = {what: [] for what in streams}
    for seed in range(len(next(iter(streams.values())))):
        make = _maker(reference, float(run_length), seed)
        mine = {what: drawn[seed] for what, drawn in streams.items()}
        for what, first in first_alarms(make, values, mine, int(before)).items():
            found[what].extend(first)
    return {f"window {WINDOW}, {BOOTSTRAPS:,} bootstraps": found}


def cost(reference: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """Microseconds a message."""
    return {f"window {WINDOW}": microseconds(_maker(reference, 200.0, 0, QUICK)(), values[:MESSAGES])}


def _maker(reference: np.ndarray, run_length: float, seed: int, bootstraps: int = BOOTSTRAPS) -> Callable[[], Step]:
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    detector = MMDDriftOnline(
        reference, run_length, WINDOW, backend="pytorch", n_bootstraps=bootstraps, verbose=False, device="cpu"
    )

    def step(value: np.ndarray) -> bool:
        alarm = bool(detector.predict(value, return_test_stat=False)["data"]["is_drift"])
        if alarm:
            detector.reset_state()
        return alarm

    def make() -> Step:
        detector.reset_state()
        return step

    return make


if __name__ == "__main__":
    main("alibi-detect", {"alarms": alarms, "cost": cost})
