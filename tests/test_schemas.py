"""Avro and Protobuf through a schema registry: made by the producers' own serializers, and by nobody's."""

from __future__ import annotations

import datetime as dt
import io
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import fastavro
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.payloads import DecodeOptions, FieldMap
from agent.payloads.decoder import decode_or_raise
from agent.payloads.reasons import SchemaError, UnreadableError
from agent.payloads.registered import compiled
from agent.records import Exchange, Record, Rejected
from agent.schema_client import RegistryError, RegistryOptions, UnknownSchemaError, fetch
from agent.schemas import MOST_SCHEMAS, SchemaCache, StoppedError, decoder
from tests.payload_cases import CASES, NOON, PROMPT, RESPONSE, proto
from tests.payload_promises import hold
from tests.schema_registry import FOLDER, Registry

QUICK = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
VALUE = SerializationContext("llm", MessageField.VALUE)


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as running:
        yield running


def cache(registry: Registry, patience: float = 0.0, **options: Any) -> SchemaCache:
    return SchemaCache(lambda number: fetch(RegistryOptions((registry.url,), **options), number), patience)


def read(registry: Registry, value: bytes | None, **options: Any) -> list[Exchange | Rejected]:
    return decoder(DecodeOptions(schemas=cache(registry), **options))(Record("llm", 0, 0, value))


def framed(number: int, body: bytes) -> bytes:
    return b"\0" + number.to_bytes(4, "big") + body


