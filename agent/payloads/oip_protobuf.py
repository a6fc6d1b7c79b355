"""The Open Inference Protocol in protobuf, as Seldon's topics carry it: `ModelInferRequest` and `ModelInferResponse`.

Both have 1 model name, 2 version, 3 id, 5 tensors (1 name, 2 datatype, 3 shape, 5 contents with 8 bytes). A request has
its raw contents in 7; a response has them in 6, where a request lists the outputs that it wants.
"""

from __future__ import annotations

from typing import Any

from agent.payloads.context import Context, Outcome
from agent.payloads.fields import name
from agent.payloads.open_inference import Tensor, answered, asked
from agent.payloads.reasons import UnreadableError
from agent.payloads.wire import BYTES, Reader, text
from agent.records import Rejected

_TEXT = "BYTES"
_LENGTH = 4  # little-endian, before each text in raw contents
_ANSWER_NAMES = ("out", "response", "answer", "generated", "predict", "completion")


def read(value: bytes, context: Context) -> list[Outcome]:
    """Read one half of an inference.

    Raises
    ------
    UnreadableError
        With reason "bad_protobuf" where the bytes are neither message.
    """
    parts: dict[int, list[Any]] = {}
    reader = Reader()
    for number, kind, part in reader.fields(value):
        if kind != BYTES or number > 7:
            raise UnreadableError("bad_protobuf")
        parts.setdefault(number, []).append(part)
    model, identity = (name(text(parts[number][-1])) if number in parts else None for number in (1, 3))
    tensors = [_tensor(reader, part) for part in parts.get(5, ())]
    if model is None or not tensors:
        raise UnreadableError("bad_protobuf")
    response = _is_response(parts, tensors, context.record.topic)
    whole = _with_raw(tensors, parts.get(6 if response else 7, ()))
    shared = _key(context) or identity
    found = answered(whole, identity, model) if response else asked(whole, identity, context)
    known: dict[str, Any] = {"id": shared, "join_key": shared, "model_asked": None if response else model}
    return [each if isinstance(each, Rejected) else each._replace(**known) for each in found]


def _key(context: Context) -> str | None:
    """Return the record's key where Seldon made the topic: there it is the request's id."""
    record = context.record
    if record.key is None or not record.topic.endswith((".inputs", ".outputs")):
        return None
    return name(record.key.decode("utf-8", "replace"))


def _tensor(reader: Reader, data: bytes) -> tuple[str, str, list[str] | None]:
    """Return a tensor's name, its datatype and the texts in its contents."""
    title, datatype, texts = "", "", None
    for number, kind, part in reader.fields(data):
        if kind != BYTES:
            continue
        if number == 1:
            title = text(part)
        elif number == 2:
            datatype = text(part)
        elif number == 5 and isinstance(part, bytes):
            texts = [_lenient(each) for inner, _, each in reader.fields(part) if inner == 8 and isinstance(each, bytes)]
    return title, datatype, texts


def _is_response(parts: dict[int, list[Any]], tensors: list[tuple[str, str, list[str] | None]], topic: str) -> bool:
    """Tell the halves apart: by the raw contents, by the topic's name, at last by the tensors' names."""
    if 7 in parts:
        return False
    if topic.endswith((".inputs", ".outputs")):
        return topic.endswith(".outputs")
    if 6 in parts and all(texts is None for _, _, texts in tensors):
        return True
    return any(part in title.lower() for title, _, _ in tensors for part in _ANSWER_NAMES)


def _with_raw(tensors: list[tuple[str, str, list[str] | None]], raw: Any) -> list[Tensor]:
    """Read the texts of tensors whose contents lie apart, one entry a tensor."""
    raws = list(raw)
    return [
        Tensor(title, (texts or (_packed(raws[i]) if i < len(raws) else [])) if datatype == _TEXT else None)
        for i, (title, datatype, texts) in enumerate(tensors)
    ]


def _packed(data: bytes) -> list[str]:
    texts, at = [], 0
    while at + _LENGTH <= len(data):
        end = at + _LENGTH + int.from_bytes(data[at : at + _LENGTH], "little")
        if end > len(data):
            raise UnreadableError("bad_protobuf")
        texts.append(_lenient(data[at + _LENGTH : end]))
        at = end
    return texts


def _lenient(data: bytes) -> str:
    """Return text; a tensor of bytes may hold others."""
    return data.decode("utf-8", "replace")
