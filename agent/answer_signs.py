"""What is measured on the text of a response when it comes: bits and a hash, so that the text need not be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.join_entry import digest, has_failed
from agent.outcome_kinds import Kind
from detectors.loops import ends_in_loop
from detectors.refusals import HARD, NONE, SOFT, refusal_level

if TYPE_CHECKING:
    from agent.records import Exchange

SHORTEST = 40
"""Characters of a response, normalised, that tell it from others: many exchanges may rightly end with "Yes."."""

_LIMIT_REASONS = {"length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"}
_FILTER_REASONS = {
    "refusal", "content_filter", "content_filtered", "guardrail_intervened", "safety", "image_safety", "recitation",
    "blocklist", "prohibited_content", "spii", "error_toxic",
}  # fmt: skip
_CLOSING = frozenset(".!?…:;。!?؟।॥)]}>\"'`”’»」』*_~|") | frozenset("✓✅🙂😊")
_REFUSALS = {NONE: 0, SOFT: Kind.REFUSED_SOFTLY, HARD: Kind.REFUSED}


def wording(text: str | None, shortest: int = 0) -> int:
    """Hash a text, its case and white space left out, to 64 bits; 0 stands for one of fewer than `shortest` characters.

    Examples
    --------
    >>> wording("Yes,  I do.") == wording("yes, i do."), wording("Yes, I do.", SHORTEST), wording(" "), wording(None)
    (True, 0, 0, 0)
    """
    normal = " ".join((text or "").casefold().split())
    return digest(normal) if len(normal) >= max(shortest, 1) else 0


def _aloud(text: str) -> str:
    """Leave out what a model thought before it answered: a thought of refusing is no refusal.

    >>> _aloud("<think>I can't say.</think> Yes."), _aloud("Yes."), _aloud("<think>I can")
    (' Yes.', 'Yes.', '<think>I can')
    """
    thought, closed, said = text.partition("</think>")
    return said if closed and thought[:100].lstrip().startswith("<think>") else text


def answer_signs(exchange: Exchange) -> int:
    """Say what the response's text and finish reason tell: bits of `Kind`.

    Examples
    --------
    >>> from agent.records import Exchange
    >>> answer_signs(Exchange(response="The meter is")) == Kind.UNFINISHED
    True
    >>> answer_signs(Exchange(response="Done.", finish_reason="length")) == Kind.TRUNCATED
    True
    """
    if has_failed(exchange):
        return Kind.ERROR
    if exchange.response is None:
        return 0
    text = _aloud(exchange.response).rstrip()
    reason = (exchange.finish_reason or "").lower()
    found = Kind.REFUSED if reason in _FILTER_REASONS else 0  # such answers are often empty
    found |= Kind.TRUNCATED if reason in _LIMIT_REASONS else 0
    if not text:
        return found | (0 if exchange.tool_calls else Kind.EMPTY)
    found |= _REFUSALS[refusal_level(text)] | (Kind.LOOP if ends_in_loop(text) else 0)
    if not found & Kind.TRUNCATED and text[-1] not in _CLOSING:
        found |= Kind.UNFINISHED
    return found
