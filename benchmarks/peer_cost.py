"""What a message costs, embedded already: all of offmap's watchers beside the streaming MMD of others."""

from collections.abc import Iterable

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.cost import SECONDS, microseconds, prompts, traffic
from benchmarks.embedded import clinc
from benchmarks.foreign import ask
from benchmarks.table import Row

REFERENCE = 1_000


def rows() -> Iterable[Row]:
    """Processor time of one message, on one core each."""
    scores, data = traffic(), clinc()
    with threadpool_limits(1):
        ours = microseconds(prompts(), None, SECONDS * np.arange(len(scores.cell)), scores)
    given = {"reference": data.validation.vectors[:REFERENCE], "values": data.test.vectors[:REFERENCE]}
    said = {"Frouros": ask("frouros", "cost", **given), "Alibi online MMD": ask("alibi", "cost", **given)}
    beside = ", ".join(f"{peer} {name} {spent:,.0f}" for peer, found in said.items() for name, spent in found.items())
    reference = f"{beside}, all against {REFERENCE:,} texts; DriftLens 63 (its paper; what PyPI has holds no code)"
    yield Row("all detectors a message, blocks of 64", ours, at_most=50, unit="µs", reference=reference)
