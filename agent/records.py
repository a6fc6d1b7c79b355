"""The plain data that travels through the agent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Partition = tuple[str, int]
"""Topic (or the path of a log file) and partition number (0 for a file)."""

Positions = dict[Partition, int]
"""For each partition the offset of the next record to read (for a file: the number of the next line, from 0)."""


class Record(NamedTuple):
    """One raw message as a source delivers it.

    Attributes
    ----------
    topic : str
        Kafka topic, or the path of a log file as it was given.
    partition : int
        Kafka partition; 0 for a file.
    offset : int
        Kafka offset; for a file the line number, from 0.
    value : bytes or None
        The message's body; None is a tombstone.
    key : bytes or None
    headers : sequence of (str, bytes)
    timestamp : float or None
        The broker's record time in seconds since the epoch; None where the source has no clock.
    """

    topic: str
    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: float | None = None


class Score(NamedTuple):
    """A feedback or a verdict on an exchange.

    Attributes
    ----------
    name : str
        What was judged: "helpfulness", "thumbs".
    value : float or None
        A finite number, where the verdict is one.
    label : str or None
        A category, where the verdict is one.
    judge : str or None
        The model that judged; None for people and for programs.
    """

    name: str
    value: float | None = None
    label: str | None = None
    judge: str | None = None


class Exchange(NamedTuple):
    """What one prompt and its response said, whatever shape it came in. Unknown is None; everything is bounded.

    Attributes
    ----------
    id : str or None
        The producer's own id; the pipeline falls back on the record's position.
    time : float or None
        Event time in seconds since the epoch.
    prompt, response : str or None
        Text, valid UTF-8 (no lone surrogates); None where the message did not carry that half. A response of "" came
        without text: an empty answer, or only tool calls.
    shape : str
        The name of the row of the payload table that recognised it.
    model : str or None
        The model that answered.
    finish_reason : str or None
    error : str or None
        A short code or class, never a message text.
    model_asked : str or None
        The model that was asked for.
    join_key : str or None
        What this half shares with its other half; None for an exchange that came whole.
    trace_id, session : str or None
    status : int or None
        HTTP status of the answer.
    prompt_tokens, completion_tokens : int or None
    latency : float or None
        Seconds from the request to the end of the response.
    tool_calls : int or None
        How many tools the response called.
    tags : tuple of (str, str) or None
        Those that the config names.
    scores : tuple of Score or None
        Feedback and verdicts; an exchange with neither text nor these is never made.
    """

    id: str | None = None
    time: float | None = None
    prompt: str | None = None
    response: str | None = None
    shape: str = ""
    model: str | None = None
    finish_reason: str | None = None
    error: str | None = None
    model_asked: str | None = None
    join_key: str | None = None
    trace_id: str | None = None
    session: str | None = None
    status: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency: float | None = None
    tool_calls: int | None = None
    tags: tuple[tuple[str, str], ...] | None = None
    scores: tuple[Score, ...] | None = None


class Rejected(NamedTuple):
    """Why (a part of) a record gave no exchange; `reason` is one of `agent.payloads.REASONS`."""

    reason: str


class Batch(NamedTuple):
    """What one poll brought. `end` says that the stream is over: it is said, never guessed from emptiness."""

    records: Sequence[Record]
    end: bool = False


StateReducer = Callable[[npt.NDArray[np.float32]], npt.NDArray[Any]]
"""Makes something of the states (t, d) of the t word pieces of one chunk, special ones left out. Any thread may ask."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """m chunks of n texts, embedded.

    Attributes
    ----------
    layers : ndarray of float32, shape (m, L, d)
        Unit rows: the L − 1 tapped inner layers in order of depth, then the last.
    tokens : ndarray of int32, shape (m,)
        Word pieces of each chunk, special ones included.
    owner : ndarray of int32, shape (m,)
        The index in 0..n−1 of the text that each chunk belongs to, ascending. A text that cannot be embedded (nothing
        but white space, or no known token) owns no chunk.
    truncated : ndarray of bool, shape (n,)
        Whether part of the text was left out.
    reduced : sequence of ndarray, length m, or None
        What the reducer made of each chunk's states, where one was given: the states themselves are never kept.
    """

    layers: npt.NDArray[np.float32]
    tokens: npt.NDArray[np.int32]
    owner: npt.NDArray[np.int32]
    truncated: npt.NDArray[np.bool_]
    reduced: Sequence[npt.NDArray[Any]] | None = None
