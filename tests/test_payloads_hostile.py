"""Whatever arrives: no crash, no hang, nothing unbounded, and always an exchange or a reason."""

import copy
import gc
import gzip
import json
import time
import tracemalloc

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.payloads import DecodeOptions, decode
from agent.payloads.bodies import BODIES
from agent.payloads.decoder import decode_or_raise
from agent.payloads.fields import MOST_PARTS
from agent.payloads.shapes import SHAPES as TABLE
from agent.records import Exchange, Record, Rejected
from tests import payload_cases as cases
from tests.payload_cases import CASES
from tests.payload_promises import hold

OPTIONS = DecodeOptions(max_text_chars=1000)
QUICK = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
MEGABYTE = 10**6


def read(value, headers=(), topic="t", key=None):
    """Decode with offmap's own mistakes visible, and hold what comes out to its promises."""
    found = decode_or_raise(Record(topic, 0, 0, value, key=key, headers=headers), OPTIONS)
    assert found
    for each in found:
        hold(each)
    return found


def keys_in(value):
    """Yield every key of a document: the words that the parsers know."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from keys_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from keys_in(each)


KNOWN = {key for case in CASES.values() if not isinstance(case.value, bytes) for key in keys_in(case.value)}
KNOWN |= {mark for row in TABLE for mark in row.marks}
KNOWN |= {mark for row in BODIES for mark in row.request_marks | row.response_marks}
KNOWN |= set(keys_in(json.loads(cases.fixture("otlp_1_37.logs.json"))))
WORDS = [
    "user",
    "assistant",
    "text",
    "gen_ai.choice",
    "gen_ai.input.messages",
    "generation-create",
    "GENERATION",
    "BYTES",
]
WORDS += [
    "org.kubeflow.serving.inference.request",
    "ModelInvocationLog",
    "message_start",
    '{"messages": [1]}',
    "data: {}",
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sorted(KNOWN)), inner, max_size=6),
    max_leaves=25,
)


@QUICK
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\0\0\0\0\1", b"\x0a", b"data:"])
)
def test_any_bytes(value, start):
    read(start + value)


@QUICK
@given(JSON)
def test_any_json_of_known_words(document):
    read(json.dumps(document).encode())


@QUICK
@given(JSON, st.sampled_from([cases.CE_REQUEST, cases.CE_RESPONSE, {"type": "x", "id": "\ud83d"}]))
def test_any_cloudevent(document, event):
    read(
        json.dumps(document).encode(),
        [(f"ce_{key}", str(value).encode("utf-8", "replace")) for key, value in event.items()],
    )


def places(value, path=()):
    """Yield the paths of everything in a document."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*path, key))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not isinstance(case.value, bytes)])
@settings(QUICK, max_examples=60)
@given(data=st.data())
def test_any_value_in_any_place_of_a_known_shape(name, data):
    case = CASES[name]
    document = {"root": copy.deepcopy(case.value)}
    path = ("root", *data.draw(st.sampled_from(list(places(case.value)))))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = data.draw(JSON)
    read(json.dumps(document["root"]).encode(), case.headers, case.topic, case.key)


BINARY = {f"otlp {name}": cases.fixture(f"otlp_{name}.pb") for name in ("1_28.logs", "1_37.logs", "1_37.traces")}
BINARY |= {"oip": cases.OIP_RAW_REQUEST, "gzip": gzip.compress(cases.CHAT_STREAM), "sse": cases.CHAT_STREAM}
BINARY |= {"zstd": zstandard.ZstdCompressor().compress(cases.CHAT_STREAM)}


