"""The table of shapes: a new one is one file and one row."""

from __future__ import annotations

from dataclasses import dataclass

from agent.payloads import (
    bedrock,
    cloudevents,
    connect,
    conversation,
    ended,
    kong,
    kserve_export,
    langfuse,
    litellm,
    openai_batch,
    otlp_json,
    pairs,
    plain,
)
from agent.payloads.bodies import Reader


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape of a JSON object: the top-level keys of which it has at least one, and who reads it."""

    name: str
    marks: frozenset[str]
    read: Reader


SHAPES: tuple[Shape, ...] = (
    Shape("cloudevents", cloudevents.MARKS, cloudevents.read),
    Shape("kserve_export", kserve_export.MARKS, kserve_export.read),
    Shape("connect", connect.MARKS, connect.read),
    Shape("otlp", otlp_json.MARKS, otlp_json.read),
    Shape("litellm", litellm.MARKS, litellm.read),
    Shape("bedrock", bedrock.MARKS, bedrock.read),
    Shape("kong", kong.MARKS, kong.read),
    Shape("langfuse", langfuse.BATCH_MARKS, langfuse.read_batch),
    Shape("langfuse", langfuse.EVENT_MARKS, langfuse.read_event),
    Shape("langfuse", langfuse.ROW_MARKS, langfuse.read_row),
    Shape("openai_batch", openai_batch.MARKS, openai_batch.read),
    Shape("conversation", conversation.MARKS, conversation.read),
    Shape("plain", plain.MARKS, plain.read),
    Shape("alone", pairs.BODY_MARKS, pairs.read_body),
    Shape("pair", pairs.PAIR_MARKS, pairs.read_pair),
    Shape("alone", pairs.ALONE_MARKS, pairs.read_alone),
    Shape("feedback", ended.MARKS, ended.read),
)
"""In order of precedence: where an object has marks of several, the first that can read it does."""

_MARKS = frozenset().union(*(shape.marks for shape in SHAPES))
_BITS = {mark: sum(1 << i for i, shape in enumerate(SHAPES) if mark in shape.marks) for mark in _MARKS}


def candidates(document: dict[str, object]) -> list[Shape]:
    """Return the shapes that an object has a mark of, by one look-up a key; no parser is tried for it."""
    bits = 0
    for key in document:
        bits |= _BITS.get(key, 0)
    return [shape for i, shape in enumerate(SHAPES) if bits >> i & 1] if bits else []
