"""Every shape: all its fields, what a moved field does, and what wrappers do to it."""

import dataclasses
import gzip
import json

import pytest
import zstandard

from agent.payloads import SHAPES, DecodeOptions, bodies, decode, shapes
from agent.payloads.decoder import decode_or_raise
from agent.payloads.shapes import SHAPES as TABLE
from agent.records import Exchange, Record, Rejected
from tests import payload_cases as cases
from tests.payload_cases import CASES, NOON, PROMPT, RESPONSE, Case

OPTIONS = DecodeOptions()
MOVES = [(name, path) for name, case in CASES.items() for path in case.moves]


def read(record):
    return decode_or_raise(record, OPTIONS)


@pytest.mark.parametrize("name", CASES)
def test_all_fields(name):
    found = read(CASES[name].record())
    assert [each._asdict() for each in found] == [each._asdict() for each in CASES[name].expected]
    assert {each.shape for each in found} <= set(SHAPES)


@pytest.mark.parametrize(("name", "path"), MOVES, ids=[f"{name}: {path}" for name, path in MOVES])
def test_a_moved_field_is_counted(name, path):
    assert Rejected("unrecognised") in read(CASES[name].moved(path))


STREAMS = {
    "openai stream": ("content", "choices", "delta"),
    "openai chunks": ("content", "choices", "delta"),
    "openai pair, streamed": ("content", "choices", "delta"),
    "openai pair, chunks": ("content", "choices", "delta"),
    "openai responses stream": ("text", "content"),
    "anthropic stream": ("text", "delta", "text_delta", "content_block_delta"),
    "anthropic events": ("text", "delta", "text_delta", "content_block_delta"),
    "kserve binary response": ("content", "choices", "delta"),
    "bedrock stream": ("text", "contentBlockDelta", "delta"),
    "litellm ndjson": ("messages", "response"),
    "turns": ("content", "role"),
    "langfuse create and update": ("input", "output"),
    "kserve export response": ("bytes",),
    "seldon cloudevent": ("data", "inputs"),
}


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, fields in STREAMS.items() for field in fields])
def test_a_moved_field_of_a_stream_is_counted(name, field):
    old = CASES[name].record().value
    new = old
    for quote in (b'"%b"', b'\\"%b\\"'):  # as it stands, and in JSON in a text
        new = new.replace(quote % field.encode(), quote % f"{field[:-1]}X".encode())
    assert new != old
    assert Rejected("unrecognised") in read(CASES[name].record(new))


def test_every_row_of_the_tables_has_a_field_that_moves(monkeypatch):
    moving = set()

    def watched(row, read):
        def reader(document, context):
            found = read(document, context)
            if any(not isinstance(each, Rejected) for each in found):
                moving.add(row)
            return found

        return reader

    rows = [dataclasses.replace(row, read=watched(f"{row.name} {i}", row.read)) for i, row in enumerate(TABLE)]
    monkeypatch.setattr(shapes, "SHAPES", tuple(rows))
    for half in ("_REQUESTS", "_RESPONSES"):
        table = zip(getattr(bodies, half), bodies.BODIES, strict=True)
        watching = tuple((marks, watched(f"{body.name} {half}", read)) for (marks, read), body in table)
        monkeypatch.setattr(bodies, half, watching)
    for case in CASES.values():
        if case.moves:
            read(case.record())
    read(Record("t", 0, 0, cases.fixture("otlp_1_37.traces.json")))  # test_a_moved_attribute_is_counted
    expected = {f"{row.name} {i}" for i, row in enumerate(TABLE)}
    expected |= {f"{body.name} {half}" for body in bodies.BODIES for half in ("_REQUESTS", "_RESPONSES")}
    assert moving == expected


def framed(value):
    return b"\0\0\0\0\7" + value


def connected(value):
    return json.dumps({"schema": {"type": "struct"}, "payload": json.loads(value)}).encode()


WRAPPERS = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "confluent": framed,
    "connect": connected,
}