@pytest.mark.parametrize("name", BINARY)
@settings(QUICK, max_examples=100)
@given(data=st.data())
def test_any_change_of_binary_messages(name, data):
    value = bytearray(BINARY[name])
    for _ in range(data.draw(st.integers(0, 3))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    read(
        bytes(value[: data.draw(st.integers(0, len(value)))]),
        topic=data.draw(st.sampled_from(["t", "a.inputs", "a.outputs"])),
    )


@QUICK
@given(st.binary(max_size=40), st.binary(max_size=20))
def test_any_attribute_and_value(entry, value):
    for attribute in (entry, cases.proto((1, "gen_ai.prompt"), (2, value)), cases.proto((1, "gen_ai.prompt")) + value):
        span = cases.proto((1, b"\1" * 16)) + b"\x39" + b"\1" * 8 + cases.proto((9, attribute))
        read(cases.proto((1, cases.proto((2, cases.proto((2, span)))))))


def nested(depth, open_, close):
    return open_ * depth + b"1" + close * depth


def deep_protobuf(depth):
    """A span whose attribute holds lists in lists."""
    value = b"\x0a\x01x"
    for _ in range(depth):
        value = cases.proto((6, cases.proto((1, cases.proto((1, "k"), (2, value))))))
    attribute = cases.proto((1, "gen_ai.input.messages"), (2, value))
    span = cases.proto((1, b"\1" * 16), (2, b"\1" * 8)) + b"\x39" + b"\1" * 8 + cases.proto((9, attribute))
    return cases.proto((1, cases.proto((2, cases.proto((2, span))))))


def filled(start, piece, end=b""):
    return start + piece * ((MEGABYTE - len(start) - len(end)) // len(piece)) + end


HOSTILE = {
    "brackets": b"[" * MEGABYTE,
    "nested lists": nested(400_000, b"[", b"]"),
    "nested objects": nested(160_000, b'{"a":', b"}"),
    "nested messages": b'{"messages":' + nested(1000, b"[", b"]") + b"}",
    "nested tensors": b'{"inputs":[{"name":"x","datatype":"BYTES","data":' + nested(900, b"[", b"]") + b"}]}",
    "nested lists after NaN": b'{"a": NaN, "b":' + nested(400_000, b"[", b"]") + b"}",
    "nested payloads": filled(b"", b'{"schema":1,"payload":') + b"1",
    "empty objects": filled(b"[", b"{},", b"{}]"),
    "empty lists": filled(b"[", b"[],", b"[]]"),
    "lists of objects": filled(b"[", b"[{}],", b"[]]"),
    "lines": filled(b"{}\n", b"{}\n"),
    "bad lines": filled(b"{}\n", b"{\n"),
    "line breaks": filled(b"{}\n", b"\n"),
    "events": filled(b"data: {}\n\n", b"data: {}\n\n"),
    "one event of many lines": filled(b"data:\n", b"data:\n"),
    "chunks": filled(b"", b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'),
    "chunks of choices": b'data: {"choices":['
    + filled(b'{"delta":{}}', b',{"delta":{"content":"a"},"index":7}')[:-50]
    + b"]}",
    "surrogates": filled(b'{"prompt":"', b"\\ud83d", b'"}'),
    "backslashes": filled(b'{"prompt":NaN,"a":"\\ud83d', b"\\\\", b'"}'),
    "digits": filled(b'{"time":', b"9", b"}"),
    "digits after NaN": filled(b'{"a":NaN,"time":', b"9", b"}"),
    "digits in text": filled(b'{"prompt":"a","time":"', b"9", b'"}'),
    "keys": b"{" + b",".join(b'"key%d":1' % i for i in range(70_000)) + b"}",
    "duplicate keys": filled(b'{"prompt":"a"', b',"prompt":"b"', b"}"),
    "messages": filled(b'{"model":"m","messages":[{}', b',{"role":"x"}', b"]}"),
    "instances": filled(b'{"instances":["a"', b',"a"', b"]}"),
    "tensors": filled(b'{"inputs":[{"name":"a"}', b',{"name":"a"}', b"]}"),
    "prompts": filled(b'{"prompt":["a"', b',"a"', b'],"model":"m"}'),
    "batch": filled(
        b'{"batch":[{"type":"generation-create"}', b',{"type":"generation-create","body":{"id":"a"}}', b"]}"
    ),
    "spans": filled(b'{"resourceSpans":[{"scopeSpans":[{"spans":[{}', b",{}", b"]}]}]}"),
    "scopes": filled(b'{"resourceSpans":[{"scopeSpans":[{}', b',{"spans":[{}]}', b"]}]}"),
    "attributes": filled(
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{}',
        b',{"key":"gen_ai.prompt.1.content","value":{"stringValue":"a"}}',
        b"]}]}]}]}",
    ),
    "text": filled(b'{"prompt":"', b"a ", b'"}'),
    "white space": b" " * MEGABYTE,
    "white space and a brace": b" " * MEGABYTE + b"{",
    "zeros": bytes(MEGABYTE),
    "newlines": b"\n" * MEGABYTE,
    "protobuf of empty fields": filled(b"", b"\x0a\x00"),
    "protobuf of empty resources": filled(b"", b"\x0a\x02\x12\x00"),
    "protobuf of empty spans": filled(b"", b"\x0a\x06\x12\x04\x12\x02\x08\x01"),
    "protobuf of many attributes": cases.proto(
        (1, cases.proto((2, cases.proto((2, b"\x0a\x10" + b"\1" * 16 + b"\x39" + b"\1" * 8 + b"\x4a\0" * 400_000)))))
    ),
    "deep protobuf": deep_protobuf(300),
    "not UTF-8": b"\xff" * MEGABYTE,
    "base64": json.dumps(cases.CE_RESPONSE | {"data_base64": "A" * MEGABYTE}).encode(),
    "JSON in a text": json.dumps({"request": "[" * MEGABYTE}).encode(),
    "events in a text": json.dumps({"request": "a", "response": "data: {}\n\n" * 70_000}).encode(),
    "gzip bomb": gzip.compress(bytes(200 * MEGABYTE)),
    "gzip members": gzip.compress(b"{}") * 40_000,
    "gzip in gzip": gzip.compress(gzip.compress(gzip.compress(bytes(50 * MEGABYTE)))),
    "zstd bomb": zstandard.ZstdCompressor(level=3).compress(bytes(200 * MEGABYTE)),
    "zstd bomb of unknown size": zstandard.ZstdCompressor(write_content_size=False).compress(bytes(200 * MEGABYTE)),
}


def quick(work, limit):
    """Say whether one of several runs stays below a limit, in seconds of processor time; the machine may be busy."""
    for _ in range(8):
        started = time.thread_time()
        work()
        if time.thread_time() - started < limit:
            return True
    return False


@pytest.mark.parametrize("name", HOSTILE)
def test_no_message_hangs_or_swells(name):
    value = HOSTILE[name]
    assert len(value) <= 1.1 * MEGABYTE
    assert quick(lambda: read(value), 0.1)
    tracemalloc.start()  # makes everything slow, so less of what is long in itself
    read(value[:200_000])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 * MEGABYTE


def test_nothing_stays_behind():
    def everything():
        for value in HOSTILE.values():
            decode(Record("t", 0, 0, value[:50_000]), OPTIONS)
        gc.collect()

    everything()
    tracemalloc.start()
    everything()
    first, _ = tracemalloc.get_traced_memory()
    everything()
    second, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert second - first < 10_000


def test_offmaps_own_mistake_is_a_reason(monkeypatch):
    monkeypatch.setattr("agent.payloads.decoder.parse", lambda _: 1 / 0)
    assert decode(CASES["plain"].record()) == [Rejected("failed")]


def test_more_documents_than_are_read_are_said():
    found = read(b'{"prompt": "a"}\n' * 5000)
    assert len(found) == MOST_PARTS + 1
    assert found[-1] == Rejected("oversized")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (gzip.compress(b"{}")[:-1], "bad_compression"),
        (gzip.compress(b""), "empty"),
        (HOSTILE["gzip bomb"], "oversized"),
        (HOSTILE["zstd bomb"], "oversized"),
        (b"\0\0\0\0\7\2avro", "no_schema"),
        (b"\x0a\x05abc", "bad_protobuf"),
        (HOSTILE["deep protobuf"], "too_deep"),
        (b"\xff\xfe", "not_utf8"),
        (b"data: [DONE]\n\n", "empty"),
        (b"[]", "empty"),
    ],
)
def test_reasons(value, reason):
    assert read(value) == [Rejected(reason)]


def test_duplicate_keys_and_odd_numbers():
    found = read(b'{"prompt": "a", "prompt": "b", "response": "c", "time": 1e308, "id": 99999999999999999999999}')
    assert found == [Exchange(prompt="b", response="c", shape="plain")]
