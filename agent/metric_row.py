"""What one row of the table of metrics says."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram", "info"]

P_VALUE_EDGES = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Fixed, so that PromQL can compute the tail lift at any of these levels over any range, summed over pods."""

NOVELTY_EDGES = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)

BANDS = (0.01, 0.05, 0.2, 1.0)
"""Upper ends of the bands of p-values that exchanges are counted in."""

LENGTHS = (8, 16, 32, 64, 128, 256, 512)
"""Upper ends of the bands of length, in word pieces, that texts are counted in; beyond the last: `inf`."""


class Metric(NamedTuple):
    """One row of the table.

    Attributes
    ----------
    name : str
        As Prometheus stores it (for an info metric and a counter without its suffix `_info` or `_total`).
    kind : {"counter", "gauge", "histogram", "info"}
    help : str
        What it means, with its unit, and what it does not mean where that is easily mistaken.
    labels : tuple of str
    durable : bool
        True: the value is that of the last checkpoint, so it never steps back after a crash. False: the agent's own
        health, live.
    edges : tuple of float
        Upper bucket bounds, for a histogram.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    durable: bool = True
    edges: tuple[float, ...] = ()
