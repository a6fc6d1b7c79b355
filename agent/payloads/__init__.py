"""Bytes from a topic or a log file to exchanges, whatever shape the producer gave them.

A shape is one file and one row: of `shapes.SHAPES` for a JSON object, of `bodies.BODIES` for what a model server is
asked and answers. `decode` never raises.
"""

from agent.payloads.bodies import BODIES as _BODIES
from agent.payloads.decoder import decode
from agent.payloads.options import DecodeOptions, FieldMap
from agent.payloads.plain import MAPPED as _MAPPED
from agent.payloads.reasons import REASONS as _REASONS
from agent.payloads.shapes import SHAPES as _SHAPES

REASONS: tuple[str, ...] = tuple(_REASONS)
"""Every reason that a `Rejected` can have."""
SHAPES: tuple[str, ...] = tuple(
    dict.fromkeys([*(shape.name for shape in _SHAPES), *(body.name for body in _BODIES), _MAPPED])
)
"""Every name that `Exchange.shape` can have."""

__all__ = ["REASONS", "SHAPES", "DecodeOptions", "FieldMap", "decode"]
