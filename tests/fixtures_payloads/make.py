"""Write the fixtures beside this file with the producers' own libraries; no network is needed.

    python tests/fixtures_payloads/make.py PRODUCER OUTPUT

in an environment that holds the producer's library, of which this repo's lock knows nothing. Made with litellm 1.106.2,
openai 2.54.0, anthropic 2.12.0, cloudevents 2.2.0, langfuse 5.0.4, opentelemetry-util-genai 1.3b0,
opentelemetry-instrumentation-openai-v2 2.1b0 (conventions 1.28), opentelemetry-instrumentation-openai 0.62.4 and 0.44.3
(OpenLLMetry, new and old), openinference-instrumentation-openai 0.1.66.
"""

import json
import sys
import threading
import time
from base64 import b64decode
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

HERE = Path(__file__).parent
MESSAGES = [{"role": "system", "content": "You are a bank."}, {"role": "user", "content": "Where is my card?"}]
ANSWER = "In the post."
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1714564800,
    "model": "gpt-4o-2024-08-06",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "logprobs": None,
            "message": {"role": "assistant", "content": ANSWER, "refusal": None},
        }
    ],
    "usage": {"prompt_tokens": 21, "completion_tokens": 4, "total_tokens": 25},
}


class FakeOpenAI(BaseHTTPRequestHandler):
    """Answers every request with the same completion."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps(COMPLETION).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def ask_through_openai():
    import openai

    server = HTTPServer(("127.0.0.1", 0), FakeOpenAI)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="none")
    client.chat.completions.create(model="gpt-4o", user="u-9", messages=MESSAGES)


def litellm(output):
    """A success, a failure, a success with content switched off: one a line."""
    import litellm as library
    from litellm.integrations.custom_logger import CustomLogger

    payloads = []

    class Keep(CustomLogger):
        def log_success_event(self, kwargs, response_obj, start_time, end_time):
            payloads.append(kwargs["standard_logging_object"])

        log_failure_event = log_success_event

    library.callbacks = [Keep()]
    for answer in (ANSWER, library.RateLimitError("full", "openai", "gpt-4o"), "off"):
        library.turn_off_message_logging = answer == "off"
        with suppress(library.RateLimitError):
            library.completion(model="gpt-4o", messages=MESSAGES, mock_response=answer, metadata={"tags": ["prod"]})
        time.sleep(1)  # the callback runs on a thread of its own
    for payload in payloads:
        payload["model_map_information"]["model_map_value"] = None  # prices: long, and no text
        (payload.get("error_information") or {}).pop("traceback", None)
    output.write_text("".join(json.dumps(payload, default=str) + "\n" for payload in payloads))


def otlp(output, instrument):
    """What `instrument` makes of one call, as OTLP in JSON and protobuf, spans and log records."""
    from google.protobuf.json_format import MessageToDict
    from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk import _logs
    from opentelemetry.sdk._logs import export as logs
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans, tracers, loggers = InMemorySpanExporter(), TracerProvider(), _logs.LoggerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    memory = getattr(logs, "InMemoryLogRecordExporter", None) or logs.InMemoryLogExporter
    records = memory()
    loggers.add_log_record_processor(logs.SimpleLogRecordProcessor(records))
    instrument(tracers, loggers, spans)
    found = {"traces": (encode_spans, spans.get_finished_spans()), "logs": (encode_logs, records.get_finished_logs())}
    for kind, (encode, items) in found.items():
        if items:
            message = encode(items)
            output.with_suffix(f".{kind}.pb").write_bytes(message.SerializeToString())
            document = with_hex_ids(MessageToDict(message))
            output.with_suffix(f".{kind}.json").write_text(json.dumps(document, indent=1) + "\n")


def with_hex_ids(value):
    """OTLP's JSON has hexadecimal ids where protobuf's own JSON has base64."""
    if isinstance(value, list):
        return [with_hex_ids(each) for each in value]
    if not isinstance(value, dict):
        return value
    ids = ("traceId", "spanId", "parentSpanId")
    return {key: b64decode(each).hex() if key in ids else with_hex_ids(each) for key, each in value.items()}


def openai_v2(tracers, loggers, _):
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
    from opentelemetry.sdk._events import EventLoggerProvider

    OpenAIInstrumentor().instrument(tracer_provider=tracers, event_logger_provider=EventLoggerProvider(loggers))
    ask_through_openai()


def openllmetry(tracers, loggers, _):
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=tracers, logger_provider=loggers)
    ask_through_openai()


def openinference(tracers, *_):
    from openinference.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=tracers)
    ask_through_openai()


def genai(tracers, loggers, _):
    from opentelemetry.util.genai import types
    from opentelemetry.util.genai.handler import TelemetryHandler

    handler = TelemetryHandler(tracer_provider=tracers, logger_provider=loggers)
    with handler.inference("openai", request_model="gpt-4o") as call:
        call.input_messages = [types.InputMessage(role="user", parts=[types.Text(content=MESSAGES[1]["content"])])]
        call.system_instruction = [types.Text(content=MESSAGES[0]["content"])]
        answer = types.OutputMessage(role="assistant", parts=[types.Text(content=ANSWER)], finish_reason="stop")
        call.output_messages = [answer]
        call.response_model_name, call.response_id = COMPLETION["model"], COMPLETION["id"]
        call.input_tokens, call.output_tokens, call.finish_reasons = 21, 4, ["stop"]


def langfuse(tracers, _, spans):
    from langfuse import Langfuse
    from opentelemetry.sdk.trace import TracerProvider

    nowhere = "http://127.0.0.1:9"
    client = Langfuse(
        public_key="a", secret_key="b", base_url=nowhere, tracer_provider=TracerProvider(), span_exporter=spans
    )
    generation = client.start_observation(name="chat", as_type="generation", model="gpt-4o", input=MESSAGES)
    generation.update(output=ANSWER, usage_details={"input": 21, "output": 4, "total": 25})
    generation.end()
    client.flush()


def cloudevents(output):
    """The request of a call in both modes: headers and value of the record."""
    from datetime import UTC, datetime

    from cloudevents.core.bindings import kafka
    from cloudevents.core.formats.json import JSONFormat
    from cloudevents.core.v1.event import CloudEvent

    attributes = {
        "id": "req-1",
        "source": "http://localhost:9081/",
        "type": "org.kubeflow.serving.inference.request",
        "specversion": "1.0",
        "time": datetime(2024, 5, 1, 12, tzinfo=UTC),
        "datacontenttype": "application/json",
        "inferenceservicename": "bank",
        "namespace": "prod",
    }
    event = CloudEvent(attributes=attributes, data={"model": "gpt-4o", "messages": MESSAGES})
    modes = {"binary": kafka.to_binary(event, JSONFormat()), "structured": kafka.to_structured(event, JSONFormat())}
    records = {
        mode: {
            "headers": {key: each.decode() for key, each in message.headers.items()},
            "value": message.value.decode(),
        }
        for mode, message in modes.items()
    }
    output.with_suffix(".json").write_text(json.dumps(records, indent=1) + "\n")


SPANS = {each.__name__: each for each in (openai_v2, openllmetry, openinference, genai, langfuse)}

if __name__ == "__main__":
    producer, path = sys.argv[1], HERE / sys.argv[2]
    if producer in SPANS:
        otlp(path, SPANS[producer])
    else:
        {"litellm": litellm, "cloudevents": cloudevents}[producer](path)
