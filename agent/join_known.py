"""What is known of an exchange once it is whole, and what is new of it later."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from agent.join_entry import Numbers, Verdict

if TYPE_CHECKING:
    from agent.tally import State

Vector = npt.NDArray[np.float16]


class Known(NamedTuple):
    """An exchange that has just become whole, or one that was whole already and has been judged since.

    Attributes
    ----------
    time : float
        Event time of its prompt in seconds since the epoch; NaN for unknown.
    prompt, response : Numbers or None
        None where that text was not scored: empty, absent, or the side is off.
    completed : bool
        Said once of each exchange; False where only verdicts are new.
    verdicts : tuple of Verdict
        Those that are new; with `completed` also those that had come before it.
    earlier : tuple of Verdict
        Those of earlier reports.
    kinds : int
        Bits of `agent.outcome_kinds.Kind`: all that is known so far of how it ended.
    fresh : int
        What of that no earlier report said.
    answered : bool
        A response came (with text or without), or an error in its place.
    asked, wording : int
        Hashes of the prompt and of the response, case and white space left out; 0 for none, and for a response of fewer
        than `agent.answer_signs.SHORTEST` characters.
    session, model, family : int
        Hashes of the ids of the session and of the model that answered, and of the name of the model's family
        (`agent.model_families`); 0 for none.
    cosine : float
        Of prompt and response, in [−1, 1]; NaN where it is not known, and in every report after the first.
    vectors : Vectors or None
        Only with `completed`.
    region : int
        The prompt's region off the map: 1 for r1 and so on; 0 for none that had a name when it came.
    """

    time: float
    prompt: Numbers | None
    response: Numbers | None
    completed: bool
    verdicts: tuple[Verdict, ...]
    earlier: tuple[Verdict, ...]
    kinds: int
    fresh: int
    answered: bool
    asked: int
    wording: int
    session: int
    model: int
    family: int
    cosine: float
    vectors: Vectors | None
    region: int = 0


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vectors of the two texts, shape (d,), unit length; None where one was not scored. Equal whatever they are."""

    prompt: Vector | None = field(default=None, compare=False)
    response: Vector | None = field(default=None, compare=False)

    @property
    def cosine(self) -> float:
        """Of the two; NaN without one of them."""
        if self.prompt is None or self.response is None:
            return math.nan
        return float(np.dot(self.prompt.astype(np.float32), self.response.astype(np.float32)))


class AnswerMemory(Protocol):
    """Remembers recent answers; its state is bounded."""

    def recycled(self, known: Sequence[Known]) -> Sequence[int]:
        """Say of each exchange, in order, whether its answer was given to other prompts before; and remember them.

        All are complete. Returns bits of `agent.outcome_kinds.Kind`; they must not depend on how a stream is cut.
        """

    def get_state(self) -> State:
        """Return all that `recycled` changes, as arrays."""

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`, or begin anew where that was of another shape."""