def fits(case, wrapper):
    """Only an object has a schema, and an event's data has none; only JSON is read without a registry."""
    if wrapper == "connect":
        return isinstance(case.value, dict) and not case.headers
    return wrapper != "confluent" or not isinstance(case.value, bytes)


WRAPPED = [(name, wrapper) for name, case in CASES.items() for wrapper in WRAPPERS if fits(case, wrapper)]


@pytest.mark.parametrize(("name", "wrapper"), WRAPPED)
def test_wrapped(name, wrapper):
    case = CASES[name]
    assert read(case.record(WRAPPERS[wrapper](case.record().value))) == case.expected


def test_wrapped_twice():
    case = CASES["litellm"]
    assert read(case.record(gzip.compress(framed(connected(case.record().value))))) == case.expected


def test_ndjson_of_different_shapes_with_a_bad_line():
    lines = [json.dumps(CASES[name].value).encode() for name in ("plain", "kong")]
    found = read(Record("t", 0, 0, b"\n".join([lines[0], b"{not json", lines[1]])))
    assert found == [*CASES["plain"].expected, Rejected("unrecognised"), *CASES["kong"].expected]


def ours(record):
    return [(each.prompt, each.response) for each in read(record)]


@pytest.mark.parametrize("encoding", ["json", "pb"])
@pytest.mark.parametrize(
    "name",
    [f"{each}.traces" for each in ("1_37", "openllmetry", "openllmetry_old", "openinference", "langfuse")]
    + ["1_28.logs", "1_37.logs"],
)
def test_otlp_of_real_instrumentations(name, encoding):
    (found,) = read(Record("t", 0, 0, cases.fixture(f"otlp_{name}.{encoding}")))
    assert (found.prompt, found.response, found.shape) == (PROMPT, RESPONSE, "otlp")
    assert len(found.trace_id) == 32
    assert found.time > NOON
    if not name.startswith("1_28"):  # its log records carry turns only
        assert (found.prompt_tokens, found.completion_tokens) == (21, 4)
        assert found.model.startswith("gpt-4o")


@pytest.mark.parametrize("name", ["1_28.logs", "1_37.logs", "1_37.traces", "openllmetry_old.traces"])
def test_both_otlp_encodings_say_the_same(name):
    values = [cases.fixture(f"otlp_{name}.{encoding}") for encoding in ("json", "pb")]
    assert read(Record("t", 0, 0, values[0])) == read(Record("t", 0, 0, values[1]))


@pytest.mark.parametrize("encoding", ["json", "pb"])
def test_a_span_without_content_says_so(encoding):
    assert read(Record("t", 0, 0, cases.fixture(f"otlp_1_28.traces.{encoding}"))) == [Rejected("no_content")]


@pytest.mark.parametrize("encoding", ["json", "pb"])
@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("1_37.traces", "gen_ai.input.messages"),
        ("1_37.traces", "gen_ai.output.messages"),
        ("1_37.logs", "gen_ai.input.messages"),
        ("openllmetry_old.traces", "gen_ai.prompt."),
        ("openllmetry_old.traces", "gen_ai.completion."),
        ("langfuse.traces", "langfuse.observation.input"),
        ("1_28.logs", "gen_ai.choice"),
        ("1_28.logs", "content"),
    ],
)
def test_a_moved_attribute_is_counted(name, field, encoding):
    moved = field[:-1] + "X"  # the same length: protobuf's lengths stay true
    value = cases.fixture(f"otlp_{name}.{encoding}").replace(field.encode(), moved.encode())
    assert Rejected("unrecognised") in read(Record("t", 0, 0, value))


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_cloudevents_of_the_real_library(mode):
    message = json.loads(cases.fixture("cloudevents.json"))[mode]
    headers = [(key, value.encode()) for key, value in message["headers"].items()]
    (found,) = read(Record("t", 0, 0, message["value"].encode(), headers=headers))
    assert (found.id, found.time, found.prompt, found.join_key) == ("req-1", NOON, PROMPT, "req-1")


