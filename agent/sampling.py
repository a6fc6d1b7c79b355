"""When behind: which exchanges are embedded, and how large their share must be to catch up."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

_SPAN = float(1 << 64)


class HashSampler:
    """Keep a fixed fraction of ids, by their hash: the same id is always decided alike, on every pod and in replay.

    The hash knows nothing of the content, so a share measured on what is kept estimates the share of all.

    Parameters
    ----------
    fraction : float
        In [0, 1].

    Examples
    --------
    >>> HashSampler(1.0).keeps("a"), HashSampler(0.0).keeps("a")
    (True, False)
    """

    def __init__(self, fraction: float = 1.0) -> None:
        self.fraction = fraction

    def keeps(self, identity: str) -> bool:
        """Whether the exchange with this id is embedded."""
        if self.fraction >= 1.0:
            return True
        digest = blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big") < self.fraction * _SPAN


@dataclass(slots=True)
class FractionControl:
    """Choose the fraction with which the agent keeps up and works off its backlog within the target time.

    With arrival rate r (records/s), lag L (records), target T (s), seconds d for reading and decoding one record and
    seconds e for embedding and scoring one kept exchange, keeping up needs ρ = r + L/T records/s, and one thread can
    give (1 − ρ·d)/(ρ·e) of them the full treatment. Costs and rate are smoothed exponentially; the fraction may rise by
    half at most per step, so that one quiet moment does not open the gate.

    Parameters
    ----------
    smallest, largest : float
        Bounds of the fraction, 0 < smallest ≤ largest ≤ 1.
    target_seconds : float
        Time within which a backlog should be gone.
    """

    smallest: float
    largest: float
    target_seconds: float
    _rate: float = 0.0
    _read_cost: float = 0.0
    _full_cost: float = 0.0

    def next_fraction(self, present: float, seen: Observed) -> float:
        """Return the fraction for the time until the next call.

        Parameters
        ----------
        present : float
            The fraction in force.
        seen : Observed
            What happened since the last call.
        """
        self._learn(seen)
        if seen.lag <= 0 or self._full_cost <= 0:
            return min(self.largest, max(present * 1.5, self.smallest))
        needed = self._rate + seen.lag / self.target_seconds
        affordable = (1.0 - needed * self._read_cost) / (needed * self._full_cost)
        return min(self.largest, max(self.smallest, min(affordable, present * 1.5)))

    def _learn(self, seen: Observed) -> None:
        if seen.seconds > 0:
            self._rate = _smooth(self._rate, max(0.0, (seen.records + seen.lag_change) / seen.seconds))
        if seen.records > 0:
            self._read_cost = _smooth(self._read_cost, seen.read_seconds / seen.records)
        if seen.kept > 0:
            self._full_cost = _smooth(self._full_cost, seen.full_seconds / seen.kept)


@dataclass(frozen=True, slots=True)
class Observed:
    """What the control sees between two calls: times in seconds, the rest in records or exchanges."""

    seconds: float
    records: int
    lag: int
    lag_change: int
    kept: int
    read_seconds: float
    full_seconds: float


def _smooth(old: float, new: float) -> float:
    return new if old == 0.0 else 0.7 * old + 0.3 * new
