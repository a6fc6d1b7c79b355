"""An answer that ends in a repetition: the commonest way in which generation degenerates."""

from __future__ import annotations

TAIL = 2_000
"""Characters at the end that are looked at."""
SEED = 12
"""Characters at the end whose earlier places give the possible periods."""
REPEATS = 3
SHORTEST = 120
"""Characters that the repetition covers at least: lists and tables repeat shorter pieces."""

_DIGITS = b"0123456789"


def ends_in_loop(text: str) -> bool:
    """Say whether a text ends with one piece said over and over.

    White space counts as a single blank. Each earlier place of the last `SEED` characters gives a period p; from the
    end back, s[i] = s[i − p] has to hold for `REPEATS` periods, the first included, and for `SHORTEST` characters.
    Looked at twice: as it is, and with digits left out, so that a numbered repetition is one too. There the piece has
    to be letters for the most part: of columns of different numbers only the commas are left.

    Says nothing about a text that repeats itself with changes, or that recovered before its end.

    Examples
    --------
    >>> ends_in_loop("Here it is. " + "I am not sure what you mean. " * 6)
    True
    >>> ends_in_loop("Here it is. " + "I am not sure what you mean. " * 2), ends_in_loop("ha " * 20), ends_in_loop("")
    (False, False, False)
    >>> ends_in_loop(", ".join(map(str, range(500))))
    False
    """
    tail = text[-TAIL:]
    if _repeated(tail):
        return True
    # digits are no part of other characters' bytes, and of bytes they are left out several times as fast as of a str
    wordy = tail.encode("utf-8", "surrogatepass").translate(None, _DIGITS).decode("utf-8", "surrogatepass")
    if len(wordy) == len(tail):
        return False
    piece = _repeated(wordy)
    return 2 * sum(map(str.isalpha, piece)) >= max(len(piece), 1)


def _repeated(tail: str) -> str:
    """Return the piece that a text ends with over and over; nothing where it ends otherwise."""
    last = tail.rsplit(None, 1)[-1:]
    if not last or tail.count(last[0].rstrip()[-SEED:]) < REPEATS:  # most texts need not be squeezed
        return ""
    tail = " ".join(tail.split())
    if len(tail) < SHORTEST:
        return ""
    seed, place = tail[-SEED:], len(tail) - SEED
    while (place := tail.rfind(seed, 0, place + SEED - 1)) >= 0:
        period = len(tail) - SEED - place
        if period * REPEATS > len(tail):
            return ""
        covered = period + _common_suffix(tail, period)
        if covered >= max(SHORTEST, REPEATS * period):
            return tail[-period:]
    return ""


def _common_suffix(text: str, shift: int) -> int:
    """Characters at the end of a text that equal those `shift` places before; found by halving."""
    low, high = 0, len(text) - shift
    while low < high:
        middle = (low + high + 1) // 2
        if text[-middle:] == text[-middle - shift : -shift]:
            low = middle
        else:
            high = middle - 1
    return low
