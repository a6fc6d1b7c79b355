"""What the config says about payloads."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from agent.payloads.expressions import Finder, finder
from agent.payloads.registered import Schemas
from agent.payloads.text import WHICH


@dataclass(frozen=True, slots=True)
class FieldMap:
    """Where a message of the user's own shape keeps its fields: dotted paths such as ``data.question``, or JMESPath.

    With `prompt` or `response` set, this comes before every known shape; the others alone overrule what a known shape
    says. None: the plain shape's own names (``prompt``, ``response``, ``id``, ``time``, ``model``).
    """

    prompt: str | None = None
    response: str | None = None
    id: str | None = None
    time: str | None = None
    model: str | None = None
    session: str | None = None

    def __post_init__(self) -> None:
        self.given()

    def given(self) -> dict[str, Finder]:
        """Return what finds the fields that are set."""
        found = {}
        for each in fields(self):
            expression = getattr(self, each.name)
            if expression is not None:
                try:
                    found[each.name] = finder(expression)
                except ValueError as error:
                    raise ValueError(f"{each.name}: {error}") from None
        return found


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How messages are read.

    Attributes
    ----------
    fields : FieldMap
        Where messages of the user's own shape keep their fields.
    tags : tuple of str
        Dotted paths in the message (for OpenTelemetry: names of attributes, for binary CloudEvents of extensions) of
        what is kept as a tag, under the path as its name.
    which : {"last_user", "all_user", "all"}
        Which part of a conversation is the prompt: `agent.payloads.text.prompt_text`.
    max_message_bytes : int
        Longer messages are refused as "oversized", and so are those that decompress to more.
    max_text_chars : int
        A longer prompt or response is cut here; the embedder reads less than this in any case.
    schemas : Schemas, optional
        Where the schemas of Avro and Protobuf messages come from.
    paths : dict of str to callable
        `fields.given()`, once.
    tag_paths : dict of str to tuple of str
        `tags`, split at the dots.
    """

    fields: FieldMap = FieldMap()
    which: str = "last_user"
    max_message_bytes: int = 4 * 2**20
    max_text_chars: int = 200_000
    tags: tuple[str, ...] = ()
    schemas: Schemas | None = None
    paths: dict[str, Finder] = field(init=False, repr=False, compare=False)
    tag_paths: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.which not in WHICH:
            raise ValueError(f"which: {self.which!r} is none of {', '.join(WHICH)}")
        for name in ("max_message_bytes", "max_text_chars"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 1")
        object.__setattr__(self, "paths", self.fields.given())
        object.__setattr__(self, "tag_paths", {path: tuple(path.split(".")) for path in self.tags})
