"""What several judges are worth together: how their errors go together, how they agree beyond chance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FEWEST_GOLD = 200
"""Exchanges in common, of which the truth is known, below which nothing is said of two judges' errors."""
FEWEST_COMMON = 500
"""Exchanges in common below which nothing is said of two judges' agreement."""

Tables = npt.NDArray[np.int64]


class EffectiveVotes(NamedTuple):
    """How many judges there are, and how many independent ones they are worth."""

    judges: int
    votes: float


def effective_votes(errors: Tables) -> EffectiveVotes | None:
    """Return n = J/(1 + (J − 1)ρ̄) for J judges whose errors correlate by ρ̄ on average (Kish's design effect).

    Parameters
    ----------
    errors : ndarray of int, shape (J, J, 2, 2)
        For each pair of judges j < k the exchanges by whether j erred and whether k erred; the rest is not looked at.

    Returns
    -------
    EffectiveVotes or None
        None where no pair has `FEWEST_GOLD` exchanges in common, or one of each pair never or always errs.

    Examples
    --------
    >>> errors = np.zeros((2, 2, 2, 2), dtype=np.int64)
    >>> errors[0, 1] = [[160, 20], [20, 50]]
    >>> found = effective_votes(errors)
    >>> found.judges, round(found.votes, 2)
    (2, 1.25)
    """
    pairs = _pairs(errors, FEWEST_GOLD)
    found = {pair: value for pair, table in pairs.items() if (value := _phi(table)) is not None}
    if not found:
        return None
    judges = len({judge for pair in found for judge in pair})
    spread = 1 + (judges - 1) * float(np.mean(list(found.values())))
    return EffectiveVotes(judges, judges / spread) if spread > 0 else None


def mean_kappa(verdicts: Tables) -> float | None:
    """Return Cohen's kappa, mean over pairs with `FEWEST_COMMON` exchanges in common; None without any.

    Parameters
    ----------
    verdicts : ndarray of int, shape (J, J, 2, 2)
        For each pair of judges j < k the exchanges by whether j failed the answer and whether k did.

    Examples
    --------
    >>> verdicts = np.zeros((2, 2, 2, 2), dtype=np.int64)
    >>> verdicts[0, 1] = [[200, 100], [100, 200]]
    >>> round(mean_kappa(verdicts), 3)
    0.333
    """
    found = [value for table in _pairs(verdicts, FEWEST_COMMON).values() if (value := _kappa(table)) is not None]
    return float(np.mean(found)) if found else None


def _pairs(tables: Tables, fewest: int) -> dict[tuple[int, int], Tables]:
    judges = range(len(tables))
    return {(j, k): tables[j, k] for j in judges for k in judges if j < k and tables[j, k].sum() >= fewest}


def _phi(table: Tables) -> float | None:
    margins = np.concatenate([table.sum(axis=0), table.sum(axis=1)]).astype(np.float64)
    if not margins.all():
        return None
    crossed = float(table[0, 0]) * float(table[1, 1]) - float(table[0, 1]) * float(table[1, 0])
    return float(crossed / np.sqrt(margins.prod()))


def _kappa(table: Tables) -> float | None:
    n = float(table.sum())
    observed = float(np.trace(table)) / n
    chance = float((table.sum(axis=0) * table.sum(axis=1)).sum()) / n**2
    return (observed - chance) / (1 - chance) if chance < 1 else None
