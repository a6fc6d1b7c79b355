"""What is kept of an exchange while parts of it may still come: hashes and numbers, a vector, and no text."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.records import Exchange, Score

PROMPT, RESPONSE = 1, 2
BOTH = PROMPT | RESPONSE
BITS = {"prompt": PROMPT, "response": RESPONSE}

MOST_VERDICTS = 8
"""Verdicts on one exchange that are remembered: further ones are joined all the same."""

_FAILED_STATUS = 400


class Numbers(NamedTuple):
    """The scores of one text: see `agent.side.SideScores`."""

    p_value: float
    novelty: float
    cell: int


class Verdict(NamedTuple):
    """A `Score` without text: names as hashes (`digest`; 0 for none), the value as it came (NaN for none).

    Name and label are hashed in lower case.

    `family` is the hash of the name of the judge's model family; 0 for an unknown one.
    """

    name: int
    value: float
    label: int
    judge: int
    family: int = 0


@dataclass(slots=True)
class Entry:
    """One exchange as far as it is known.

    Attributes
    ----------
    key, trace : int
        Hashes of the join key and of the trace's id; 0 for none.
    deadline : float
        Event time in seconds since the epoch after which it is given up (waiting) or forgotten (settled).
    time : float
        Event time of the prompt, else of what came first; NaN for unknown.
    have : int
        Which halves have come: bits `PROMPT` and `RESPONSE`; 0 for feedback whose exchange has not come yet.
    whole : bool
        It came in one message.
    expired : bool
        It was given up before its other half came.
    complete : bool
        It has been reported as whole.
    answered : bool
        A response came, or an error in its place.
    held : int
        Verdicts that came before it was whole.
    kinds, told : int
        Bits of `agent.outcome_kinds.Kind`: all that are known, and those that were reported.
    asked, wording, session, model, family : int
        Hashes: see `agent.join_known.Known`.
    region : int
        As there.
    vector : ndarray of float16, shape (d,), or None
        Of the half that waits for the other; None once nothing is waited for.
    """

    key: int
    trace: int
    deadline: float
    have: int = 0
    time: float = math.nan
    whole: bool = False
    expired: bool = False
    complete: bool = False
    answered: bool = False
    held: int = 0
    kinds: int = 0
    told: int = 0
    asked: int = 0
    wording: int = 0
    session: int = 0
    model: int = 0
    family: int = 0
    region: int = 0
    prompt: Numbers | None = None
    response: Numbers | None = None
    vector: npt.NDArray[np.float16] | None = None
    verdicts: list[Verdict] = field(default_factory=list)


def digest(text: str | None) -> int:
    """Hash a name or an id to 64 bits; 0 stands for none.

    Examples
    --------
    >>> digest(None), digest("thumbs") == digest("thumbs"), digest("a") == digest("b")
    (0, True, False)
    """
    if text is None:
        return 0
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") or 1


def session_of(exchange: Exchange | None) -> int:
    """Hash the session, else the trace, that an exchange is a part of to 63 bits; −1 stands for none.

    >>> session_of(Exchange(prompt="Hi")), session_of(Exchange(session="s")) == session_of(Exchange(trace_id="s"))
    (-1, True)
    """
    name = None if exchange is None else exchange.session or exchange.trace_id
    return -1 if name is None else digest(name) >> 1


_TRACE = re.compile("[0-9a-fA-F-]{16,64}")


def trace_of(exchange: Exchange | None) -> str | None:
    """Return the id of the trace, where it looks like one: anything else that a producer puts there could be text.

    >>> trace_of(Exchange(trace_id="0af7651916cd43dd8448eb211c80319c")), trace_of(Exchange(trace_id="how do I pay"))
    ('0af7651916cd43dd8448eb211c80319c', None)
    """
    trace = None if exchange is None else exchange.trace_id
    return trace if trace and _TRACE.fullmatch(trace) else None


def carried(exchange: Exchange) -> int:
    """Say which halves a message carries; an error in the response's place is a response."""
    response = exchange.response is not None or (exchange.prompt is None and exchange.error is not None)
    return (PROMPT if exchange.prompt is not None else 0) | (RESPONSE if response else 0)


def has_failed(exchange: Exchange) -> bool:
    """Say whether the server answered with an error."""
    return exchange.error is not None or (exchange.status or 0) >= _FAILED_STATUS


def verdict(score: Score, families: Callable[[str | None], int] = lambda _model: 0) -> Verdict:
    """Return a score without its text; `families` hashes the family of a model's name.

    Examples
    --------
    >>> verdict(Score("thumbs", 1.0)) == Verdict(digest("thumbs"), 1.0, 0, 0)
    True
    """
    value = math.nan if score.value is None else score.value
    label = None if score.label is None else score.label.strip().casefold()
    return Verdict(digest(score.name.casefold()), value, digest(label), digest(score.judge), families(score.judge))


def verdicts(exchange: Exchange, families: Callable[[str | None], int]) -> tuple[Verdict, ...]:
    """Return all scores that an exchange brings, without their text."""
    return tuple(verdict(score, families) for score in exchange.scores or ())
