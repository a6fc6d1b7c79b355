"""Where the prompt and the response stand in a row of training data: one table row a shape, recognised by content."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from agent.payloads.fields import first
from agent.payloads.text import content_text, prompt_text, reply_text

Pair = tuple[str | None, str | None]
"""Prompt and response."""

_SYNTHETIC = frozenset({"true", "yes", "1", "synthetic", "model", "machine", "generated"})
_WRITTEN_BY_PEOPLE = frozenset({"false", "no", "0", "human", "people", "real", "organic"})
_RESPONSES = ("response", "completion", "output", "answer", "chosen")


class Shape(NamedTuple):
    """A shape of training rows: its name, the field that gives it away, and how it is read."""

    name: str
    mark: str
    read: Callable[[dict[str, Any], str], list[Pair]]


def conversation(messages: Any, which: str) -> list[Pair]:
    """Prompt and response at every turn of the user's: production sees each of them as a request of its own.

    Parameters
    ----------
    messages : str, dict or list
        As `agent.payloads.text.prompt_text` takes it.
    which : {"last_user", "all_user", "all"}
        Which part of the conversation so far is the prompt.

    Examples
    --------
    >>> talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"},
    ...         {"role": "user", "content": "Why is the sky blue?"}, {"role": "assistant", "content": "Scattering."}]
    >>> conversation(talk, "last_user")
    [('Hi', 'Hello!'), ('Why is the sky blue?', 'Scattering.')]
    """
    if not isinstance(messages, list):
        return [(prompt_text(messages, which), None)]
    asked = [prompt_text([message]) is not None for message in messages]
    ends = [i for i, asks in enumerate(asked) if asks and asked[i + 1 : i + 2] != [True]]
    return [(prompt_text(messages[: i + 1], which), _reply(messages, asked, i)) for i in ends]


def _reply(messages: list[Any], asked: list[bool], i: int) -> str | None:
    following = next((k for k in range(i + 1, len(messages)) if asked[k]), len(messages))
    return reply_text(messages[i:following])


def response_text(value: Any) -> str | None:
    """Text of a response: a string, parts, a message, or a conversation that ends with it."""
    if isinstance(value, dict):
        value = value.get("content", value)
    return reply_text(value) or content_text(value)


def _prompt(row: dict[str, Any], which: str) -> list[Pair]:
    response = next((text for name in _RESPONSES if (text := response_text(row.get(name)))), None)
    return [(prompt_text(first(row, ("prompt", "question")), which), response)]


def _instruction(row: dict[str, Any], _which: str) -> list[Pair]:
    parts = [row["instruction"], row.get("input")]
    text = "\n\n".join(part for part in parts if isinstance(part, str) and part.strip())
    return [(text or None, response_text(row.get("output", row.get("response"))))]


def _messages(row: dict[str, Any], which: str) -> list[Pair]:
    return conversation(row["messages"], which)


def _conversations(row: dict[str, Any], which: str) -> list[Pair]:
    return conversation(row["conversations"], which)


def _text(row: dict[str, Any], _which: str) -> list[Pair]:
    return [(content_text(row["text"]), None)]


SHAPES = (
    Shape("prompt", "prompt", _prompt),
    Shape("instruction", "instruction", _instruction),
    Shape("messages", "messages", _messages),
    Shape("conversations", "conversations", _conversations),
    Shape("question", "question", _prompt),
    Shape("text", "text", _text),
)


def shape_of(row: dict[str, Any]) -> Shape | None:
    """Return the first shape whose field is there and not null; None where there is none.

    Examples
    --------
    >>> shape_of({"instruction": "Add.", "input": "1, 2", "output": "3"}).name
    'instruction'
    """
    return next((shape for shape in SHAPES if row.get(shape.mark) is not None), None)


def field_names(row: dict[str, Any]) -> Iterator[str]:
    """Yield the fields of a row, those of nested objects as dotted paths."""
    for name, value in row.items():
        yield name
        if isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in value)


def is_synthetic(value: object) -> bool | None:
    """Read the flag that says whether a model wrote a row; None where it says neither.

    >>> is_synthetic("Yes"), is_synthetic(1), is_synthetic("human"), is_synthetic(None), is_synthetic("web")
    (True, True, False, None, None)
    """
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _SYNTHETIC else False if word in _WRITTEN_BY_PEOPLE else None
    return None if value is None else bool(value)
