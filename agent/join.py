"""Requests and responses, creates and updates, turns and feedback that arrive apart: which belong to one exchange.

Every half is scored when it comes. What is kept meanwhile is bounded in number and in event time: `waiting` exchanges,
of which a half (or, of feedback that came early, everything) is missing, and `settled` ones, which late feedback,
repetitions and halves that come too late are told by. Both are first in, first out, because a deadline is the watermark
at arrival plus a constant, and the watermark never steps back.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.join_entry import BOTH, MOST_VERDICTS, Entry, Verdict, carried, digest, verdicts
from agent.visit import Visit

if TYPE_CHECKING:
    from agent.intake import Item
    from agent.records import Exchange

OUTCOMES = ("joined", "unmatched", "expired", "late", "duplicate")
"""Every value of the label `outcome` of `offmap_joins`."""
PARTS = ("half", "feedback")
"""Every value of the label `part` of `offmap_joins`."""


class JoinBuffer:
    """Finds the exchange that each item belongs to.

    Parameters
    ----------
    max_pending : int
        Exchanges that wait at once, and settled ones that are remembered at once: at least 1 of each.
    ttl_seconds : float
        Event time that each of them is kept for at most.
    families : callable, optional
        From the name of a model that judged to the hash of its family.

    Attributes
    ----------
    waiting, settled : OrderedDict of int to Entry
        In the order of their deadlines. A plain dict would look for its first key among all that were deleted.
    outcomes : Counter of (str, str)
        Part and outcome, since the caller last emptied it.
    given_up : Counter of int
        Of exchanges given up, the halves that never came; since the caller last emptied it.
    """

    def __init__(
        self, max_pending: int, ttl_seconds: float, families: Callable[[str | None], int] = lambda _model: 0
    ) -> None:
        self._families = families
        self._most = max_pending
        self._ttl = ttl_seconds
        self.waiting: OrderedDict[int, Entry] = OrderedDict()
        self.settled: OrderedDict[int, Entry] = OrderedDict()
        self._by_trace: dict[int, int] = {}
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.given_up: Counter[int] = Counter()

    def visit(self, item: Item) -> Visit:
        """Take one item in, in the order of the stream."""
        self._expire(item.watermark)
        exchange = item.exchange
        if exchange is None:
            return Visit(item)
        halves = carried(exchange)
        if not halves and (exchange.join_key is not None or exchange.scores):
            return self._feedback(item, exchange)
        whole = exchange.join_key is None
        key = digest(exchange.id if whole else exchange.join_key)
        known = self.waiting.get(key) or self.settled.get(key)
        if item.status != "kept":
            if known is None or known.expired or not known.have or known.whole:
                return Visit(item, BOTH if whole else halves)
            item = item._replace(status="kept")  # as its first half was: one exchange is decided once
        if known is None or not known.have or (known.whole and whole):  # an id that comes again, whole, is another one
            return self._begin(item, exchange, key, known)
        return self._complete(item, known, (BOTH if whole else halves) & ~known.have)

    def restore(self, waiting: list[Entry], settled: list[Entry]) -> None:
        """Go on with these, oldest first; what exceeds the present limit is left out."""
        self.waiting = OrderedDict((entry.key, entry) for entry in waiting[-self._most :])
        self.settled = OrderedDict((entry.key, entry) for entry in settled[-self._most :])
        kept = [*self.settled.values(), *self.waiting.values()]
        self._by_trace = {entry.trace: entry.key for entry in kept if entry.trace and entry.have}

    def _begin(self, item: Item, exchange: Exchange, key: int, early: Entry | None) -> Visit:
        """Make a new exchange; feedback that was there before it is now joined, and so is what it brings itself."""
        whole = exchange.join_key is None
        halves = BOTH if whole else carried(exchange)
        entry = Entry(key, digest(exchange.trace_id), item.watermark + self._ttl, halves, whole=whole)
        if early is not None and not early.have:
            entry.verdicts = early.verdicts
            self.outcomes["feedback", "joined"] += len(early.verdicts)
        new = [each for each in verdicts(exchange, self._families) if each not in entry.verdicts]
        entry.verdicts = [*entry.verdicts, *new][:MOST_VERDICTS]
        found = tuple(entry.verdicts)
        if not key:  # nothing could ever be joined to it
            return Visit(item, halves, entry, True, found)
        if early is not None:
            self.waiting.pop(key, None)
        self._file(self.settled if halves == BOTH else self.waiting, entry, item.watermark)
        if entry.trace:
            self._by_trace[entry.trace] = key
        return Visit(item, halves, entry, completes=halves == BOTH, verdicts=found)

    def _complete(self, item: Item, entry: Entry, missing: int) -> Visit:
        """Add what was missing of a known exchange; nothing is scored twice."""
        if not missing:
            self.outcomes["half", "duplicate"] += 1
            return Visit(item._replace(status="duplicate"))
        self.outcomes["half", "late" if entry.expired else "joined"] += 1
        entry.have |= missing
        if self.waiting.pop(entry.key, None) is not None:
            entry.deadline = item.watermark + self._ttl
            self._file(self.settled, entry, item.watermark)
        return Visit(item, missing, entry, completes=not entry.expired)

    def _feedback(self, item: Item, exchange: Exchange) -> Visit:
        """Bring feedback, or an update without text, to its exchange; feedback without one waits for it."""
        given = verdicts(exchange, self._families)
        item = item._replace(status="feedback")
        entry = self._find(exchange)
        if entry is None or not entry.have:
            self._wait(item, exchange, given)
            return Visit(item)
        new = tuple(each for each in given if each not in entry.verdicts)
        self.outcomes["feedback", "duplicate"] += len(given) - len(new)
        self.outcomes["feedback", "joined"] += len(new) if given else 1
        entry.verdicts += new[: MOST_VERDICTS - len(entry.verdicts)]
        return Visit(item, 0, entry, verdicts=new)

    def _find(self, exchange: Exchange) -> Entry | None:
        """Look for the exchange that feedback names: by what joins them, else the newest of its trace."""
        keys = [digest(exchange.join_key), digest(exchange.id)]
        traces = [digest(exchange.trace_id), keys[0]]
        keys += [self._by_trace[trace] for trace in traces if trace in self._by_trace]
        found = (self.waiting.get(key) or self.settled.get(key) for key in keys if key)
        return next((entry for entry in found if entry is not None), None)

    def _wait(self, item: Item, exchange: Exchange, given: tuple[Verdict, ...]) -> None:
        key = digest(exchange.join_key or exchange.id)
        if not key or not given:
            self.outcomes["feedback", "unmatched"] += max(1, len(given))
            return
        entry = self.waiting.get(key)
        if entry is None:
            entry = Entry(key, 0, item.watermark + self._ttl)
            self._file(self.waiting, entry, item.watermark)
        new = [each for each in given if each not in entry.verdicts]
        self.outcomes["feedback", "duplicate"] += len(given) - len(new)
        kept = new[: MOST_VERDICTS - len(entry.verdicts)]
        self.outcomes["feedback", "unmatched"] += len(new) - len(kept)
        entry.verdicts += kept

    def _file(self, store: OrderedDict[int, Entry], entry: Entry, watermark: float) -> None:
        store[entry.key] = entry
        store.move_to_end(entry.key)  # an older one of the same id may have stood there
        self._expire(watermark)

    def _expire(self, watermark: float) -> None:
        while self.waiting and _is_due(self.waiting, self._most, watermark):
            self._give_up(self.waiting.popitem(last=False)[1], watermark)
        while self.settled and _is_due(self.settled, self._most, watermark):
            self._forget(self.settled.popitem(last=False)[1])

    def _give_up(self, entry: Entry, watermark: float) -> None:
        if not entry.have:
            self.outcomes["feedback", "unmatched"] += len(entry.verdicts)
            return
        self.outcomes["half", "expired"] += 1
        self.given_up[BOTH & ~entry.have] += 1
        entry.expired, entry.vector, entry.deadline = True, None, watermark + self._ttl
        self.settled[entry.key] = entry

    def _forget(self, entry: Entry) -> None:
        if self._by_trace.get(entry.trace) == entry.key:
            del self._by_trace[entry.trace]


def _is_due(store: OrderedDict[int, Entry], most: int, watermark: float) -> bool:
    return len(store) > most or store[next(iter(store))].deadline < watermark
