"""Whether an ONNX file points outside itself, found by walking its bytes: `onnx` is not there at run time."""

from __future__ import annotations

from collections.abc import Iterator

# Protocol buffers of onnx.proto3: message → {field number: message in that field}. Only what can hold a tensor.
_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA = 13
_DATA_LOCATION = 14
_MAX_DEPTH = 64


def has_external_data(model: bytes) -> bool:
    """Return whether any tensor's values lie outside the file (or, in onnxruntime's extension, at an address).

    Raises
    ------
    ValueError
        These are not the bytes of an ONNX model.
    """
    if not model:
        raise ValueError("the ONNX file is empty")
    return _external(memoryview(model), "model", 0)


def _external(data: memoryview, kind: str, depth: int) -> bool:
    if depth > _MAX_DEPTH:
        raise ValueError("the ONNX file is nested too deeply")
    inner = _MESSAGES[kind]
    for number, value in _fields(data):
        if kind == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)):
            return True
        if number in inner and isinstance(value, memoryview) and _external(value, inner[number], depth + 1):
            return True
    return False


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Yield each field's number and value: bytes where it has a length, else an integer."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == 2:
            length, at = _varint(data, at)
        elif wire in {1, 5}:
            length = 8 if wire == 1 else 4
        else:
            raise ValueError("the ONNX file is damaged: unknown wire type")
        if at + length > len(data):
            raise ValueError("the ONNX file is damaged: a field runs over the end")
        yield number, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("the ONNX file is damaged: a number without an end")
