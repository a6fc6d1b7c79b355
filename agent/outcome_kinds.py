"""What is known of an exchange, as bits; the ways in which it can go wrong, as the values of a label."""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """What is known of how an exchange ended: bits, to be added up.

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
    RATED = 1 << 13  # somebody said whether it was good
    JUDGED = 1 << 14  # a judging model said it
    GOLD_GOOD = 1 << 15  # it is known to be good
    GOLD_BAD = 1 << 16  # it is known to be bad
    PLANTED = 1 << 17  # it is bad on purpose
    COUNTED = 1 << 18  # it stands for its session, or for others of the same words: see `agent.outcome_book`


OF_THE_TEXT = (
    Kind.ERROR, Kind.EMPTY, Kind.REFUSED, Kind.REFUSED_SOFTLY, Kind.TRUNCATED, Kind.UNFINISHED, Kind.LOOP,
)  # fmt: skip
"""Kinds that can be told of every exchange that was answered."""

OF_BOTH_TEXTS = (Kind.IRRELEVANT, Kind.RECYCLED, Kind.RECYCLED_SOFTLY)
"""Kinds that can be told where prompt and response were embedded."""

OUTCOMES = (*OF_THE_TEXT, *OF_BOTH_TEXTS, Kind.FEEDBACK, Kind.JUDGE, Kind.ANY)
"""Every value of the label `kind`, the names in lower case."""