def test_redacted_content_is_no_text():
    assert read(Case(cases.LITELLM_REDACTED, []).record()) == [Rejected("redacted")]


def test_redacted_responses_keep_their_prompt():
    found = read(Case(cases.LITELLM | {"response": "redacted-by-litellm"}, []).record())
    assert [getattr(each, "prompt", None) for each in found] == [PROMPT, None]
    assert found[0].response is None
    assert found[1] == Rejected("redacted")


def attributes(**values):
    return [{"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in values.items()]


def span(*given, **more):
    base = {"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "2", "startTimeUnixNano": "1714564800000000000"}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [base | {"attributes": list(given)} | more]}]}]}


def test_span_events_of_the_oldest_convention():
    prompt = {"name": "gen_ai.content.prompt", "attributes": attributes(gen_ai__prompt=json.dumps(cases.MESSAGES))}
    message = json.dumps([{"role": "assistant", "content": RESPONSE}])
    completion = {"name": "gen_ai.content.completion", "attributes": attributes(gen_ai__completion=message)}
    document = span(*attributes(gen_ai__operation__name="chat"), events=[prompt, completion])
    assert ours(Case(document, []).record()) == [(PROMPT, RESPONSE)]


@pytest.mark.parametrize("encoding", ["json", "pb"])
@pytest.mark.parametrize("name", ["1_28.logs", "1_37.logs", "1_37.traces", "openinference.traces"])
def test_the_system_prompt_belongs_to_all(name, encoding):
    record = Record("t", 0, 0, cases.fixture(f"otlp_{name}.{encoding}"))
    (found,) = decode_or_raise(record, DecodeOptions(which="all"))
    assert found.prompt == f"You are a bank.\n\n{PROMPT}"


def test_an_evaluation_waits_for_its_exchange():
    record = {
        "traceId": "t",
        "spanId": "s",
        "timeUnixNano": "1714564800000000000",
        "eventName": "gen_ai.evaluation.result",
        "attributes": [
            *attributes(gen_ai__evaluation__name="relevance", gen_ai__evaluation__score__label="pass"),
            {"key": "gen_ai.evaluation.score.value", "value": {"doubleValue": 0.75}},
            *attributes(gen_ai__response__id="chatcmpl-1"),
        ],
    }
    (found,) = read(Case({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}, []).record())
    assert (found.id, found.join_key, found.prompt) == ("chatcmpl-1", "t:s", None)
    assert found.scores[0]._asdict() == {"name": "relevance", "value": 0.75, "label": "pass", "judge": None}


@pytest.mark.parametrize(
    "document",
    [
        span(*attributes(http__method="GET")),
        span(*attributes(gen_ai__operation__name="embeddings", gen_ai__input__messages="[]")),
        span(*attributes(openinference__span__kind="CHAIN", input__value="x")),
        {"batch": [cases.event("trace-create", {"id": "t", "input": PROMPT})]},
        cases.LANGFUSE_ROW | {"type": "SPAN"},
        {"model": "text-embedding-3-small", "input": [PROMPT]},
        cases.LITELLM | {"call_type": "aembedding"},
        {"predictions": [0.1, 0.9]},
    ],
)
def test_what_is_no_generation(document):
    assert set(read(Case(document, []).record())) == {Rejected("not_llm")}


def test_a_failed_span_has_an_error_and_no_response():
    messages = json.dumps([{"role": "user", "parts": [{"type": "text", "content": PROMPT}]}])
    given = attributes(gen_ai__operation__name="chat", gen_ai__input__messages=messages, error__type="timeout")
    (found,) = read(Case(span(*given, status={"code": 2}), []).record())
    assert (found.prompt, found.response, found.error, found.join_key) == (PROMPT, None, "timeout", None)


def test_a_failed_response_of_kserve():
    event = cases.CE_RESPONSE | {"statuscode": "503"}
    (found,) = read(Record("t", 0, 0, b"upstream gone", headers=cases.headers(event)))
    assert (found.error, found.status, found.join_key) == ("503", 503, "req-1")


def test_several_instances_are_joined_one_by_one():
    asked = read(Case({"instances": [PROMPT, "Why?"]}, [], headers=cases.headers(cases.CE_REQUEST)).record())
    said = read(Case({"predictions": [RESPONSE, "So."]}, [], headers=cases.headers(cases.CE_RESPONSE)).record())
    assert [each.join_key for each in asked] == [each.join_key for each in said] == ["req-1#0", "req-1#1"]


def test_chat_tensors():
    tensors = [
        {"name": "role", "shape": [2], "datatype": "BYTES", "data": ["system", "user"]},
        {"name": "content", "shape": [2], "datatype": "BYTES", "data": ["You are a bank.", PROMPT]},
    ]
    assert ours(Case({"inputs": tensors}, []).record()) == [(PROMPT, None)]


def test_tool_calls_are_counted_in_every_api():
    anthropic = cases.ANTHROPIC_RESPONSE | {"content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]}
    responses = cases.RESPONSES_RESPONSE | {"output": [{"type": "function_call", "name": "f", "arguments": "{}"}]}
    converse = {"output": {"message": {"content": [{"toolUse": {"name": "f"}}]}}, "stopReason": "tool_use"}
    delta = {"tool_calls": [{"index": 0, "function": {"name": "f"}}]}
    streamed = cases.sse(cases.chunk(delta), cases.chunk({}, "tool_calls"))
    for value in (anthropic, responses, converse, streamed):
        (found,) = read(Case(value, []).record())
        assert (found.response, found.tool_calls) == ("", 1)


def test_a_tool_result_is_no_prompt():
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "12"}]}
    request = cases.ANTHROPIC_REQUEST | {"messages": [*cases.ANTHROPIC_REQUEST["messages"], result]}
    assert ours(Case(request, []).record()) == [(PROMPT, None)]


def test_a_cut_stream_gives_what_came():
    (found,) = read(Record("t", 0, 0, cases.CHAT_STREAM[: cases.CHAT_STREAM.index(b"post") - 60]))
    assert found.response == "In the "


@pytest.mark.parametrize(
    ("record", "tags"),
    [
        (CASES["kong"].record(), {"ai.proxy.meta.provider_name": "openai"}),
        (CASES["kserve binary request"].record(), {"inferenceservicename": "bank"}),
        (CASES["kserve structured request"].record(), {"inferenceservicename": "bank", "data.max_tokens": "64"}),
        (Record("t", 0, 0, cases.fixture("otlp_1_37.traces.json")), {"gen_ai.provider.name": "openai"}),
        (Record("t", 0, 0, cases.fixture("otlp_1_28.traces.pb").replace(b"server.port", b"gen_ai.port")), {}),
        (Record("t", 0, 0, cases.fixture("otlp_openinference.traces.pb")), {"llm.system": "openai"}),
        (CASES["litellm ndjson"].record(), {"status": "success"}),
    ],
)
def test_tags_that_the_config_names(record, tags):
    found = decode_or_raise(record, DecodeOptions(tags=(*tags, "lost.path")))
    assert dict(getattr(found[0], "tags", None) or ()) == tags


def test_every_name_in_the_table_has_a_case():
    seen = {each.shape for case in CASES.values() for each in case.expected} | {"otlp"}
    wrappers = {"cloudevents", "kserve_export", "connect", "openai_batch", "pair", "alone", "converse"}
    assert seen == set(SHAPES) - wrappers - {"mapped"}  # of no shape, but where the config says


def test_exchange_fields_are_all_used():
    every = [each for case in CASES.values() for each in case.expected]
    unused = {field for field in Exchange._fields if all(getattr(each, field) is None for each in every)}
    assert unused == {"tool_calls", "tags"}  # tested apart


def test_decode_is_what_was_tested():
    case = CASES["kong"]
    assert decode(case.record()) == case.expected
