"""The last answers of the stream, as hashes and vectors: which new ones were given before, to other prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.outcome_kinds import Kind
from detectors.near import Whole
from detectors.recycled import Recycled

if TYPE_CHECKING:
    from agent.join_known import Known
    from agent.tally import State


class PairVectors(NamedTuple):
    """The vectors of n exchanges of which both texts were embedded.

    Attributes
    ----------
    place : ndarray of int64, shape (n,)
        Which of the exchanges that were given they are.
    prompts, responses : Whole
    hashes : ndarray of uint64, shape (n,)
        Of the words of the answers; 0 for short ones.
    """

    place: npt.NDArray[np.int64]
    prompts: Whole
    responses: Whole
    hashes: npt.NDArray[np.uint64]


def pair_vectors(known: Sequence[Known]) -> PairVectors | None:
    """Return the vectors of those exchanges that are complete and have both; None where none has."""
    place, asked, given = [], [], []
    for i, one in enumerate(known):
        if one.vectors is not None and one.vectors.prompt is not None and one.vectors.response is not None:
            place.append(i)
            asked.append(one.vectors.prompt)
            given.append(one.vectors.response)
    if not place:
        return None
    hashes = np.array([known[i].wording for i in place], dtype=np.uint64)
    return PairVectors(np.array(place), Whole.of(np.stack(asked)), Whole.of(np.stack(given)), hashes)


class RecentAnswers:
    """Remembers the last exchanges of which both texts were embedded.

    Parameters
    ----------
    dim : int
        Length of a vector.
    """

    def __init__(self, dim: int) -> None:
        self._recycled = Recycled(dim)

    def recycled(self, known: Sequence[Known]) -> list[int]:
        """Say of each exchange, in order, whether its answer was given to other prompts before; and remember them."""
        bits = np.zeros(len(known), dtype=np.int64)
        pairs = pair_vectors(known)
        if pairs is not None:
            again = self._recycled.update(pairs.prompts, pairs.responses, pairs.hashes)
            bits[pairs.place] = again.exact * Kind.RECYCLED + again.soft * Kind.RECYCLED_SOFTLY
        found: list[int] = bits.tolist()
        return found

    def get_state(self) -> State:
        """Return the last prompts and answers as vectors of whole numbers, and hashes of the answers' words."""
        return self._recycled.get_state()

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `get_state`, where the vectors are as long."""
        self._recycled.set_state(state)
