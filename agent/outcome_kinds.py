"""The ways in which an exchange can go wrong, as bits and as the values of a label."""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """What is known of how an exchange ended: bits, to be added up; the names in lower case are values of a label.

    Their numbers stand in checkpoints: a new one is added at the end.
    """

    ERROR = 1 << 0  # the server answered with an error
    EMPTY = 1 << 1  # an answer without text or tool calls
    REFUSED = 1 << 2  # the model says that it cannot or will not, or a filter stopped it
    REFUSED_SOFTLY = 1 << 3  # it moralises instead
    TRUNCATED = 1 << 4  # the finish reason says that the answer ran into its limit
    UNFINISHED = 1 << 5  # the text does not end like one that is finished
    LOOP = 1 << 6  # the answer ends in a repetition
    IRRELEVANT = 1 << 7  # prompt and answer have nothing in common
    RECYCLED = 1 << 8  # the answer was given, to the word, to another prompt not long before
    FEEDBACK = 1 << 9  # somebody disliked it
    JUDGE = 1 << 10  # a judging model failed it
    ANY = 1 << 11  # at least one of those that the settings name
    RECYCLED_SOFTLY = 1 << 12  # nearly the same answer was given to another prompt not long before
