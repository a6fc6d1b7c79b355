"""What offmap makes of messages: the shape of each, what was taken from it, what was left and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from agent.payloads import SHAPES, DecodeOptions, FieldMap, decode
from agent.payloads.opening import opened
from agent.payloads.plain import MAPPED
from agent.payloads.reasons import REASONS, UnreadableError
from agent.records import Exchange, Record, Rejected
from agent.schemas import decoder
from agent.sniff_mapping import MOST_DOCUMENTS, propose

SHOWN_WORDS, SHOWN_CHARACTERS = 6, 48
FACTS = (
    *("id", "time", "model", "model_asked", "finish_reason", "status", "error", "latency", "tool_calls"),
    *("prompt_tokens", "completion_tokens", "session", "trace_id", "join_key"),
)
"""The fields of an exchange that are shown as they are."""
COLUMNS = ("prompt", "response", "id", "time", "model", "join_key", "scores")
"""The fields that the summary counts."""


class Line(NamedTuple):
    """One thing that a message gave: `kind` is its shape or the reason why not."""

    place: str
    kind: str
    details: str
    recognised: bool


class Sniffer:
    """Reads messages, and remembers what a summary needs.

    Parameters
    ----------
    options : DecodeOptions
    show_text : bool
        Whether texts are shown whole: else a few words of each.

    Attributes
    ----------
    kinds : dict of str to Counter
        For each shape or reason how many there were ("n"), and how many of them had each of `COLUMNS`.
    """

    def __init__(self, options: DecodeOptions, *, show_text: bool = False) -> None:
        self._options = options
        self._decode = decoder(options)
        self._show_text = show_text
        self.kinds: dict[str, Counter[str]] = {}
        self._unknown: list[tuple[Record, dict[str, Any]]] = []

    def read(self, record: Record) -> Iterator[Line]:
        """Say what a message gave: one line for each exchange and for each reason why there is none."""
        place = f"{record.topic}/{record.partition}/{record.offset}"
        refused: Counter[str] = Counter()
        for found in self._decode(record):
            if isinstance(found, Rejected):
                refused[found.reason] += 1
                continue
            self._count(found.shape, [name for name in COLUMNS if getattr(found, name) is not None])
            yield Line(place, found.shape, self._describe(found), recognised=True)
        for reason, count in refused.items():
            self._count(reason, [], count)
            times = f"{count} × " if count > 1 else ""
            yield Line(place, reason, times + REASONS[reason], recognised=False)
        if "unrecognised" in refused and len(self._unknown) < MOST_DOCUMENTS:
            self._remember(record)

    def proposal(self) -> tuple[dict[str, str], int, int]:
        """Propose a mapping for what fits no shape; with how many such messages it would read, and how many there are.

        Returns
        -------
        fields : dict of str to str
            Empty where nothing looks like a prompt.
        n_read, n_unknown : int
        """
        fields = propose([document for _, document in self._unknown])
        if "prompt" not in fields:
            return {}, 0, len(self._unknown)
        options = replace(self._options, fields=FieldMap(**fields))
        found = [decode(record, options) for record, _ in self._unknown]
        n_read = sum(any(isinstance(each, Exchange) for each in outcomes) for outcomes in found)
        return fields, n_read, len(self._unknown)

    def fallen_back(self) -> tuple[int, int]:
        """Count the exchanges that lacked the fields of the configuration and were read as a known shape, and all."""
        counts = {kind: counts["n"] for kind, counts in self.kinds.items() if kind in SHAPES}
        mapped = {"prompt", "response"} & set(self._options.paths)
        return (sum(counts.values()) - counts.get(MAPPED, 0) if mapped else 0), sum(counts.values())

    def _count(self, kind: str, present: list[str], count: int = 1) -> None:
        counter = self.kinds.setdefault(kind, Counter())
        counter["n"] += count
        counter.update(present)

    def _remember(self, record: Record) -> None:
        try:
            document = opened(record.value or b"", self._options)
        except UnreadableError:
            return
        if isinstance(document, dict):
            self._unknown.append((record, document))

    def _describe(self, found: Exchange) -> str:
        texts = [f"{name} {self._quote(text)}" for name in ("prompt", "response") if (text := getattr(found, name))]
        facts = [f"{name} {_plain(value)}" for name in FACTS if (value := getattr(found, name)) is not None]
        tags = [f"{_plain(name)}={_plain(value)}" for name, value in found.tags or ()]
        said = [f"score {_plain(each.name)} {_plain(each.label or each.value)}" for each in found.scores or ()]
        return "; ".join(texts + facts + tags + said)

    def _quote(self, text: str) -> str:
        if self._show_text:
            return f'"{_plain(text)}"'
        words = text.split(None, SHOWN_WORDS)
        start = " ".join(words[:SHOWN_WORDS])[:SHOWN_CHARACTERS]
        cut = len(words) > SHOWN_WORDS or len(start) == SHOWN_CHARACTERS
        return f'"{_plain(start)}{"…" if cut else ""}" ({len(text):,} characters)'


def _plain(value: Any) -> str:
    """Return a value on one line, without the signs that a terminal acts on."""
    return "".join(sign if sign.isprintable() else " " for sign in str(value))
