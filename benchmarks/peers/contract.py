"""What every peer's script keeps to: a task and a file of arrays in, one line of JSON out.

``python SCRIPT TASK ARRAYS.npz`` prints ``{"version": …, "found": {name: what it says}}`` as its last line. These
scripts run in the peers' own environments, so they import nothing of offmap and need nothing but numpy and the peer.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

Found = dict[str, dict[str, list[int]]]
"""Detector → streams → messages until the first alarm of each."""

Checked = dict[str, list[list[bool]]]
"""Detector → for each kind of window, whether it alarms in each."""

Step = Callable[[Any], bool]
"""Takes one message's value; says whether it alarms."""


def main(distribution: str, tasks: Mapping[str, Callable[..., Mapping[str, Any]]]) -> None:
    """Do the task that the command line names."""
    task, path = sys.argv[1:]
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    found = tasks[task](**arrays)
    said = "–" if distribution == "dummy" else version(distribution)
    print(json.dumps({"version": said, "found": found}, default=lambda value: value.tolist()))


def first_alarms(
    make: Callable[[], Step], values: np.ndarray, streams: Mapping[str, np.ndarray], before: int
) -> dict[str, list[int]]:
    """Messages until the first alarm of each stream, counted from message `before` on; 0 where there is none.

    Parameters
    ----------
    make : callable
        Gives a detector that has seen nothing yet.
    values : ndarray, shape (n,) or (n, d)
        What the detector is given of each text.
    streams : mapping of str to ndarray of int, shape (s, m)
        The texts of each stream, one after the other.
    before : int
        Messages before the drift: an alarm among them does not count, and the detector goes on.
    """
    return {what: [_first(make(), values[stream], before) for stream in drawn] for what, drawn in streams.items()}


def quiet_then_new(step: Step, values: np.ndarray, before: int) -> list[int]:
    """Count the alarms before message `before`, and the messages until the first one from it on, 0 for none."""
    quiet = sum(step(value) for value in values[:before])
    return [quiet, _first(step, values[before:], 0)]


def _first(step: Step, values: np.ndarray, before: int) -> int:
    for place, value in enumerate(values):
        if step(value) and place >= before:
            return place - before + 1
    return 0


def microseconds(step: Step, values: Iterable[Any]) -> float:
    """Processor time of one message, the best of three passes: the machine may be busy."""
    values = list(values)

    def once() -> float:
        started = time.process_time()
        for value in values:
            step(value)
        return (time.process_time() - started) / len(values) * 1e6

    return min(once() for _ in range(3))
