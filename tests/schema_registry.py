"""A schema registry on loopback, with as much of the REST API as producers' serializers and offmap ask for."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from google.protobuf.descriptor_pb2 import FileDescriptorProto

FOLDER = Path(__file__).parent / "fixtures_payloads"


class Registry:
    """Registers what is posted and answers what is asked.

    `status` other than 200 is answered to everything; `slow` seconds pass between the bytes of an answer. A descriptor,
    which Confluent's Python client posts for Protobuf, is answered as the text of its .proto file, as registries do.
    """

    def __init__(self) -> None:
        self.schemas: list[dict[str, Any]] = []
        self.versions: dict[str, list[int]] = {}
        self.asked: list[str] = []
        self.headers: dict[str, str] = {}
        self.status = 200
        self.slow = 0.0
        self.body: bytes | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def register(self, subject: str, schema: Any, kind: str = "AVRO", references: Any = ()) -> int:
        """Return the id of a schema, given as text or as what JSON text holds."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        entry = {"schema": text, "schemaType": kind, "references": list(references)}
        if entry not in self.schemas:
            self.schemas.append(entry)
        number = self.schemas.index(entry) + 1
        known = self.versions.setdefault(subject, [])
        if number not in known:
            known.append(number)
        return number

    def get(self, path: str) -> dict[str, Any] | None:
        match path.strip("/").split("/"):
            case ["schemas", "ids", number] if 0 < int(number) <= len(self.schemas):
                return self._shown(int(number))
            case ["subjects", subject, "versions", version] if unquote(subject) in self.versions:
                numbers = self.versions[unquote(subject)]
                at = len(numbers) if version == "latest" else int(version)
                return self._shown(numbers[at - 1]) | self._place(unquote(subject), numbers[at - 1])
        return None

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        subject = unquote(path.strip("/").split("/")[1])
        kind, references = body.get("schemaType", "AVRO"), body.get("references", [])
        number = self.register(subject, body["schema"], kind, references)
        return body | self._place(subject, number)

    def _place(self, subject: str, number: int) -> dict[str, Any]:
        return {"subject": subject, "version": self.versions[subject].index(number) + 1, "id": number}

    def _shown(self, number: int) -> dict[str, Any]:
        entry = dict(self.schemas[number - 1])
        if entry["schemaType"] == "PROTOBUF" and "{" not in entry["schema"]:
            name = FileDescriptorProto.FromString(b64decode(entry["schema"])).name
            entry["schema"] = (FOLDER / name).read_text()
        if entry["schemaType"] == "AVRO":
            del entry["schemaType"]  # registries leave out what is usual
        return {key: value for key, value in entry.items() if value}


def _handler(registry: Registry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            registry.asked.append(path)
            registry.headers = dict(self.headers)
            found = registry.get(path)
            self._answer(found if found is not None else {"error_code": 40403, "message": "Schema not found"}, found)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self._answer(registry.post(urlsplit(self.path).path, body), body)

        def _answer(self, answer: Any, found: Any) -> None:
            status = registry.status if registry.status != 200 or found is not None else 404
            body = json.dumps(answer).encode() if registry.body is None else registry.body
            self.send_response(status)
            self.send_header("content-type", "application/vnd.schemaregistry.v1+json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if not registry.slow:
                self.wfile.write(body)
                return
            for at in range(len(body)):
                time.sleep(registry.slow)
                try:
                    self.wfile.write(body[at : at + 1])
                except OSError:
                    return

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
