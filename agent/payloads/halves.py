"""The two halves of an exchange, and how they become one."""

from __future__ import annotations

from typing import Any

from agent.payloads import jsontext, sse
from agent.payloads.bodies import CHUNK_MARKS, REQUEST_MARKS, RESPONSE_MARKS, assemble, read_request, read_response
from agent.payloads.context import Context, Outcome
from agent.payloads.fields import name
from agent.payloads.reasons import UnreadableError
from agent.payloads.text import content_text, prompt_text, reply_text
from agent.records import Exchange, Rejected

_ENVELOPE = frozenset({"model", "modelId", "model_name", "object", "usage", "stream", "temperature", "role", "from"})
"""What APIs write around a text, beside its marks."""


def merge(request: Exchange, response: Exchange) -> Exchange:
    """Put two halves together; where both know a field, the response's word counts.

    Examples
    --------
    >>> whole = merge(Exchange(prompt="Hi", model_asked="m"), Exchange(response="Hello!", id="r1"))
    >>> whole.prompt, whole.response, whole.id, whole.model_asked
    ('Hi', 'Hello!', 'r1', 'm')
    """
    whole = Exchange._make([asked if said is None else said for asked, said in zip(request, response, strict=True)])
    return whole if response.shape else whole._replace(shape=request.shape)


def pair(asked: list[Outcome], answered: list[Outcome]) -> list[Outcome]:
    """Put the prompts of one request and the answers of its response together, in order.

    Where a request with several prompts asked for several answers each, every prompt gets its first.
    """
    if not answered or not asked:
        return asked or answered
    if len(asked) == 1:
        return [_one(asked[0], answered[0])]
    step = max(1, len(answered) // len(asked))
    firsts = dict(enumerate(answered[::step]))
    return [_numbered(_one(half, firsts.get(i)), i) for i, half in enumerate(asked)]


def _one(asked: Outcome, answered: Outcome | None) -> Outcome:
    if isinstance(asked, Rejected) or not isinstance(answered, Exchange):
        return asked
    return merge(asked, answered)


def _numbered(outcome: Outcome, i: int) -> Outcome:
    """Tell the exchanges of one call apart."""
    if isinstance(outcome, Rejected) or outcome.id is None:
        return outcome
    return outcome._replace(id=f"{outcome.id}#{i}")


def unpack(value: Any) -> Any:
    """Return what a logger packed into a text: a JSON object or array, the chunks of a stream, else the text itself."""
    if not isinstance(value, str):
        return value
    start = value[:64].lstrip()
    if start.startswith(("data:", "event:")):
        return sse.chunks(value.encode()) or value
    if start.startswith(("{", "[")):
        try:
            return jsontext.loads(value)
        except UnreadableError:
            return value
    return value


def asked(value: Any, context: Context) -> list[Outcome]:
    """Read the request half of a log, in whatever form: an API's body, messages, or the bare prompt."""
    inside = unpack(value)
    if _is_data(inside, REQUEST_MARKS):
        inside = value
    if isinstance(inside, dict):
        return read_request(inside, context)
    if not isinstance(inside, str | list):
        return []
    prompt = prompt_text(inside, context.options.which)
    return [Rejected("no_prompt") if prompt is None else Exchange(prompt=prompt)]


def answered(value: Any, context: Context) -> list[Outcome]:
    """Read the response half of a log: an API's body or its stream, an error, a message, or the bare answer."""
    inside = unpack(value)
    if isinstance(inside, list):
        inside = assemble(inside) or inside
    if isinstance(inside, dict) and (found := read_response(inside, context) or failed(inside) or _message(inside)):
        return found
    if _is_data(inside, RESPONSE_MARKS | CHUNK_MARKS):
        inside = value
    text = inside if isinstance(inside, str) else reply_text(inside)
    return [] if text is None else [Exchange(response=text)]


def _is_data(inside: Any, marks: frozenset[str]) -> bool:
    """Say whether JSON in a text is no API's body, nor messages: then people asked for data, and it is the text.

    Who has a body's marks and cannot be read has moved its fields, and that must be seen.
    """
    objects = inside if isinstance(inside, list) else [inside]
    marks = marks | _ENVELOPE
    return not isinstance(inside, str) and not any(isinstance(each, dict) and marks & each.keys() for each in objects)


def failed(body: dict[str, Any]) -> list[Outcome]:
    """Read an error in a response's place: ``{"error": {"code", "type"}}``."""
    error = body.get("error")
    if isinstance(error, str) and error:
        return [Exchange(error="error")]
    if not isinstance(error, dict):
        return []
    return [Exchange(error=name(error.get("code")) or name(error.get("type")) or "error")]


def _message(body: dict[str, Any]) -> list[Outcome]:
    text = content_text(body.get("content"))
    return [] if text is None else [Exchange(response=text)]
