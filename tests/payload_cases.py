"""The same exchange in every shape that producers put on Kafka: what came, what is to be read from it, what may move.

Where a producer's library makes the shape, `fixtures_payloads/` holds what it made; the others follow the field paths
of the producers' own sources.
"""

import base64
import copy
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.records import Exchange, Record, Score

FIXTURES = Path(__file__).parent / "fixtures_payloads"
PROMPT, RESPONSE = "Where is my card?", "In the post."
NOON = 1714564800.0  # 2024-05-01T12:00:00Z
MESSAGES = [{"role": "system", "content": "You are a bank."}, {"role": "user", "content": PROMPT}]
CHAT_REQUEST = {"model": "gpt-4o", "messages": MESSAGES, "user": "u-9", "max_tokens": 64}
CHAT_RESPONSE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1714564800,
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": RESPONSE}}],
    "usage": {"prompt_tokens": 21, "completion_tokens": 4, "total_tokens": 25},
}
ASKED = Exchange(prompt=PROMPT, model_asked="gpt-4o", session="u-9", shape="openai_chat")
ANSWERED = Exchange(
    id="chatcmpl-1",
    time=NOON,
    response=RESPONSE,
    shape="openai_chat",
    model="gpt-4o-2024-08-06",
    finish_reason="stop",
    prompt_tokens=21,
    completion_tokens=4,
)


@dataclass
class Case:
    """One message and everything that is to be read from it.

    `moves` are paths (keys and indexes) to the fields that hold text: renamed, the message must count as unrecognised.
    """

    value: Any
    expected: list[Exchange]
    moves: list[tuple[str | int, ...]] = field(default_factory=list)
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    topic: str = "llm"
    key: bytes | None = None

    def record(self, value: Any = None) -> Record:
        """Return the message as it comes from Kafka, perhaps with another value."""
        value = self.value if value is None else value
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        return Record(self.topic, 0, 0, raw, key=self.key, headers=self.headers, timestamp=NOON)

    def moved(self, path: tuple[str | int, ...]) -> Record:
        """Return the message with one field renamed, as a producer's next release may have it."""
        value = copy.deepcopy(self.value)
        place = value
        for step in path[:-1]:
            place = place[step]
        place[f"new_{path[-1]}"] = place.pop(path[-1])
        return self.record(value)


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def sse(*events: Any, named: bool = False) -> bytes:
    lines = [(f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n" for event in events]
    return "".join(lines).encode()


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1714564800, "model": "gpt-4o-2024-08-06"}
    return head | {"choices": choices} | more


CHUNKS = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "In the "}),
    chunk({"content": "post."}),
    chunk({}, "stop"),
    chunk({}) | {"choices": [], "usage": CHAT_RESPONSE["usage"]},
]
CHAT_STREAM = sse(*CHUNKS) + b"data: [DONE]\n\n"

ANTHROPIC_REQUEST = {
    "model": "claude-sonnet-4",
    "max_tokens": 64,
    "system": "You are a bank.",
    "messages": [{"role": "user", "content": [{"type": "text", "text": PROMPT}]}],
    "metadata": {"user_id": "u-9"},
}
ANTHROPIC_RESPONSE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-20250514",
    "content": [{"type": "text", "text": RESPONSE}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 21, "output_tokens": 4},
}
ANTHROPIC = Exchange(
    id="msg_1",
    prompt=PROMPT,
    response=RESPONSE,
    shape="anthropic",
    model="claude-sonnet-4-20250514",
    finish_reason="end_turn",
    model_asked="claude-sonnet-4",
    session="u-9",
    prompt_tokens=21,
    completion_tokens=4,
)
_START = ANTHROPIC_RESPONSE | {"content": [], "stop_reason": None, "usage": {"input_tokens": 21, "output_tokens": 1}}
ANTHROPIC_EVENTS = [
    {"type": "message_start", "message": _START},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "In the "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "post."}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
    {"type": "message_stop"},
]

