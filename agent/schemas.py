"""The schemas that are known, and what happens while the registry cannot be asked.

A message whose schema is not known yet waits, and everything behind it: nothing is lost while a registry starts anew.
But a stream must go on: when the registry has not answered for `patience` seconds, such messages are counted as
"schema_unavailable", and it is asked again now and then. Schemas that are known need no registry.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agent.payloads import decode
from agent.payloads.reasons import SchemaError, UnreadableError
from agent.records import Exchange, Record, Rejected
from agent.schema_client import RegistryError, UnknownSchemaError

if TYPE_CHECKING:
    from agent.payloads import DecodeOptions

log = logging.getLogger(__name__)

Reader = Callable[[bytes], Any]

MOST_SCHEMAS = 200
"""Schemas that are held at once."""
MOST_REFUSED = 1_000
REFUSED_SECONDS = 60.0
"""An id that the registry does not know is asked for again after so long: a follower may be behind its leader."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
ASKS_PER_SECOND, MOST_ASKS = 10.0, 100.0
"""How often new ids may be asked for, and how many at once: messages with made-up ids must not take all the time."""
_MOST_FRAMES = 8
_UNAVAILABLE = Rejected("schema_unavailable")


class StoppedError(Exception):
    """The agent was told to stop while a message waited for its schema."""


class SchemaCache:
    """Finds schemas by id; `fetch` asks for the one that was missed last.

    Parameters
    ----------
    ask : callable
        As `schema_client.fetch` with its options.
    patience : float
        Seconds that messages wait for a registry that does not answer.
    clock : callable
        Monotonic seconds.

    Attributes
    ----------
    wait : callable
        Waits so many seconds; returns whether the agent was told to stop meanwhile.
    show : callable
        Told whether the registry answers, whenever it was asked.
    """

    def __init__(
        self,
        ask: Callable[[int], Reader],
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.wait: Callable[[float], bool | None] = time.sleep
        self.show: Callable[[bool], None] = lambda _: None
        self._ask = ask
        self._patience = patience
        self._clock = clock
        self._known: OrderedDict[int, Reader] = OrderedDict()
        self._refused: OrderedDict[int, tuple[str, float]] = OrderedDict()
        self._missed: int | None = None
        self._silent_since: float | None = None
        self._next_try = self._delay = 0.0
        self._asks, self._asks_at = MOST_ASKS, clock()

    def find(self, number: int) -> Reader:
        """Return what reads the messages of a schema.

        Raises
        ------
        UnreadableError
            With reason "no_schema" or "bad_schema"; "schema_unavailable" where `fetch` may help.
        """
        found = self._known.get(number)
        if found is not None:
            self._known.move_to_end(number)
            return found
        reason, until = self._refused.get(number, ("", 0.0))
        if reason and self._clock() < until:
            raise UnreadableError(reason)
        self._missed = number
        raise UnreadableError("schema_unavailable")

    def fetch(self) -> bool:
        """Ask for the schema that was missed last; False where it remains unknown what it is.

        Raises
        ------
        StoppedError
        """
        number, self._missed = self._missed, None
        if number is None or not self._may_ask():
            return False
        while not self._asked(number):
            now = self._clock()
            if self._silent_since is None:
                self._silent_since = now
            left = self._silent_since + self._patience - now
            self._delay = min(LONGEST_WAIT, 2 * self._delay or FIRST_WAIT)
            self._next_try = now + self._delay
            if left <= 0:
                return False
            if self.wait(min(self._delay, left)):
                raise StoppedError
        return True

    def _may_ask(self) -> bool:
        now = self._clock()
        self._asks = min(MOST_ASKS, self._asks + ASKS_PER_SECOND * (now - self._asks_at))
        self._asks_at = now
        if now < self._next_try or self._asks < 1.0:
            return False
        self._asks -= 1.0
        return True

    def _asked(self, number: int) -> bool:
        """Ask once; whether there was an answer."""
        try:
            self._keep(number, self._ask(number))
        except RegistryError as error:
            self.show(False)
            if self._silent_since is None:
                log.warning(
                    "the schema registry does not answer (%s): messages that need it wait %g s", error, self._patience
                )
            return False
        except UnknownSchemaError:
            self._refuse(number, "no_schema")
        except SchemaError as error:
            if number not in self._refused:
                log.warning("schema %d cannot be used: %s", number, error.words)
            self._refuse(number, error.reason)
        if self._silent_since is not None:
            log.info("the schema registry answers again")
        self._silent_since, self._next_try, self._delay = None, 0.0, 0.0
        self.show(True)
        return True

    def _keep(self, number: int, found: Reader) -> None:
        self._known[number] = found
        if len(self._known) > MOST_SCHEMAS:
            self._known.popitem(last=False)

    def _refuse(self, number: int, reason: str) -> None:
        self._refused[number] = (reason, self._clock() + REFUSED_SECONDS)
        self._refused.move_to_end(number)
        if len(self._refused) > MOST_REFUSED:
            self._refused.popitem(last=False)


def decoder(options: DecodeOptions) -> Callable[[Record], list[Exchange | Rejected]]:
    """Return what decodes, and asks the registry for the schemas that it comes to need."""
    schemas = options.schemas

    def read(record: Record) -> list[Exchange | Rejected]:
        found = decode(record, options)
        for _ in range(_MOST_FRAMES):
            if _UNAVAILABLE not in found or not isinstance(schemas, SchemaCache) or not schemas.fetch():
                break
            found = decode(record, options)
        return found

    return read
