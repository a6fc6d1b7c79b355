"""Which text is the prompt and which the response: the same choice for training rows and for production."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

Which = Literal["last_user", "all_user", "all"]
"""Which part of a conversation is "the prompt"."""
WHICH: tuple[str, ...] = get_args(Which)

_USER = frozenset({"user", "human"})
_ASSISTANT = frozenset({"assistant", "ai", "model", "gpt", "bot", "chatbot"})
_TEXT_PARTS = frozenset({None, "text", "input_text", "output_text"})


def content_text(content: Any) -> str | None:
    r"""Return the text of a message's content: a string, or parts of which the text ones are joined by a new line.

    Images, sounds, tool calls and tool results are no text.

    Examples
    --------
    >>> content_text([{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "…"}}])
    'What is this?'
    >>> content_text([{"type": "image_url"}]) is None
    True
    """
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return _part_text(content)
    if isinstance(content, list):
        return _joined([_part_text(part) for part in content], "\n")
    return None


def prompt_text(messages: Any, which: str = "last_user") -> str | None:
    r"""Return the prompt of a conversation.

    Parameters
    ----------
    messages : str, dict or list
        A text, one message, or messages in order: ``{"role", "content"}``, ``{"from", "value"}`` or
        ``{"role", "parts"}``; a bare string counts as a user's turn.
    which : {"last_user", "all_user", "all"}
        The last user turn that has text; all user turns; every turn, the system's too. A blank line joins turns.

    Returns
    -------
    str or None
        None where that part has no text.

    Examples
    --------
    >>> turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
    ...          {"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "Why is the sky blue?"}]
    >>> prompt_text(turns)
    'Why is the sky blue?'
    >>> prompt_text(turns, "all_user")
    'Hi\n\nWhy is the sky blue?'
    """
    if isinstance(messages, str):
        return messages if messages.strip() else None
    if isinstance(messages, dict):
        messages = [messages]
    if not isinstance(messages, list):
        return None
    if which == "last_user":
        return next((text for role, text in map(_turn, reversed(messages)) if role in _USER and _visible(text)), None)
    return _joined([text for role, text in map(_turn, messages) if which == "all" or role in _USER], "\n\n")


def reply_text(messages: Any) -> str | None:
    """Return what the assistant said after the last user turn; None where the conversation ends with the user.

    Examples
    --------
    >>> reply_text([{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello!"}])
    'Hello!'
    """
    if not isinstance(messages, list):
        return None
    return _joined(list(_after_user(messages))[::-1], "\n\n")


def ends_with_reply(messages: Any) -> bool:
    """Say whether the assistant has the last word: then the conversation holds its own response."""
    return isinstance(messages, list) and bool(messages) and _turn(messages[-1])[0] in _ASSISTANT


def _after_user(messages: list[Any]) -> Iterator[str | None]:
    for role, text in map(_turn, reversed(messages)):
        if role in _USER:
            return
        if role in _ASSISTANT:
            yield text


def _turn(message: Any) -> tuple[str, str | None]:
    """Return a message's role and text; what has no role is the user's."""
    if isinstance(message, str):
        return "user", message
    if not isinstance(message, dict):
        return "", None
    role = message.get("role") or message.get("from") or message.get("type") or "user"
    for field in ("content", "value", "parts", "text"):
        if field in message:
            return role if isinstance(role, str) else "", content_text(message[field])
    return "", None


def _part_text(part: Any) -> str | None:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or not _is_text(part.get("type")):
        return None
    text = part.get("text", part.get("content"))
    return text if isinstance(text, str) else None


def _is_text(kind: Any) -> bool:
    return kind is None or (isinstance(kind, str) and kind in _TEXT_PARTS)


def _visible(text: str | None) -> bool:
    return text is not None and bool(text.strip())


def _joined(texts: list[str | None], separator: str) -> str | None:
    shown = [text for text in texts if text is not None and text.strip()]
    return separator.join(shown) if shown else None
