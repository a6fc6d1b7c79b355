"""The binary messages that are known by their fields: OTLP's and the Open Inference Protocol's."""

from __future__ import annotations

from agent.payloads import oip_protobuf, otlp_protobuf
from agent.payloads.context import Context, Outcome
from agent.payloads.otlp import Item, read_items, wanted
from agent.payloads.reasons import UnreadableError

_FIRST = b"\x0a"  # field 1, a string or a message: how every one of these messages begins


def is_likely(value: bytes) -> bool:
    """Say whether bytes that are no JSON may be one of these messages."""
    return value.startswith(_FIRST) and not value.lstrip().startswith((b"{", b"["))


def read(value: bytes, context: Context) -> list[Outcome]:
    """Read a batch of spans or log records, or one half of an inference.

    Raises
    ------
    UnreadableError
        With reason "bad_protobuf" where the bytes are none of these, or "too_deep".
    """
    try:
        items = _spans(value, context)
        return oip_protobuf.read(value, context) if items is None else read_items(items, context)
    except UnicodeDecodeError:
        raise UnreadableError("bad_protobuf") from None


def _spans(value: bytes, context: Context) -> list[Item] | None:
    try:
        return otlp_protobuf.items(value, wanted(context))
    except UnicodeDecodeError:
        return None
    except UnreadableError as problem:
        if problem.reason != "bad_protobuf":
            raise
        return None
