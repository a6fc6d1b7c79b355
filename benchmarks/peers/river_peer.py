"""River's drift detectors at their defaults, on one score a message."""

from collections.abc import Callable
from typing import Any

import numpy as np
from contract import Found, Step, first_alarms, main, quiet_then_new
from river.drift import ADWIN, KSWIN, PageHinkley

QUICK = ("ADWIN", "Page–Hinkley")
KSWIN_STREAMS = 20
"""KSWIN runs a Kolmogorov–Smirnov test each message: it gets the first few streams only."""


def alarms(values: np.ndarray, before: np.ndarray, run_length: np.ndarray, **streams: np.ndarray) -> Found:
    """Watch the values (n,) themselves; these detectors know no run length."""
    del run_length
    few = {what: drawn[:KSWIN_STREAMS] for what, drawn in streams.items()}
    given = {name: streams if name in QUICK else few for name in MAKERS}
    return {name: first_alarms(make, values, given[name], int(before)) for name, make in MAKERS.items()}


def weeks(values: np.ndarray, lengths: np.ndarray) -> dict[str, list[list[int]]]:
    """Count the alarms of quiet weeks, and the messages until the first one in what comes after; 0 for none.

    `lengths` (s, 2) of both parts of each stream, which stand one after the other in `values`. KSWIN is too slow.
    """
    streams = np.split(values, np.cumsum(lengths.sum(axis=1))[:-1])
    return {
        name: [
            quiet_then_new(MAKERS[name](), stream, quiet) for stream, (quiet, _) in zip(streams, lengths, strict=True)
        ]
        for name in QUICK
    }


def _maker(new: Callable[[], Any]) -> Callable[[], Step]:
    def make() -> Step:
        detector = new()

        def step(value: float) -> bool:
            detector.update(float(value))
            return bool(detector.drift_detected)

        return step

    return make


MAKERS = {"ADWIN": _maker(ADWIN), "Page–Hinkley": _maker(PageHinkley), "KSWIN": _maker(lambda: KSWIN(seed=0))}

if __name__ == "__main__":
    main("river", {"alarms": alarms, "weeks": weeks})
