"""Which training regions production visits, which it no longer does, and whether it keeps to the dense ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import lgamma
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.measurement import Measurement

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HORIZONS = (1_000, 10_000, 100_000)

log_gamma = np.vectorize(lgamma, otypes=[np.float64])


def unvisited_by_chance(counts: Floats, messages: int) -> Floats:
    """Probability that a cell is missed by so many messages that are like training, shape (C,).

    Given a cell's training texts n of N in all, its share is Beta(n, N − n), so a run of M messages misses it with
    probability Γ(N − n + M)·Γ(N)/(Γ(N − n)·Γ(N + M)). For a ball that reaches to the k-th of N neighbours, that is for
    Beta(k, N + 1 − k), this is Π_{i<k} (N − i)/(N + M − i).

    >>> unvisited_by_chance(np.array([1.0, 3.0, 0.0]), 4).round(4).tolist()
    [0.4286, 0.0286, 1.0]
    """
    return _mean_of_misses(counts, np.full(len(counts), messages), 0)


def gap_limits(counts: Floats, run_length: float) -> Ints:
    """Messages without a visit after which a cell counts as lost, shape (C,).

    A cell of share w is claimed lost w·(1 − w)^g times a message, once for each gap that reaches g. The limits hold the
    claims of every cell, averaged over what its training texts leave open about w, to 1/(C·A) a message: so that A
    messages are expected between false claims over all C cells.
    """
    low, high = np.zeros(len(counts), dtype=np.int64), np.full(len(counts), 2**40)
    rate = 1 / (len(counts) * run_length)
    while (high - low > 1).any():
        middle = (low + high) // 2
        often = _mean_of_misses(counts, middle, 1) > rate
        low, high = np.where(often, middle, low), np.where(often, high, middle)
    return high


class CellCoverage:
    """Follows the visits to training cells by texts that lie on the map.

    Measurements, each with the horizon in texts as its field:

    - ``cell_coverage``: share of cells visited within the horizon, in [0, 1];
    - ``cell_coverage_ratio``: that share over what as many texts like training would reach; 1 where nothing drifts;
    - ``unvisited_mass``: training mass of the cells not visited, less what volume alone explains; in [−1, 1];
    - ``cell_density``: mean training mass of the visited cells over the same for training itself, forgetting over the
      horizon; 1 where nothing drifts, above where production keeps to dense regions. From the first full horizon on.

    And over all: ``lost_mass`` and ``lost_cells``, training mass and number of cells whose last visit is longer ago
    than chance explains (`gap_limits`); while there are any, ``lost_evidence``: −ln of the chance that texts like
    training miss the surest of them for so long, above 0.

    Parameters
    ----------
    counts : ndarray of float64, shape (C,)
        Training texts in each cell, discounted for what fitting the cells on them has flattered (`fair_counts`).
    run_length : float
        Expected number of texts between false claims of a lost cell.
    horizons : sequence of int
        In texts.

    Examples
    --------
    >>> coverage = CellCoverage(np.array([50.0, 50.0]), run_length=1000, horizons=[10])
    >>> coverage.update(np.zeros(40, dtype=np.int32))
    >>> [(m.name, round(m.value, 3)) for m in coverage.measure()][:2]
    [('cell_coverage', 0.5), ('cell_coverage_ratio', 0.501)]
    """

    def __init__(self, counts: Floats, run_length: float, horizons: Sequence[int] = HORIZONS) -> None:
        self._counts = np.asarray(counts, dtype=np.float64)
        self._mass = self._counts / self._counts.sum()
        self._limits = gap_limits(self._counts, run_length)
        self._horizons = np.array(horizons, dtype=np.int64)
        self._gain = 2 / (self._horizons + 1)
        self._density = self._mass / np.square(self._mass).sum()
        self._n = 0
        # texts that had come at the last visit, by one that counted and by any; 0: none
        self._last = np.zeros((2, len(counts)), dtype=np.int64)
        self._forgetting = np.ones(len(horizons))

    def update(self, cells: npt.NDArray[np.integer[Any]], counted: npt.NDArray[np.bool_] | None = None) -> None:
        """Take in the cells (n,) of texts on the map, in order (leave those with a small p-value out).

        Of a burst only one should be `counted` (see `detectors.sessions`): the rest visit few cells beside it, and
        would make those not visited look lost. They keep the cells that they do visit from being called so.
        """
        counts = np.ones(len(cells), dtype=np.bool_) if counted is None else counted
        for cell, count in zip(cells.tolist(), counts.tolist(), strict=True):
            if count:
                self._n += 1
                self._last[0, cell] = self._n
                self._forgetting += (self._density[cell] - self._forgetting) * self._gain
            self._last[1, cell] = self._n

    def measure(self) -> list[Measurement]:
        """Return what is known so far; nothing before the first text."""
        if not self._n:
            return []
        found = [m for i in range(len(self._horizons)) for m in self._over(i)]
        lost = self.lost()
        found.append(Measurement("lost_mass", float(self._mass[lost].sum()), self._n))
        found.append(Measurement("lost_cells", float(len(lost)), self._n))
        if len(lost):
            chance = max(_mean_of_misses(self._counts, self._n - self._last[1], 0)[lost].min(), 1e-300)
            found.append(Measurement("lost_evidence", float(-np.log(chance)), self._n))
        return found

    def lost(self) -> Ints:
        """Return the cells that count as lost."""
        return np.flatnonzero(self._n - self._last[1] >= self._limits)

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that `update` changes as arrays, and what they belong to."""
        return {
            "horizons": self._horizons,
            "n": np.array(self._n),
            "last": self._last.copy(),
            "density": self._forgetting.copy(),
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Go on from `get_state`; False, and nothing changed, where that had other cells or horizons."""
        if not np.array_equal(state["horizons"], self._horizons) or state["last"].shape != self._last.shape:
            return False
        self._n, self._last, self._forgetting = int(state["n"]), state["last"].copy(), state["density"].copy()
        return True

    def _over(self, i: int) -> list[Measurement]:
        horizon, field = int(self._horizons[i]), str(self._horizons[i])
        texts = min(self._n, horizon)
        visited = self._last[0] > self._n - texts
        missed = unvisited_by_chance(self._counts, texts)
        values = {
            "cell_coverage": visited.mean(),
            "cell_coverage_ratio": visited.mean() / (1 - missed).mean(),
            "unvisited_mass": self._mass @ (~visited - missed),
        }
        if self._n >= horizon:
            values["cell_density"] = self._forgetting[i]
        return [Measurement(name, float(value), texts, field) for name, value in values.items()]


def _mean_of_misses(counts: Floats, messages: Ints, visits: int) -> Floats:
    """Mean of w^visits·(1 − w)^messages for w of law Beta(n, N − n), shape (C,)."""
    total = counts.sum()
    (n, m), where = np.unique(np.stack([counts, messages]), axis=1, return_inverse=True)  # few differ: counts repeat
    certain = (n <= 0) | (n >= total)
    a, b = np.where(certain, 1.0, n), np.where(certain, 1.0, total - n)
    logs = log_gamma(a + visits) - log_gamma(a) + log_gamma(b + m) - log_gamma(b)
    means = np.exp(logs + log_gamma(a + b) - log_gamma(a + b + visits + m))
    share = (n > 0).astype(np.float64)
    means[certain] = (share**visits * (1 - share) ** m)[certain]
    found: Floats = means[where.ravel()]
    return found
