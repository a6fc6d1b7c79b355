"""What the clients of OpenAI and Anthropic send, and what their own types write: a field that they move shows here."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import anthropic
import openai
import pytest
from pydantic import BaseModel

from agent.payloads import DecodeOptions
from agent.payloads.decoder import decode_or_raise
from agent.records import Exchange, Record
from tests import payload_cases as cases
from tests.payload_cases import ANTHROPIC_REQUEST, CHAT_REQUEST, CHUNKS, RESPONSES_REQUEST

COMPLETION_RESPONSE = {
    "id": "chatcmpl-1",
    "object": "text_completion",
    "created": 1714564800,
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, "text": cases.RESPONSE}],
    "usage": cases.CHAT_RESPONSE["usage"],
}
TOOL_CALL = {"id": "call-1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "refusal": None, "tool_calls": [TOOL_CALL]}
CALLED = cases.CHAT_RESPONSE | {"choices": [{"index": 0, "finish_reason": "tool_calls", "message": CALLING}]}
DELTA = {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL | {"index": 0}]}
TOOL_CHUNKS = [cases.chunk(DELTA), cases.chunk({}, "tool_calls"), CHUNKS[-1]]
TEXT = {"type": "output_text", "text": cases.RESPONSE, "annotations": [], "logprobs": []}
MESSAGE = {"id": "m-1", "type": "message", "role": "assistant", "status": "completed", "content": [TEXT]}
DETAILS = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
RESPONSES_BODY = cases.RESPONSES_RESPONSE | {
    "output": [{"id": "r-1", "type": "reasoning", "summary": []}, MESSAGE],
    "usage": {"input_tokens": 21, "output_tokens": 4, "total_tokens": 25},
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}
PLACE = {"item_id": "m-1", "output_index": 1, "content_index": 0, "logprobs": []}
RESPONSES_EVENTS = [
    {
        "type": "response.created",
        "sequence_number": 0,
        "response": RESPONSES_BODY | {"status": "in_progress", "output": []},
    },
    {"type": "response.output_text.delta", "sequence_number": 1, "delta": "In the ", **PLACE},
    {"type": "response.output_text.delta", "sequence_number": 2, "delta": "post.", **PLACE},
    {"type": "response.completed", "sequence_number": 3, "response": RESPONSES_BODY},
]


class Fake(BaseHTTPRequestHandler):
    """Answers every request with the server's `answer`, and keeps what was asked."""

    def do_POST(self) -> None:
        self.server.asked = json.loads(self.rfile.read(int(self.headers["content-length"])))  # type: ignore[attr-defined]
        answer = self.server.answer  # type: ignore[attr-defined]
        stream = isinstance(answer, bytes)
        body = answer if stream else json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if stream else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    running = HTTPServer(("127.0.0.1", 0), Fake)
    threading.Thread(target=running.serve_forever, args=[0.05], daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture(scope="module")
def openai_client(server: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def anthropic_client(server: Any) -> Iterator[anthropic.Anthropic]:
    url = f"http://127.0.0.1:{server.server_port}"
    with anthropic.Anthropic(base_url=url, api_key="none", max_retries=0) as client:
        yield client


def dumped(*models: BaseModel) -> list[dict[str, Any]]:
    """What the types write; a field that is none of theirs is an error, for they would pass it on as it came."""
    for model in models:
        assert_own(model)
    return [json.loads(model.model_dump_json()) for model in models]


def assert_own(value: Any) -> None:
    if isinstance(value, BaseModel):
        assert not value.model_extra, type(value)
        for name in type(value).model_fields:
            assert_own(getattr(value, name, None))
    elif isinstance(value, list):
        for each in value:
            assert_own(each)


def read(document: Any) -> list[Any]:
    return decode_or_raise(Record("t", 0, 0, json.dumps(document).encode()), DecodeOptions())


def assert_read(request: Any, response: Any, expected: Exchange) -> None:
    """As a pair, and the halves alone."""
    assert read({"request": request, "response": response}) == [expected]
    (asked,), (said,) = read(request), read(response)
    assert (asked.prompt, asked.model_asked) == (expected.prompt, expected.model_asked)
    assert (said.response, said.id, said.join_key) == (expected.response, expected.id, expected.id)


PAIR = cases.whole(cases.ASKED, cases.ANSWERED)
RESPONSES_PAIR = cases.whole(cases.RESPONSES_ASKED, cases.RESPONSES_ANSWERED)
CALLED_PAIR = PAIR._replace(response="", finish_reason="tool_calls", tool_calls=1)


@pytest.mark.parametrize(("answer", "expected"), [(cases.CHAT_RESPONSE, PAIR), (CALLED, CALLED_PAIR)])
def test_chat_completions(server: Any, openai_client: openai.OpenAI, answer: Any, expected: Exchange) -> None:
    server.answer = answer
    (body,) = dumped(openai_client.chat.completions.create(**CHAT_REQUEST))
    assert_read(server.asked, body, expected)


@pytest.mark.parametrize(("chunks", "expected"), [(CHUNKS, PAIR), (TOOL_CHUNKS, CALLED_PAIR)])
def test_streamed_chat_completions(server: Any, openai_client: openai.OpenAI, chunks: Any, expected: Exchange) -> None:
    server.answer = cases.sse(*chunks) + b"data: [DONE]\n\n"
    options = {"include_usage": True}
    stream = openai_client.chat.completions.create(**CHAT_REQUEST, stream=True, stream_options=options)
    assert_read(server.asked, dumped(*stream), expected)
    assert read({"request": server.asked, "response": server.answer.decode()}) == [expected]


def test_completions(server: Any, openai_client: openai.OpenAI) -> None:
    server.answer = COMPLETION_RESPONSE
    (body,) = dumped(openai_client.completions.create(model="gpt-4o", prompt=cases.PROMPT, user="u-9"))
    assert_read(server.asked, body, PAIR)


def test_responses(server: Any, openai_client: openai.OpenAI) -> None:
    server.answer = RESPONSES_BODY | {"usage": RESPONSES_BODY["usage"] | DETAILS}
    (body,) = dumped(openai_client.responses.create(**RESPONSES_REQUEST))
    assert_read(server.asked, body, RESPONSES_PAIR)


def test_streamed_responses(server: Any, openai_client: openai.OpenAI) -> None:
    server.answer = cases.sse(*RESPONSES_EVENTS, named=True)
    events = dumped(*openai_client.responses.create(**RESPONSES_REQUEST, stream=True))
    assert_read(server.asked, events, RESPONSES_PAIR)


def test_messages(server: Any, anthropic_client: anthropic.Anthropic) -> None:
    server.answer = cases.ANTHROPIC_RESPONSE
    (body,) = dumped(anthropic_client.messages.create(**ANTHROPIC_REQUEST))
    assert_read(server.asked, body, cases.ANTHROPIC)


def test_streamed_messages(server: Any, anthropic_client: anthropic.Anthropic) -> None:
    server.answer = cases.sse(*cases.ANTHROPIC_EVENTS, named=True)
    events = dumped(*anthropic_client.messages.create(**ANTHROPIC_REQUEST, stream=True))
    assert_read(server.asked, events, cases.ANTHROPIC)
    with anthropic_client.messages.stream(**ANTHROPIC_REQUEST) as stream:
        (whole,) = dumped(stream.get_final_message())
    assert_read(server.asked, whole, cases.ANTHROPIC)


def test_a_field_that_moves_is_noticed() -> None:
    moved = cases.CHAT_RESPONSE | {"choices": [], "options": cases.CHAT_RESPONSE["choices"]}
    with pytest.raises(AssertionError, match="ChatCompletion"):
        dumped(openai.types.chat.ChatCompletion.model_validate(moved))