RESPONSES_REQUEST = {"model": "gpt-4o", "instructions": "You are a bank.", "input": PROMPT, "user": "u-9"}
RESPONSES_RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1714564800,
    "model": "gpt-4o-2024-08-06",
    "status": "completed",
    "error": None,
    "output": [
        {"type": "reasoning", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": RESPONSE}]},
    ],
    "usage": {"input_tokens": 21, "output_tokens": 4},
}
RESPONSES_ASKED = ASKED._replace(shape="openai_responses")
RESPONSES_ANSWERED = ANSWERED._replace(id="resp_1", shape="openai_responses", finish_reason="completed")
RESPONSES_EVENTS = [
    {"type": "response.created", "response": RESPONSES_RESPONSE | {"status": "in_progress", "output": []}},
    {"type": "response.output_text.delta", "delta": "In the "},
    {"type": "response.output_text.delta", "delta": "post."},
    {"type": "response.completed", "response": RESPONSES_RESPONSE},
]


def whole(asked: Exchange, answered: Exchange) -> Exchange:
    """Return the two halves of a pair as one."""
    said = {key: value for key, value in answered._asdict().items() if value is not None}
    return asked._replace(**said, join_key=None)


CONVERSE_REQUEST = {"messages": [{"role": "user", "content": [{"text": PROMPT}]}], "inferenceConfig": {"maxTokens": 64}}
CONVERSE_RESPONSE = {
    "output": {"message": {"role": "assistant", "content": [{"text": RESPONSE}]}},
    "stopReason": "end_turn",
    "metrics": {"latencyMs": 250},
    "usage": {"inputTokens": 21, "outputTokens": 4, "totalTokens": 25},
}
BEDROCK = {
    "schemaType": "ModelInvocationLog",
    "schemaVersion": "1.0",
    "timestamp": "2024-05-01T12:00:00Z",
    "requestId": "req-1",
    "operation": "Converse",
    "modelId": "anthropic.claude-3-haiku-20240307-v1:0",
    "input": {"inputContentType": "application/json", "inputBodyJson": CONVERSE_REQUEST, "inputTokenCount": 21},
    "output": {"outputContentType": "application/json", "outputBodyJson": CONVERSE_RESPONSE, "outputTokenCount": 4},
    "requestMetadata": {"traceId": "t-1"},
}
BEDROCK_READ = Exchange(
    id="req-1",
    time=NOON,
    prompt=PROMPT,
    response=RESPONSE,
    shape="bedrock",
    model="anthropic.claude-3-haiku-20240307-v1:0",
    finish_reason="end_turn",
    model_asked="anthropic.claude-3-haiku-20240307-v1:0",
    trace_id="t-1",
    prompt_tokens=21,
    completion_tokens=4,
    latency=0.25,
)

CE = {
    "specversion": "1.0",
    "id": "req-1",
    "source": "http://localhost:9081/",
    "time": "2024-05-01T12:00:00Z",
    "inferenceservicename": "bank",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}
CE_REQUEST = CE | {"type": "org.kubeflow.serving.inference.request"}
CE_RESPONSE = CE | {"type": "org.kubeflow.serving.inference.response", "statuscode": "200"}
CE_READ = {"id": "req-1", "join_key": "req-1", "time": NOON, "trace_id": "0af7651916cd43dd8448eb211c80319c"}
CE_ASKED = ASKED._replace(**CE_READ)
CE_ANSWERED = ANSWERED._replace(**CE_READ, status=200)
V1_ASKED = Exchange(prompt=PROMPT, shape="predict_v1", model="bank", **CE_READ)
V1_ANSWERED = Exchange(response=RESPONSE, shape="predict_v1", model="bank", **CE_READ, status=200)
V2_REQUEST = {
    "id": "v2-1",
    "inputs": [
        {"name": "temperature", "shape": [1], "datatype": "FP32", "data": [0.7]},
        {"name": "text_input", "shape": [1], "datatype": "BYTES", "data": [PROMPT]},
    ],
}
V2_RESPONSE = {
    "model_name": "llama",
    "id": "v2-1",
    "outputs": [{"name": "text_output", "shape": [1], "datatype": "BYTES", "data": [RESPONSE]}],
}


