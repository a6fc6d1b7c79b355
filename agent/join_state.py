"""The join buffer as arrays, for the checkpoint: at most twice `max_pending` rows of numbers, and no text."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agent.join_entry import Entry, Numbers, Verdict

if TYPE_CHECKING:
    from agent.join import JoinBuffer
    from agent.tally import State

_NUMBERS = [("p_value", "f8"), ("novelty", "f8"), ("cell", "i4")]
_ENTRY = np.dtype(
    [
        ("key", "u8"), ("trace", "u8"), ("deadline", "f8"), ("have", "u1"), ("time", "f8"), ("whole", "?"),
        ("expired", "?"), ("complete", "?"), ("answered", "?"), ("held", "u1"), ("kinds", "u4"), ("told", "u4"),
        ("asked", "u8"), ("wording", "u8"), ("session", "u8"), ("model", "u8"), ("family", "u8"),
        ("region", "i4"),
        ("prompt", _NUMBERS), ("response", _NUMBERS), ("verdicts", "u1"), ("vector", "?"),
    ]
)  # fmt: skip
_VERDICT = np.dtype([("name", "u8"), ("value", "f8"), ("label", "u8"), ("judge", "u8"), ("family", "u8")])
_PLAIN = (_ENTRY.names or ())[:-4]
_NONE = (np.nan, np.nan, -1)


def to_arrays(buffer: JoinBuffer) -> State:
    """Return everything that waits and is remembered, oldest first."""
    entries = [*buffer.waiting.values(), *buffer.settled.values()]
    vectors = [entry.vector for entry in entries if entry.vector is not None]
    return {
        "entries": np.array([_row(entry) for entry in entries], dtype=_ENTRY),
        "n_waiting": np.array([len(buffer.waiting)]),
        "verdicts": np.array([tuple(each) for entry in entries for each in entry.verdicts], dtype=_VERDICT),
        "vectors": np.array(vectors, dtype=np.float16) if vectors else np.zeros((0, 0), dtype=np.float16),
    }


def from_arrays(buffer: JoinBuffer, state: Mapping[str, npt.NDArray[Any]]) -> None:
    """Go on from `to_arrays`; what an older checkpoint does not say is taken for unknown."""
    verdicts = (Verdict(*row) for row in _renewed(state["verdicts"], _VERDICT).tolist())
    vectors = iter(state["vectors"])
    entries = []
    for row in _renewed(state["entries"], _ENTRY).tolist():
        *plain, prompt, response, n_verdicts, has_vector = row
        entry = Entry(**dict(zip(_PLAIN, plain, strict=True)))
        entry.prompt, entry.response = _numbers(prompt), _numbers(response)
        entry.verdicts = list(islice(verdicts, n_verdicts))
        entry.vector = next(vectors) if has_vector else None
        entries.append(entry)
    n_waiting = int(state["n_waiting"][0])
    buffer.restore(entries[:n_waiting], entries[n_waiting:])


def _row(entry: Entry) -> tuple[Any, ...]:
    numbers = (tuple(entry.prompt or _NONE), tuple(entry.response or _NONE))
    return (*(getattr(entry, name) for name in _PLAIN), *numbers, len(entry.verdicts), entry.vector is not None)


def _renewed(rows: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Bring rows of an older checkpoint to the present fields."""
    renewed = np.zeros(len(rows), dtype)
    for name in set(rows.dtype.names or ()) & set(dtype.names or ()):
        renewed[name] = rows[name]
    return renewed


def _numbers(row: tuple[float, float, int]) -> Numbers | None:
    return None if row[2] < 0 else Numbers(*row)
