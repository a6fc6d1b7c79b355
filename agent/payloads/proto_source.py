"""Protobuf's own language: the text of a .proto file to a table of its messages and their fields.

Written here because every registry gives this text, and what there is to read it, protoc, is a compiler of 10 MB.
Only what lies on the wire is read; options, services and extensions are passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agent.payloads.reasons import SchemaError

_TOKEN = re.compile(
    r"\s+|//[^\n]*|/\*.*?(?:\*/|\Z)"  # nothing
    r"""|("(?:[^"\\]|\\.?)*+(?:"|\Z)|'(?:[^'\\]|\\.?)*+(?:'|\Z)|\.?[A-Za-z_][\w.]*|[-+]?[\d.][\w.]*|.)""",
    re.DOTALL,
)
_LABELS = frozenset({"optional", "required", "repeated"})
_STATEMENTS = frozenset({"option", "reserved", "extensions", "edition", "import", ";"})
_BLOCKS = frozenset({"service", "extend"})
_OPENING, _CLOSING = frozenset("{[("), frozenset("}])")
_DEEPEST = 32
_MOST_TOKENS = 200_000


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, and its type's name as it is written.

    `key` is the type of a map's keys, else empty; `always` says that a text is there even where it is not on the wire.
    """

    name: str
    type: str
    repeated: bool = False
    key: str = ""
    always: bool = False


@dataclass(slots=True)
class Message:
    """A message: its full name, its fields by number, and the messages declared in it, in order."""

    name: str
    fields: dict[int, Field] = field(default_factory=dict)
    inner: list[Message] = field(default_factory=list)


@dataclass(slots=True)
class File:
    """What a .proto file declares: its messages in order, and the names of each enum's values by number."""

    messages: list[Message] = field(default_factory=list)
    enums: dict[str, dict[int, str]] = field(default_factory=dict)


def parse(text: str) -> File:
    """Read the text of a .proto file.

    Raises
    ------
    SchemaError
        It is none, or has groups, which no newer producer writes.

    Examples
    --------
    >>> file = parse('syntax = "proto3"; package a; message Chat { string prompt = 1; map<string, int32> n = 2; }')
    >>> file.messages[0].name, file.messages[0].fields[2]
    ('a.Chat', Field(name='n', type='int32', repeated=False, key='string', always=False))
    """
    try:
        return _Parser(text).file()
    except (IndexError, ValueError) as error:
        raise error if isinstance(error, SchemaError) else SchemaError("not a .proto file") from None


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = [found[1] for found in _TOKEN.finditer(text) if found[1]]
        if len(self._tokens) > _MOST_TOKENS:
            raise SchemaError("it is too large")
        self._at = 0
        self._file = File()
        self._implicit = False

    def file(self) -> File:
        space = ""
        while self._at < len(self._tokens):
            word = self._next()
            if word == "package":
                space = self._next()
                self._expect(";")
            elif word == "syntax":
                self._implicit = self._tokens[self._at + 1].strip("\"'") == "proto3"
                self._pass(";")
            elif not self._declaration(word, space, self._file.messages, 0):
                raise SchemaError("not a .proto file")
        return self._file

    def _declaration(self, word: str, space: str, messages: list[Message], depth: int) -> bool:
        """Read what may stand in a file and in a message; False for anything else."""
        if word == "message":
            messages.append(self._message(space, depth))
        elif word == "enum":
            self._enum(space)
        elif word in _BLOCKS:
            self._pass("}")
        elif word in _STATEMENTS:
            self._at -= 1
            self._pass(";")
        else:
            return False
        return True

    def _message(self, space: str, depth: int) -> Message:
        if depth > _DEEPEST:
            raise SchemaError("it is nested too deep")
        message = Message(_joined(space, self._next()))
        self._expect("{")
        while (word := self._next()) != "}":
            if word == "oneof":
                self._next()
                self._expect("{")
                while (option := self._next()) != "}":
                    if not self._declaration(option, message.name, message.inner, depth + 1):
                        self._field(message, option, alone=False)
            elif not self._declaration(word, message.name, message.inner, depth + 1):
                self._field(message, word, alone=True)
        return message

    def _field(self, message: Message, word: str, *, alone: bool) -> None:
        label = word if word in _LABELS else ""
        kind, key = self._next() if label else word, ""
        if kind == "map" and self._tokens[self._at] == "<":
            _, key, _, kind, _ = (self._next() for _ in range(5))
        if kind == "group":
            raise SchemaError("it has groups")
        name = self._next()
        self._expect("=")
        always = self._implicit and alone and not label and not key and kind == "string"
        message.fields[int(self._next(), 0)] = Field(name, kind, label == "repeated", key, always)
        self._pass(";")

    def _enum(self, space: str) -> None:
        names = self._file.enums.setdefault(_joined(space, self._next()), {})
        self._expect("{")
        while (word := self._next()) != "}":
            if word not in _STATEMENTS or self._tokens[self._at] == "=":
                self._expect("=")
                names.setdefault(int(self._next(), 0), word)
            if word != ";":
                self._pass(";")

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, token: str) -> None:
        if self._next() != token:
            raise SchemaError("not a .proto file")

    def _pass(self, end: str) -> None:
        """Pass over everything up to `end`, and over whole brackets on the way."""
        depth, token = 0, ""
        while token != end or depth > 0:
            token = self._next()
            depth += (token in _OPENING) - (token in _CLOSING)


def _joined(space: str, name: str) -> str:
    return f"{space}.{name}" if space else name