def headers(event: dict[str, str]) -> list[tuple[str, bytes]]:
    return [(f"ce_{key}", value.encode()) for key, value in event.items()] + [("content-type", b"application/json")]


def exported(kind: str, body: Any) -> dict[str, Any]:
    """Return a record of KServe's store."""
    data = base64.b64encode(json.dumps(body).encode()).decode()
    head = {"reqType": f"org.kubeflow.serving.inference.{kind}", "contentType": "application/json", "id": "req-1"}
    return head | {"bytes": data, "inferenceService": "bank", "occurrenceTime": "2024-05-01T12:00:00Z"}


def proto(*fields: tuple[int, Any]) -> bytes:
    """Write a protobuf message of strings, messages and whole numbers below 128."""
    out = b""
    for number, value in fields:
        raw = value.encode() if isinstance(value, str) else value
        out += bytes([number << 3, raw]) if isinstance(raw, int) else bytes([number << 3 | 2]) + varint(len(raw)) + raw
    return out


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def packed(text: str) -> bytes:
    """Return a text as raw tensor contents hold it."""
    return struct.pack("<I", len(text.encode())) + text.encode()


OIP_HEAD = ((1, "llama"), (3, "v2-1"))
OIP_REQUEST = proto(*OIP_HEAD, (5, proto((1, "prompt"), (2, "BYTES"), (3, b"\1"), (5, proto((8, PROMPT))))))
OIP_RAW_REQUEST = proto(*OIP_HEAD, (5, proto((1, "prompt"), (2, "BYTES"), (3, b"\1"))), (7, packed(PROMPT)))
OIP_RESPONSE = proto(*OIP_HEAD, (5, proto((1, "output"), (2, "BYTES"), (3, b"\1"), (5, proto((8, RESPONSE))))))
OIP_RAW_RESPONSE = proto(*OIP_HEAD, (5, proto((1, "output"), (2, "BYTES"), (3, b"\1"))), (6, packed(RESPONSE)))
OIP_ASKED = Exchange(id="v2-1", prompt=PROMPT, shape="open_inference", model_asked="llama", join_key="v2-1")
OIP_ANSWERED = Exchange(id="v2-1", response=RESPONSE, shape="open_inference", model="llama", join_key="v2-1")

LITELLM, LITELLM_FAILED, LITELLM_REDACTED = map(json.loads, fixture("litellm.ndjson").splitlines())
LITELLM_READ = Exchange(
    id=LITELLM["id"],
    time=LITELLM["startTime"],
    prompt=PROMPT,
    response=RESPONSE,
    shape="litellm",
    model="gpt-4o",
    finish_reason="stop",
    model_asked="gpt-4o",
    trace_id=LITELLM["trace_id"],
    prompt_tokens=10,
    completion_tokens=20,
    latency=LITELLM["endTime"] - LITELLM["startTime"],
)
LITELLM_FAILED_READ = LITELLM_READ._replace(
    id=LITELLM_FAILED["id"],
    time=LITELLM_FAILED["startTime"],
    response=None,
    finish_reason=None,
    error="RateLimitError",
    status=429,
    trace_id=LITELLM_FAILED["trace_id"],
    prompt_tokens=0,
    completion_tokens=0,
    latency=LITELLM_FAILED["endTime"] - LITELLM_FAILED["startTime"],
)

