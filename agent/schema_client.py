"""The schema registry's REST API: one schema by its id, with what it refers to."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from agent.payloads import jsontext
from agent.payloads.reasons import SchemaError, UnreadableError
from agent.payloads.registered import compiled

MOST_BYTES = 2 * 2**20
"""Of one answer."""
MOST_REFERENCES = 100
"""Schemas that one schema may refer to, directly and through others."""
_ACCEPT = "application/vnd.schemaregistry.v1+json, application/json"


class RegistryError(Exception):
    """The registry gives no usable answer; the message says why."""


class UnknownSchemaError(Exception):
    """The registry knows no such schema."""


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """How the registry is asked: the first of its addresses that answers counts.

    Attributes
    ----------
    urls : tuple of str
    username, password : str or None
        For basic authentication.
    token : str or None
        For bearer authentication.
    ssl_cafile : str or None
        PEM file of the authorities that its certificate is checked with; None for the system's.
    timeout : float
        Seconds that one answer may take.
    """

    urls: tuple[str, ...]
    username: str | None = None
    password: str | None = None
    token: str | None = None
    ssl_cafile: str | None = None
    timeout: float = 5.0

    def headers(self) -> dict[str, str]:
        """Return what is sent with every request."""
        said = {"Accept": _ACCEPT, "Connection": "close"}
        if self.token is not None:
            return said | {"Authorization": f"Bearer {self.token}"}
        if self.username is not None:
            pair = b64encode(f"{self.username}:{self.password or ''}".encode()).decode()
            return said | {"Authorization": f"Basic {pair}"}
        return said


def fetch(options: RegistryOptions, number: int) -> Callable[[bytes], Any]:
    """Return what reads the messages of a schema.

    Raises
    ------
    RegistryError
        It does not answer, or not with a schema.
    UnknownSchemaError
        It has no schema of this id.
    SchemaError
        It has one that cannot be used.
    """
    answer = _get(options, f"/schemas/ids/{number}")
    found: dict[tuple[str, str], str] = {}
    _add_references(options, answer, found, 0)
    return compiled(str(answer.get("schemaType") or "AVRO"), _text(answer), list(found.values()))


def _add_references(
    options: RegistryOptions, answer: dict[str, Any], found: dict[tuple[str, str], str], depth: int
) -> None:
    """Add the schemas that one refers to, each behind those that it refers to itself."""
    references = answer.get("references")
    for each in references if isinstance(references, list) else []:
        place = (str(each.get("subject")), str(each.get("version"))) if isinstance(each, dict) else ("", "")
        if place in found:
            continue
        if len(found) >= MOST_REFERENCES or depth >= MOST_REFERENCES:
            raise SchemaError("it refers to too many others")
        subject, version = (quote(part, safe="") for part in place)
        try:
            other = _get(options, f"/subjects/{subject}/versions/{version}")
        except UnknownSchemaError:
            raise SchemaError(f"it refers to {place[0][:100]}, which is not there") from None
        _add_references(options, other, found, depth + 1)
        found[place] = _text(other)


def _text(answer: dict[str, Any]) -> str:
    schema = answer.get("schema")
    if not isinstance(schema, str):
        raise RegistryError("an answer without a schema")
    return schema


def _get(options: RegistryOptions, path: str) -> dict[str, Any]:
    problem = RegistryError("no address")
    for url in options.urls:
        try:
            status, body = _request(options, url, path)
        except (OSError, http.client.HTTPException, ValueError) as error:
            problem = RegistryError(getattr(error, "strerror", None) or type(error).__name__)
            continue
        if len(body) > MOST_BYTES:
            raise SchemaError("it is too large")
        if status == http.HTTPStatus.NOT_FOUND:
            raise UnknownSchemaError
        try:
            answer = jsontext.loads(body) if status == http.HTTPStatus.OK else None
        except UnreadableError:
            answer = None
        if isinstance(answer, dict):
            return answer
        problem = RegistryError(f"it answers with status {status}")
    raise problem


def _request(options: RegistryOptions, url: str, path: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=options.ssl_cafile)
        connection = http.client.HTTPSConnection(parts.netloc, timeout=options.timeout, context=context)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=options.timeout)
    # the client's own limit is for each piece of an answer, which may come byte by byte
    held: list[socket.socket] = []
    alarm = threading.Timer(options.timeout, _hang_up, [connection, held])
    alarm.daemon = True
    alarm.start()
    try:
        with closing(connection):
            connection.connect()
            held.append(connection.sock)  # the client lets go of it before the answer is read
            connection.request("GET", parts.path.rstrip("/") + path, headers=options.headers())
            response = connection.getresponse()
            return response.status, response.read(MOST_BYTES + 1)
    finally:
        alarm.cancel()


def _hang_up(connection: http.client.HTTPConnection, held: list[socket.socket]) -> None:
    for each in held or [connection.sock]:
        with suppress(OSError, AttributeError):  # it has ended, or has not begun
            each.shutdown(socket.SHUT_RDWR)