def written(schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def record(name: str, *fields: tuple[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": key, "type": kind} for key, kind in fields]} | more


TURN = record("Turn", ("role", {"type": "enum", "name": "Role", "symbols": ["system", "user"]}), ("content", "string"))
CHAT = record(
    "Chat",
    ("id", "string"),
    ("time", {"type": "long", "logicalType": "timestamp-millis"}),
    ("request", record("Request", ("model", ["null", "string"]), ("messages", {"type": "array", "items": TURN}))),
    ("response", "string"),
    ("latency_ms", "double"),
    namespace="bank.v1",
)
MESSAGES = [{"role": "system", "content": "You are a bank."}, {"role": "user", "content": PROMPT}]
SAID = {"id": "c-1", "time": 1714564800000, "request": {"model": "gpt-4o", "messages": MESSAGES}, "response": RESPONSE}
READ = Exchange("c-1", NOON, PROMPT, RESPONSE, "openai_chat", model_asked="gpt-4o", latency=0.25)


def confluent(registry: Registry) -> SchemaRegistryClient:
    return SchemaRegistryClient({"url": registry.url})


def test_avro_of_confluents_serializer(registry: Registry) -> None:
    when = dt.datetime.fromtimestamp(NOON, dt.UTC)
    serialize = AvroSerializer(confluent(registry), json.dumps(CHAT))
    value = serialize(SAID | {"latency_ms": 250.0, "time": when}, VALUE)
    assert read(registry, value) == [READ]
    assert registry.asked[-1] == "/schemas/ids/1"


def test_json_needs_no_registry(registry: Registry) -> None:
    number = registry.register("s", {"title": "Chat", "type": "object"}, "JSON")
    value = framed(number, json.dumps({"prompt": PROMPT, "response": RESPONSE}).encode())
    expected = [Exchange(prompt=PROMPT, response=RESPONSE, shape="plain")]
    assert read(registry, value) == expected
    registry.status = 503
    assert read(registry, value) == expected
    assert decode_or_raise(Record("llm", 0, 0, value), DecodeOptions()) == expected


def bank() -> dict[str, Any]:
    """The classes that protoc would write of the .proto files."""
    files = descriptor_pb2.FileDescriptorSet.FromString((FOLDER / "bank" / "descriptors.binpb").read_bytes())
    pool = descriptor_pool.DescriptorPool()
    return message_factory.GetMessages(files.file, pool)


BANK = bank()
Chat = BANK["bank.v1.Chat"]


def full_chat() -> Any:
    chat = Chat(id="c-1", prompt=PROMPT, response=RESPONSE, model="gpt-4o", counts={"a": 1, "b": -2}, label="good")
    chat.time.FromJsonString("2024-05-01T12:00:00Z")
    chat.turns.add(role="ROLE_USER", content="Hi", offsets=[-1, 300], weights=[0.5, math.inf], marks=[1, 2**32 - 1])
    chat.turns[0].answered.content = "Hello!"
    chat.by_place[-7].content = "there"
    chat.by_place[8].SetInParent()
    chat.channel = Chat.PHONE
    chat.metadata.update({"team": "cards", "n": 1.5, "none": None, "deep": {"list": [True, "x", {}]}})
    chat.tenant.value, chat.retries.value = "gold", 0
    chat.cost.currency, chat.cost.units = "EUR", -5
    chat.raw, chat.cached, chat.temperature, chat.balance = b"\xff", True, 0.5, -(2**62)
    chat.tokens, chat.delta = 2**64 - 1, -3
    return chat


FULL = {
    "id": "c-1",
    "time": NOON,
    "prompt": PROMPT,
    "response": RESPONSE,
    "model": "gpt-4o",
    "turns": [
        {
            "role": "ROLE_USER",
            "content": "Hi",
            "offsets": [-1, 300],
            "weights": [0.5, None],
            "marks": [1, 2**32 - 1],
            "answered": {"content": "Hello!"},
        }
    ],
    "counts": {"a": 1, "b": -2},
    "by_place": {"-7": {"content": "there"}, "8": {"content": ""}},
    "label": "good",
    "channel": "PHONE",
    "metadata": {"team": "cards", "n": 1.5, "none": None, "deep": {"list": [True, "x", {}]}},
    "tenant": "gold",
    "retries": 0,
    "cost": {"currency": "EUR", "units": -5},
    "raw": None,
    "cached": True,
    "temperature": 0.5,
    "balance": -(2**62),
    "tokens": 2**64 - 1,
    "delta": -3,
    "group": "",
    "message": "",
}
SOURCES = [(FOLDER / "bank" / f"{name}.proto").read_text() for name in ("chat", "common")]


def test_every_type_of_protobuf() -> None:
    decode = compiled("PROTOBUF", SOURCES[0], SOURCES[1:])
    assert decode(b"\2\2" + full_chat().SerializeToString()) == FULL
    assert decode(b"\4\2\0" + full_chat().turns[0].SerializeToString()) == FULL["turns"][0]
    assert decode(b"\0" + BANK["bank.v1.Ignored"](note="Hi").SerializeToString()) == {"note": "Hi"}
    assert decode(b"\2\2") == {"id": "", "prompt": "", "response": "", "group": "", "message": ""}


def test_protobuf_of_confluents_serializer(registry: Registry) -> None:
    serialize = ProtobufSerializer(Chat, confluent(registry), {"use.deprecated.format": False})
    expected = Exchange("c-1", NOON, PROMPT, RESPONSE, "plain", "gpt-4o")
    value = serialize(full_chat(), VALUE)
    assert read(registry, value) == [expected]
    assert registry.asked[-2:] == ["/schemas/ids/2", "/subjects/bank%2Fcommon.proto/versions/1"]
    tagged = read(registry, value, tags=("metadata.team", "cost.currency"))[0]
    assert tagged == expected._replace(tags=(("metadata.team", "cards"), ("cost.currency", "EUR")))


def test_otlp_and_the_inference_protocol_in_a_frame_are_read_by_content(registry: Registry) -> None:
    source = 'syntax = "proto3"; package {}; message Other {{}} message {} {{ string a = 1; }}'
    otlp = registry.register("spans", source.format("opentelemetry.proto.trace.v1", "TracesData"), "PROTOBUF")
    oip = registry.register("oip", source.format("inference", "ModelInferRequest"), "PROTOBUF")
    spans = (FOLDER / "otlp_1_37.traces.pb").read_bytes()
    assert read(registry, framed(otlp, b"\2\2" + spans))[0].prompt == PROMPT
    (found,) = read(registry, framed(oip, b"\2\2" + CASES["oip protobuf raw request"].value))
    assert found == CASES["oip protobuf raw request"].expected[0]


def test_a_schema_with_references_of_references(registry: Registry) -> None:
    registry.register("role", TURN["fields"][0]["type"] | {"namespace": "a"})
    turn = record("Turn", ("role", "Role"), ("content", "string"), namespace="a")
    registry.register("turn", turn, references=[{"name": "a.Role", "subject": "role", "version": 1}])
    chat = record("Chat", ("messages", {"type": "array", "items": "a.Turn"}), ("response", "string"))
    references = [
        {"name": "a.Turn", "subject": "turn", "version": 1},
        {"name": "a.Role", "subject": "role", "version": 1},
    ]
    number = registry.register("chat", chat, references=references)
    whole = record("Chat", ("messages", {"type": "array", "items": TURN}), ("response", "string"))
    value = framed(number, written(whole, {"messages": MESSAGES, "response": RESPONSE}))
    (found,) = read(registry, value)
    assert (found.prompt, found.response) == (PROMPT, RESPONSE)
    assert len(registry.asked) == 3
    registry.versions.pop("role")
    assert read(registry, value) == [Rejected("bad_schema")]


@pytest.mark.parametrize("kind", ["string", "bytes", {"type": "bytes"}])
def test_json_in_an_avro_text(registry: Registry, kind: Any) -> None:
    text = json.dumps({"prompt": PROMPT, "response": RESPONSE}).encode()
    number = registry.register("s", json.dumps(kind))
    body = (
        written("string", text.decode()) if kind == "string" else text
    )  # Confluent's serializer writes bytes as they are
    assert read(registry, framed(number, body))[0].prompt == PROMPT


def test_the_users_mapping_reads_avro(registry: Registry) -> None:
    number = registry.register("s", record("T", ("said", record("S", ("q", "string")))))
    value = framed(
        number,
        written(registry.schemas and record("T", ("said", record("S", ("q", "string")))), {"said": {"q": PROMPT}}),
    )
    assert read(registry, value, fields=FieldMap(prompt="said.q"))[0].prompt == PROMPT
    assert read(registry, value) == [Rejected("unrecognised")]


def test_a_cloudevent_may_hold_it(registry: Registry) -> None:
    number = registry.register("s", record("T", ("prompt", "string"), ("response", "string")))
    body = framed(
        number, written(record("T", ("prompt", "string"), ("response", "string")), {"prompt": "a", "response": "b"})
    )
    headers = [("ce_specversion", b"1.0"), ("ce_type", b"chat"), ("ce_id", b"1")]
    (found,) = decoder(DecodeOptions(schemas=cache(registry)))(Record("llm", 0, 0, body, headers=headers))
    assert (found.prompt, found.response) == ("a", "b")


SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "bytes": st.text(max_size=20).map(str.encode),
    "string": st.text(max_size=20),
}


def of_one_name(pair: tuple[Any, Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    """A value in something around it."""
    schema, value = pair
    fields = [{"name": "a", "type": schema}, {"name": "b", "type": ["null", "long"]}]
    items = st.integers(0, 3)
    return st.one_of(
        st.just(({"type": "record", "fields": fields, "namespace": "x.y"}, {"a": value, "b": 7})),
        st.just(({"type": "record", "fields": fields[:1]}, {"a": value})),
        items.map(lambda n: ({"type": "array", "items": schema}, [value] * n)),
        items.map(lambda n: ({"type": "map", "values": schema}, {f"k{i}": value for i in range(n)})),
        st.just((["null", schema] if not isinstance(schema, list) and schema != "null" else schema, value)),
    )


LEAVES = st.one_of(
    *(st.tuples(st.just(kind), values) for kind, values in SCALARS.items()),
    st.tuples(st.just({"type": "enum", "symbols": ["a", "b", "c"]}), st.sampled_from(["a", "b", "c"])),
    st.tuples(st.just({"type": "fixed", "size": 3}), st.sampled_from([b"abc", b"\xff12"])),
    st.tuples(st.just(["null", "string", "long"]), st.none() | SCALARS["string"] | SCALARS["long"]),
)
PAIRS = st.recursive(LEAVES, lambda inner: inner.flatmap(of_one_name), max_leaves=6)


def with_names(schema: Any, at: str = "N") -> Any:
    """A name of its own for each type that wants one."""
    if isinstance(schema, list):
        return [with_names(each, f"{at}_{i}") for i, each in enumerate(schema)]
    if not isinstance(schema, dict):
        return schema
    inner = {key: with_names(each, f"{at}_{key}") for key, each in schema.items() if key in ("items", "values", "type")}
    if "fields" in schema:
        types = [with_names(each["type"], f"{at}_{each['name']}") for each in schema["fields"]]
        inner["fields"] = [each | {"type": kind} for each, kind in zip(schema["fields"], types, strict=True)]
    return schema | inner | ({"name": at} if schema["type"] in ("record", "enum", "fixed") else {})


def plain(value: Any) -> Any:
    """What JSON has for a value."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, bytes):
        return None if b"\xff" in value else value.decode()
    return value


@QUICK
@given(PAIRS)
def test_avro_is_read_as_fastavro_writes_it(pair: tuple[Any, Any]) -> None:
    schema, value = with_names(pair[0]), pair[1]
    if schema == "bytes":
        return
    assert compiled("AVRO", json.dumps(schema))(written(schema, value)) == plain(value)


RECURSIVE = record("N", ("prompt", "string"), ("more", {"type": "array", "items": "N"}), ("next", ["null", "N"]))
BOMBS = {
    "nulls": ({"type": "array", "items": "null"}, written("long", 2**62) + b"\0"),
    "empty records": ({"type": "array", "items": record("E")}, written("long", 2**62) + b"\0"),
    "a negative count": ({"type": "array", "items": "null"}, written("long", -(2**63)) + written("long", 0)),
    "fixed of nothing": ({"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}, written("long", 10**9)),
    "many small": ({"type": "array", "items": "long"}, written("long", 900_000) + b"\2" * 900_000 + b"\0"),
    "many maps": ({"type": "map", "values": "null"}, written("long", 400_000) + b"\2a" * 400_000 + b"\0"),
    "blocks": ({"type": "array", "items": "null"}, b"\2" * 10**6),
    "wide records": ({"type": "array", "items": record("W", *((f"f{i}", "null") for i in range(5_000)))}, b"\xfe\x7f"),
    "a long text": ("string", written("long", 2**62) + b"a"),
    "a text of negative length": ("string", written("long", -5) + b"abcdefgh"),
    "recursion": (RECURSIVE, (b"\0" + b"\0" + b"\2") * 300_000),
    "recursion in lists": (RECURSIVE, (b"\0" + b"\2") * 400_000),
    "an endless number": ("long", b"\xff" * 10**6),
    "truncated": (CHAT, written(CHAT, SAID | {"latency_ms": 1.0})[:-3]),
    "too long": (CHAT, written(CHAT, SAID | {"latency_ms": 1.0}) + b"\0"),
    "a branch that is not there": (["null", "string"], b"\x08"),
    "a negative branch": (["null", "string"], b"\1"),
    "not UTF-8": ("string", b"\x04\xff\xfe"),
    "nothing": (CHAT, b""),
}
PROTO_BOMBS = {
    "packed": b"\2\2" + proto((6, proto((3, b"\1" * 900_000)))),
    "packed fixed": b"\2\2" + proto((6, proto((4, b"\0" * 800_000)))),
    "fields": b"\2\2" + b"\x1a\0" * 500_000,
    "an index beyond": b"\2\x20",
    "a negative index": b"\2\1",
    "many indexes": b"\xfe\xff\xff\xff\x0f" + b"\2" * 10**6,
    "nothing": b"",
    "another type": b"\2\2" + b"\x1d\0\0\0\0",
    "truncated": b"\2\2" + full_chat().SerializeToString()[:-1],
}


def deep_turns(depth: int) -> bytes:
    value = b""
    for _ in range(depth):
        value = proto((6, value))
    return b"\2\2" + value


PROTO_BOMBS["recursion"] = deep_turns(2_000)
COMPILED = {"AVRO": BOMBS, "PROTOBUF": {name: (None, body) for name, body in PROTO_BOMBS.items()}}


def quick(work: Callable[[], Any]) -> bool:
    """Whether one of several runs takes less than 0.1 s of processor time."""
    for _ in range(8):
        started = time.thread_time()
        work()
        if time.thread_time() - started < 0.1:
            return True
    return False


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, bombs in COMPILED.items() for name in bombs])
def test_no_message_hangs_swells_or_crashes(kind: str, name: str) -> None:
    schema, body = COMPILED[kind][name]
    decode = compiled(kind, json.dumps(schema)) if kind == "AVRO" else compiled(kind, SOURCES[0], SOURCES[1:])

    def refuse() -> None:
        with pytest.raises(UnreadableError) as caught:
            decode(body)
        assert caught.value.reason in {"bad_avro", "bad_protobuf", "oversized", "too_deep"}

    assert quick(refuse)


@QUICK
@given(st.data())
def test_any_change_of_a_registered_message(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["AVRO", "PROTOBUF"]))
    avro = kind == "AVRO"
    decode = compiled(kind, json.dumps(CHAT)) if avro else compiled(kind, SOURCES[0], SOURCES[1:])
    whole = written(CHAT, SAID | {"latency_ms": 1.0}) if avro else b"\2\2" + full_chat().SerializeToString()
    value = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 4))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))

    class One:
        find = staticmethod(lambda _: decode)

    options = DecodeOptions(schemas=One(), max_text_chars=1000)
    for outcome in decode_or_raise(Record("t", 0, 0, framed(1, bytes(value))), options):
        hold(outcome)


WORDS = ["message", "enum", "oneof", "map", "a.B", "1", "repeated", "string", '"x', "option", "syntax"]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["record", "array", "N", "string"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "name", "fields", "items", "values", "symbols", "size", "namespace"]), inner
        )
    ),
    max_leaves=20,
)


@QUICK
@given(JSON, st.lists(JSON, max_size=2))
def test_any_avro_schema_is_one_or_none(schema: Any, references: list[Any]) -> None:
    try:
        decode = compiled("AVRO", json.dumps(schema), [json.dumps(each) for each in references])
    except SchemaError:
        return
    with pytest.raises(UnreadableError):
        decode(b"\2" * 1000 + b"\xff")


@QUICK
@given(st.lists(st.sampled_from([*" ;={}[]<>()", *WORDS])))
def test_any_proto_source_is_one_or_none(words: list[str]) -> None:
    try:
        decode = compiled("PROTOBUF", " ".join(words))
    except SchemaError:
        return
    with suppress(UnreadableError):
        decode(b"\0\x0a\0")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("AVRO", "{"),
        ("AVRO", '{"type": "record", "name": "A"}'),
        ("AVRO", '{"type": "record", "name": "A", "fields": [{"name": "b", "type": "B"}]}'),
        ("AVRO", "[" * 900 + "]" * 900),
        ("AVRO", json.dumps([record(f"R{i}", *((f"f{j}", "int") for j in range(100))) for i in range(200)])),
        ("AVRO", json.dumps("a" * 600_000)),
        ("AVRO", '{"type": "fixed", "name": "F", "size": 1e9}'),
        ("PROTOBUF", "no such language"),
        ("PROTOBUF", "message A {" * 500),
        ("PROTOBUF", "message A { repeated group B = 1 { } }"),
        ("PROTOBUF", "/*" * 200_000),
        ("PROTOBUF", '"\\' * 200_000),
        ("PROTOBUF", "message A { string a = b; }"),
        ("THRIFT", ""),
    ],
    ids=lambda value: value[:40],
)
def test_what_is_no_schema(kind: str, text: str) -> None:
    started = time.thread_time()
    with pytest.raises(SchemaError):
        compiled(kind, text)
    assert time.thread_time() - started < 2


def test_proto2_and_a_type_that_no_file_declares() -> None:
    source = """
        syntax = "proto2"; import "gone.proto";
        message A { required string a = 1 [default = "x;}"]; optional gone.B b = 2; extensions 100 to max;
                    extend A { optional int32 c = 100; } repeated int32 n = 3 [packed=true]; }
        extend A { optional int32 d = 101; }
    """
    decode = compiled("PROTOBUF", source)
    assert decode(b"\0" + proto((1, "Hi"), (2, b"\x08\1"), (3, b"\1\2"))) == {"a": "Hi", "n": [1, 2]}
    assert decode(b"\0") == {}


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now += seconds
        return False


class Asked:
    """A registry that answers as told: by id, else with an error."""

    def __init__(self) -> None:
        self.answers: dict[int, Any] = {}
        self.ids: list[int] = []

    def __call__(self, number: int) -> Any:
        self.ids.append(number)
        answer = self.answers.get(number, RegistryError("no answer"))
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


def patient(asked: Asked, clock: Clock, patience: float = 60.0) -> SchemaCache:
    found = SchemaCache(asked, patience, clock)
    found.wait = clock.wait
    return found


GOOD = compiled("AVRO", json.dumps(record("T", ("prompt", "string"), ("response", "string"))))
BODY = b"\x02a\x02b"
SEEN = Exchange(prompt="a", response="b", shape="plain")


def test_a_message_waits_for_a_registry_that_starts_anew(clock: Clock) -> None:
    asked = Asked()
    schemas = patient(asked, clock)
    shown: list[bool] = []
    schemas.show = shown.append

    def wait(seconds: float) -> bool:
        if clock.now > 120:
            asked.answers[7] = GOOD
        return clock.wait(seconds)

    schemas.wait = wait
    read = decoder(DecodeOptions(schemas=schemas))
    assert read(Record("t", 0, 0, framed(7, BODY))) == [SEEN]
    assert clock.waits[:5] == [0.5, 1, 2, 4, 8]
    assert shown == [False] * (len(shown) - 1) + [True]
    n_asked = len(asked.ids)
    assert read(Record("t", 0, 1, framed(7, BODY))) == [SEEN]
    assert len(asked.ids) == n_asked


def test_the_stream_goes_on_where_the_registry_stays_away(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    asked = Asked()
    asked.answers[1] = GOOD
    schemas = patient(asked, clock)
    read = decoder(DecodeOptions(schemas=schemas))
    assert read(Record("t", 0, 0, framed(1, BODY))) == [SEEN]
    unavailable = [Rejected("schema_unavailable")]
    assert read(Record("t", 0, 1, framed(2, BODY))) == unavailable
    assert sum(clock.waits) == 60
    n_asked = len(asked.ids)
    for i in range(1_000):
        assert read(Record("t", 0, i, framed(2, BODY))) == unavailable
        assert read(Record("t", 0, i, framed(1, BODY))) == [SEEN]  # what is known needs no registry
    assert len(asked.ids) == n_asked
    assert sum(clock.waits) == 60
    clock.now += 31
    assert read(Record("t", 0, 2, framed(2, BODY))) == unavailable  # asked once, and nobody waits
    assert (len(asked.ids), sum(clock.waits)) == (n_asked + 1, 60)
    asked.answers[2] = GOOD
    clock.now += 31
    assert read(Record("t", 0, 3, framed(2, BODY))) == [SEEN]
    messages = [entry.getMessage() for entry in caplog.records if entry.name == "agent.schemas"]
    assert len(messages) == 1
    assert "does not answer (no answer)" in messages[0]


def test_a_schema_that_nobody_knows_is_asked_for_now_and_then(clock: Clock) -> None:
    asked = Asked()
    asked.answers[2] = UnknownSchemaError()
    read = decoder(DecodeOptions(schemas=patient(asked, clock)))
    for _ in range(50):
        assert read(Record("t", 0, 0, framed(2, BODY))) == [Rejected("no_schema")]
    assert asked.ids == [2]
    asked.answers[2] = GOOD
    clock.now += 61
    assert read(Record("t", 0, 0, framed(2, BODY))) == [SEEN]


def test_made_up_ids_take_no_time_and_no_memory(clock: Clock) -> None:
    asked = Asked()
    asked.answers |= {number: UnknownSchemaError() for number in range(10**5)}
    asked.answers[7] = GOOD
    schemas = patient(asked, clock)
    read = decoder(DecodeOptions(schemas=schemas))
    assert read(Record("t", 0, 0, framed(7, BODY))) == [SEEN]
    for number in range(10_000, 30_000):
        clock.now += 0.001
        assert isinstance(read(Record("t", 0, 0, framed(number, BODY)))[0], Rejected)
    assert len(asked.ids) < 310  # a hundred at once, ten a second
    assert read(Record("t", 0, 0, framed(7, BODY))) == [SEEN]
    assert len(schemas._refused) < 310


def test_what_is_held_is_bounded(clock: Clock) -> None:
    asked = Asked()
    asked.answers |= dict.fromkeys(range(3_000), GOOD)
    asked.answers |= {number: SchemaError("bad") for number in range(1_000, 3_000)}
    schemas = patient(asked, clock)
    read = decoder(DecodeOptions(schemas=schemas))
    for number in range(3_000):
        clock.now += 1
        read(Record("t", 0, 0, framed(number, BODY)))
    assert len(schemas._known) == MOST_SCHEMAS
    assert len(schemas._refused) == 1_000
    assert len(asked.ids) == 3_000


def test_a_stop_ends_the_wait(clock: Clock) -> None:
    schemas = patient(Asked(), clock)
    schemas.wait = lambda _: True
    with pytest.raises(StoppedError):
        decoder(DecodeOptions(schemas=schemas))(Record("t", 0, 0, framed(2, BODY)))


@pytest.mark.parametrize("status", [301, 401, 403, 429, 500, 503])
def test_an_answer_that_is_none(registry: Registry, status: int) -> None:
    registry.register("s", '"string"')
    registry.status = status
    with pytest.raises(RegistryError, match=f"status {status}"):
        fetch(RegistryOptions((registry.url,)), 1)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"schema": 7}'])
def test_an_answer_that_is_no_schema(registry: Registry, body: bytes) -> None:
    registry.register("s", '"string"')
    registry.body = body
    with pytest.raises(RegistryError):
        fetch(RegistryOptions((registry.url,)), 1)


def test_an_answer_that_is_too_large_or_comes_too_slowly(registry: Registry) -> None:
    registry.register("s", '"string"')
    registry.body = b'{"schema": "' + b"a" * 3_000_000
    with pytest.raises(SchemaError):
        fetch(RegistryOptions((registry.url,)), 1)
    registry.body, registry.slow = None, 0.1
    started = time.monotonic()
    with pytest.raises(RegistryError):
        fetch(RegistryOptions((registry.url,), timeout=0.5), 1)
    assert time.monotonic() - started < 2


def test_references_that_do_not_end(registry: Registry) -> None:
    registry.register("s", '"string"', references=[{"name": "s", "subject": f"s{i}", "version": 1} for i in range(200)])
    for i in range(200):
        registry.register(f"s{i}", f'"s{i}"', references=[{"name": "s", "subject": f"s{i + 1}", "version": 1}])
    with pytest.raises(SchemaError):
        fetch(RegistryOptions((registry.url,)), 1)
    assert len(registry.asked) < 110


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ({"username": "me", "password": "öpen"}, "Basic bWU6w7ZwZW4="),
        ({"token": "abc"}, "Bearer abc"),
        ({}, None),
    ],
)
def test_who_asks(registry: Registry, options: dict[str, str], header: str | None) -> None:
    registry.register("s", '"string"')
    fetch(RegistryOptions((f"{registry.url}/",), **options), 1)
    assert registry.headers.get("Authorization") == header


def test_the_next_address_is_asked_where_one_does_not_answer(registry: Registry) -> None:
    registry.register("s", '"string"')
    assert fetch(RegistryOptions(("http://127.0.0.1:1", registry.url)), 1)(b"\x04Hi") == "Hi"
    with pytest.raises(UnknownSchemaError):
        fetch(RegistryOptions((registry.url,)), 2)
    with pytest.raises(RegistryError, match="refused"):
        fetch(RegistryOptions(("http://127.0.0.1:1",)), 1)
    with pytest.raises(RegistryError):
        fetch(RegistryOptions((registry.url.replace("http", "https"),), timeout=2), 1)
    with pytest.raises(RegistryError, match="No such file"):
        fetch(RegistryOptions(("https://127.0.0.1:1",), ssl_cafile="gone.pem"), 1)