KONG = {
    "ai": {
        "proxy": {
            "payload": {"request": json.dumps(CHAT_REQUEST), "response": json.dumps(CHAT_RESPONSE)},
            "usage": {"prompt_tokens": 21, "completion_tokens": 4, "total_tokens": 25},
            "meta": {"request_model": "gpt-4o", "response_model": "gpt-4o-2024-08-06", "provider_name": "openai"},
        }
    },
    "request": {"id": "kong-1", "uri": "/v1/chat/completions", "method": "POST"},
    "response": {"status": 200, "size": 100},
    "started_at": 1714564800000,
    "latencies": {"request": 250, "proxy": 240},
}
KONG_READ = whole(ASKED, ANSWERED)._replace(id="kong-1", shape="kong", status=200, latency=0.25)

LANGFUSE_BODY = {
    "id": "obs-1",
    "traceId": "t-1",
    "startTime": "2024-05-01T12:00:00.000Z",
    "endTime": "2024-05-01T12:00:00.250Z",
    "model": "gpt-4o",
    "input": MESSAGES,
    "output": {"role": "assistant", "content": RESPONSE},
    "usageDetails": {"input": 21, "output": 4, "total": 25},
}
LANGFUSE_READ = Exchange(
    id="obs-1",
    time=NOON,
    prompt=PROMPT,
    response=RESPONSE,
    shape="langfuse",
    model="gpt-4o",
    trace_id="t-1",
    prompt_tokens=21,
    completion_tokens=4,
    latency=0.25,
)
LANGFUSE_ROW = {
    "id": "obs-1",
    "trace_id": "t-1",
    "type": "GENERATION",
    "start_time": "2024-05-01 12:00:00.000",
    "end_time": "2024-05-01 12:00:00.250",
    "input": json.dumps({"messages": MESSAGES}),
    "output": RESPONSE,
    "provided_model_name": "gpt-4o",
    "usage_details": {"input": 21, "output": 4},
    "session_id": "u-9",
    "level": "DEFAULT",
}


def event(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"id": "e", "timestamp": "2024-05-01T12:00:01Z", "type": kind, "body": body}


def without(body: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in keys}


LANGFUSE_CREATE = event("generation-create", without(LANGFUSE_BODY, "output", "endTime", "usageDetails"))
LANGFUSE_UPDATE = event("generation-update", without(LANGFUSE_BODY, "input", "startTime", "model"))
LANGFUSE_SCORE = {"name": "helpful", "value": 0.5, "dataType": "NUMERIC", "traceId": "t-1", "observationId": "obs-1"}
LANGFUSE_SCORED = Exchange(
    time=NOON + 1, shape="langfuse", trace_id="t-1", join_key="obs-1", scores=(Score("helpful", 0.5),)
)

