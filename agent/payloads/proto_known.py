"""The types that come with Protobuf, which no registry holds: as what JSON has for them."""

from __future__ import annotations

from typing import Any

SOURCE = """
syntax = "proto3";
package google.protobuf;
message Timestamp { int64 seconds = 1; int32 nanos = 2; }
message Duration { int64 seconds = 1; int32 nanos = 2; }
message Any { string type_url = 1; bytes value = 2; }
message Empty {}
message FieldMask { repeated string paths = 1; }
message Struct { map<string, Value> fields = 1; }
message ListValue { repeated Value values = 1; }
message Value {
  oneof kind {
    int32 null_value = 1;
    double number_value = 2;
    string string_value = 3;
    bool bool_value = 4;
    Struct struct_value = 5;
    ListValue list_value = 6;
  }
}
message DoubleValue { double value = 1; }
message FloatValue { float value = 1; }
message Int64Value { int64 value = 1; }
message UInt64Value { uint64 value = 1; }
message Int32Value { int32 value = 1; }
message UInt32Value { uint32 value = 1; }
message BoolValue { bool value = 1; }
message StringValue { string value = 1; }
message BytesValue { bytes value = 1; }
"""
"""Their fields, as their documentation has them."""

_SPACE = "google.protobuf."
_TIMES = frozenset({"Timestamp", "Duration"})
_EMPTY = {"BoolValue": False, "StringValue": "", "BytesValue": ""}  # the others are numbers


def simple(message: str, found: dict[str, Any]) -> Any:
    """Return what a message of this full name stands for.

    Examples
    --------
    >>> simple("google.protobuf.Timestamp", {"seconds": 1714564800, "nanos": 500000000})
    1714564800.5
    >>> simple("google.protobuf.Value", {"string_value": "Hi"}), simple("bank.Chat", {"prompt": "Hi"})
    ('Hi', {'prompt': 'Hi'})
    """
    if not message.startswith(_SPACE):
        return found
    name = message.removeprefix(_SPACE)
    if name in _TIMES:
        return found.get("seconds", 0) + found.get("nanos", 0) / 1e9
    if name == "Struct":
        return found.get("fields", {})
    if name == "ListValue":
        return found.get("values", [])
    if name == "Value":
        return None if "null_value" in found else next(iter(found.values()), None)
    return found.get("value", _EMPTY.get(name, 0)) if name.endswith("Value") else found