_PAIR_MOVES: list[tuple[str | int, ...]] = [
    ("request",),
    ("response",),
    ("request", "messages"),
    ("response", "choices"),
    ("response", "choices", 0, "message", "content"),
]
CASES: dict[str, Case] = {
    "openai pair": Case({"request": CHAT_REQUEST, "response": CHAT_RESPONSE}, [whole(ASKED, ANSWERED)], _PAIR_MOVES),
    "openai request": Case(CHAT_REQUEST, [ASKED], [("messages",)]),
    "openai response": Case(CHAT_RESPONSE, [ANSWERED._replace(join_key="chatcmpl-1")], [("choices",)]),
    "openai stream": Case(CHAT_STREAM, [ANSWERED._replace(join_key="chatcmpl-1")]),
    "openai chunks": Case(CHUNKS, [ANSWERED._replace(join_key="chatcmpl-1")]),
    "openai pair, streamed": Case(
        {"request": CHAT_REQUEST, "response": CHAT_STREAM.decode()}, [whole(ASKED, ANSWERED)], [("request", "messages")]
    ),
    "openai pair, chunks": Case({"request": CHAT_REQUEST, "response": CHUNKS}, [whole(ASKED, ANSWERED)]),
    "openai batch input": Case(
        {"custom_id": "c-1", "method": "POST", "url": "/v1/chat/completions", "body": CHAT_REQUEST},
        [ASKED._replace(id="c-1", join_key="c-1")],
        [("body",), ("body", "messages")],
    ),
    "openai batch output": Case(
        {"id": "b", "custom_id": "c-1", "response": {"status_code": 200, "body": CHAT_RESPONSE}, "error": None},
        [ANSWERED._replace(id="c-1", join_key="c-1", status=200)],
        [("response",), ("response", "body"), ("response", "body", "choices")],
    ),
    "openai responses pair": Case(
        {"request": RESPONSES_REQUEST, "response": RESPONSES_RESPONSE},
        [whole(RESPONSES_ASKED, RESPONSES_ANSWERED)],
        [("request", "input"), ("response", "output"), ("response", "output", 1, "content", 0, "text")],
    ),
    "openai responses request": Case(RESPONSES_REQUEST, [RESPONSES_ASKED], [("input",)]),
    "openai responses response": Case(
        RESPONSES_RESPONSE, [RESPONSES_ANSWERED._replace(join_key="resp_1")], [("output",), ("output", 1, "content")]
    ),
    "openai responses stream": Case(
        sse(*RESPONSES_EVENTS, named=True), [RESPONSES_ANSWERED._replace(join_key="resp_1")]
    ),
    "anthropic pair": Case(
        {"request": ANTHROPIC_REQUEST, "response": ANTHROPIC_RESPONSE},
        [ANTHROPIC],
        [("request", "messages"), ("response", "content"), ("response", "content", 0, "text")],
    ),
    "anthropic request": Case(
        ANTHROPIC_REQUEST,
        [Exchange(prompt=PROMPT, shape="anthropic", model_asked="claude-sonnet-4", session="u-9")],
        [("messages",)],
    ),
    "anthropic stream": Case(
        sse(*ANTHROPIC_EVENTS, named=True),
        [ANTHROPIC._replace(prompt=None, model_asked=None, session=None, join_key="msg_1")],
    ),
    "anthropic events": Case(
        ANTHROPIC_EVENTS,
        [ANTHROPIC._replace(prompt=None, model_asked=None, session=None, join_key="msg_1")],
        [(3, "delta", "text")],
    ),
    "kserve structured request": Case(
        CE_REQUEST | {"data": CHAT_REQUEST},
        [CE_ASKED],
        [("data",), ("data", "messages")],
        headers=[("content-type", b"application/cloudevents+json")],
    ),
    "kserve structured response": Case(CE_RESPONSE | {"data": CHAT_RESPONSE}, [CE_ANSWERED], [("data", "choices")]),
    "kserve structured base64": Case(
        CE_RESPONSE | {"data_base64": base64.b64encode(CHAT_STREAM).decode()}, [CE_ANSWERED], [("data_base64",)]
    ),
    "kserve binary request": Case(CHAT_REQUEST, [CE_ASKED], [("messages",)], headers=headers(CE_REQUEST)),
    "kserve binary response": Case(CHAT_STREAM, [CE_ANSWERED], headers=headers(CE_RESPONSE)),
    "kserve v1 request": Case({"instances": [PROMPT]}, [V1_ASKED], [("instances",)], headers=headers(CE_REQUEST)),
    "kserve v1 response": Case(
        {"predictions": [{"generated_text": RESPONSE}]},
        [V1_ANSWERED],
        [("predictions",), ("predictions", 0, "generated_text")],
        headers=headers(CE_RESPONSE),
    ),
    "kserve v2 request": Case(
        V2_REQUEST,
        [V1_ASKED._replace(shape="open_inference")],
        [("inputs",), ("inputs", 1, "data"), ("inputs", 1, "name")],
        headers=headers(CE_REQUEST),
    ),
    "kserve v2 response": Case(
        V2_RESPONSE,
        [V1_ANSWERED._replace(shape="open_inference", model="llama")],
        [("outputs",), ("outputs", 0, "datatype")],
        headers=headers(CE_RESPONSE),
    ),
    "seldon cloudevent": Case(
        CE | {"type": "io.seldon.serving.inference.request", "requestid": "s-1", "data": V2_REQUEST},
        [V1_ASKED._replace(shape="open_inference", join_key="s-1")],
    ),
    "kserve export request": Case(
        exported("request", CHAT_REQUEST), [CE_ASKED._replace(trace_id=None)], [("bytes",), ("reqType",)]
    ),
    "kserve export response": Case(
        exported("response", CHAT_RESPONSE), [CE_ANSWERED._replace(trace_id=None, status=None)]
    ),
    "kserve export, another release": Case(
        {key[0].upper() + key[1:]: value for key, value in exported("request", CHAT_REQUEST).items()},
        [CE_ASKED._replace(trace_id=None)],
        [("Bytes",), ("ReqType",)],
    ),
    "seldon inputs": Case(
        OIP_REQUEST,
        [OIP_ASKED._replace(id="k-1", join_key="k-1")],
        topic="seldon.prod.model.bank.inputs",
        key=b"k-1",
    ),
    "seldon outputs": Case(
        OIP_RAW_RESPONSE,
        [OIP_ANSWERED._replace(id="k-1", join_key="k-1")],
        topic="seldon.prod.model.bank.outputs",
        key=b"k-1",
    ),
    "oip protobuf raw request": Case(OIP_RAW_REQUEST, [OIP_ASKED]),
    "oip protobuf response": Case(OIP_RESPONSE, [OIP_ANSWERED]),
    "oip json": Case(V2_RESPONSE, [OIP_ANSWERED], [("outputs",)]),
    "litellm": Case(LITELLM, [LITELLM_READ], [("messages",), ("response",), ("response", "choices")]),
    "litellm failure": Case(LITELLM_FAILED, [LITELLM_FAILED_READ], [("messages",)]),
    "litellm array": Case([LITELLM, LITELLM_FAILED], [LITELLM_READ, LITELLM_FAILED_READ], [(0, "messages")]),
    "litellm ndjson": Case(
        "\n".join(map(json.dumps, (LITELLM, LITELLM_FAILED))).encode(), [LITELLM_READ, LITELLM_FAILED_READ]
    ),
    "kong": Case(KONG, [KONG_READ], [("ai", "proxy", "payload", "request"), ("ai", "proxy", "payload", "response")]),
    "kong, older": Case(
        KONG | {"ai": {"payload": {"request": json.dumps(CHAT_REQUEST)}, "ai-proxy": KONG["ai"]["proxy"]}}, [KONG_READ]
    ),
    "bedrock": Case(
        BEDROCK,
        [BEDROCK_READ],
        [
            ("input", "inputBodyJson"),
            ("output", "outputBodyJson"),
            ("input", "inputBodyJson", "messages"),
            ("output", "outputBodyJson", "output"),
        ],
    ),
    "bedrock stream": Case(
        BEDROCK
        | {
            "output": {
                "outputBodyJson": [
                    {"contentBlockDelta": {"delta": {"text": RESPONSE}}},
                    {"messageStop": {"stopReason": "end_turn"}},
                    {"metadata": without(CONVERSE_RESPONSE, "output", "stopReason")},
                ],
                "outputTokenCount": 4,
            }
        },
        [BEDROCK_READ],
    ),
    "bedrock titan": Case(
        BEDROCK
        | {
            "operation": "InvokeModel",
            "input": {"inputBodyJson": {"inputText": PROMPT}, "inputTokenCount": 21},
            "output": {
                "outputBodyJson": {"results": [{"outputText": RESPONSE, "completionReason": "FINISH"}]},
                "outputTokenCount": 4,
            },
        },
        [BEDROCK_READ._replace(finish_reason="FINISH", latency=None)],
        [
            ("input", "inputBodyJson", "inputText"),
            ("output", "outputBodyJson", "results"),
            ("output", "outputBodyJson", "results", 0, "outputText"),
        ],
    ),
    "bedrock llama": Case(
        BEDROCK
        | {
            "operation": "InvokeModel",
            "input": {"inputBodyJson": {"prompt": PROMPT, "max_gen_len": 64}, "inputTokenCount": 21},
            "output": {"outputBodyJson": {"generation": RESPONSE, "stop_reason": "stop"}, "outputTokenCount": 4},
        },
        [BEDROCK_READ._replace(finish_reason="stop", latency=None)],
        [("input", "inputBodyJson", "prompt"), ("output", "outputBodyJson", "generation")],
    ),
    "connect": Case(
        {"schema": {"type": "struct"}, "payload": {"request": CHAT_REQUEST, "response": CHAT_RESPONSE}},
        [whole(ASKED, ANSWERED)],
        [("payload",), ("payload", "request"), ("payload", "response", "choices")],
    ),
    "langfuse batch": Case(
        {"batch": [event("generation-create", LANGFUSE_BODY), event("score-create", LANGFUSE_SCORE)]},
        [LANGFUSE_READ, LANGFUSE_SCORED],
        [("batch", 0, "body", "input"), ("batch", 0, "body", "output"), ("batch", 1, "body", "value")],
    ),
    "langfuse create and update": Case({"batch": [LANGFUSE_CREATE, LANGFUSE_UPDATE]}, [LANGFUSE_READ]),
    "langfuse create": Case(
        LANGFUSE_CREATE,
        [
            LANGFUSE_READ._replace(
                response=None, prompt_tokens=None, completion_tokens=None, latency=None, join_key="obs-1"
            )
        ],
        [("body", "input"), ("body",)],
    ),
    "langfuse export": Case(LANGFUSE_ROW, [LANGFUSE_READ._replace(session="u-9")], [("input",), ("output",)]),
    "langfuse score export": Case(
        {"name": "ok", "value": 1, "trace_id": "t-1", "observation_id": "obs-1", "timestamp": "2024-05-01T12:00:01Z"},
        [LANGFUSE_SCORED._replace(scores=(Score("ok", 1.0),))],
        [("name",)],
    ),
    "conversation": Case(
        {"messages": [*MESSAGES, {"role": "assistant", "content": RESPONSE}], "id": "1"},
        [Exchange(id="1", prompt=PROMPT, response=RESPONSE, shape="conversation")],
        [("messages",)],
    ),
    "sharegpt": Case(
        {"conversations": [{"from": "human", "value": PROMPT}, {"from": "gpt", "value": RESPONSE}]},
        [Exchange(prompt=PROMPT, response=RESPONSE, shape="conversation")],
        [("conversations",)],
    ),
    "instruction": Case(
        {"instruction": "Answer.", "input": PROMPT, "output": RESPONSE},
        [Exchange(prompt=f"Answer.\n\n{PROMPT}", response=RESPONSE, shape="conversation")],
    ),
    "turns": Case(
        [*MESSAGES, {"role": "assistant", "content": RESPONSE}],
        [Exchange(prompt=PROMPT, response=RESPONSE, shape="conversation")],
    ),
    "messages and response": Case(
        {"messages": MESSAGES, "response": RESPONSE, "model": "m"},
        [Exchange(prompt=PROMPT, response=RESPONSE, shape="conversation", model="m")],
        [("messages",)],
    ),
    "plain": Case(
        {"prompt": PROMPT, "response": RESPONSE, "id": 7, "time": NOON},
        [Exchange(id="7", time=NOON, prompt=PROMPT, response=RESPONSE, shape="plain")],
        [("prompt",)],
    ),
    "feedback": Case(
        {"id": "f1", "exchange_id": 7, "time": NOON, "feedback": "thumbs_down"},
        [Exchange(time=NOON, shape="feedback", join_key="7", scores=(Score("feedback", label="thumbs_down"),))],
        [("feedback",), ("exchange_id",)],
    ),
}
