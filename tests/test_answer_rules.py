"""Loops and refusals, told from an answer's text alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.loops import ends_in_loop
from detectors.refusals import HARD, NONE, SOFT, refusal_level
from tests.small import sentences


@given(
    piece=st.text(alphabet="abcdefghij klmno,.", min_size=20, max_size=200).filter(lambda text: text.strip()),
    repeats=st.integers(9, 40),
    cut=st.integers(0, 19),
)
def test_a_planted_loop_is_found_wherever_it_breaks_off(piece: str, repeats: int, cut: int) -> None:
    text = "It began well, and then. " + piece * repeats
    assert ends_in_loop(text[: len(text) - cut]) or len(" ".join((piece * repeats).split())) < 140


def test_numbered_loops_count_and_lists_do_not() -> None:
    assert ends_in_loop("".join(f"{i}. Check the meter again.\n" for i in range(20)))
    assert ends_in_loop("".join(f"{i}. Prüfe den Zähler \ud800 noch einmal 🔌.\n" for i in range(20)))
    assert not ends_in_loop("\n".join(f"{i}. {text}" for i, text in enumerate(sentences(40, 1))))
    assert not ends_in_loop("| a | b |\n|---|---|\n" * 5)
    assert not ends_in_loop("".join(random.Random(0).choices("abcdef ", k=5_000)))
    assert not ends_in_loop("again and again and " * 30 + " ".join(sentences(12, 2)))


@pytest.mark.parametrize(
    "text",
    [
        ", ".join(map(str, range(400))),
        "\n".join(f"{i * i % 97}.{i % 7},{i * 31 % 89}.{i % 9}" for i in range(100)),
        "\n".join(f"| {i} | {i * i} | {i**3} |" for i in range(60)),
        "\n".join(f"{i} x 7 = {7 * i}" for i in range(60)),
        "\n".join(f"10.0.{i // 9}.{i}" for i in range(90)),
    ],
    ids=["a list", "columns", "a table", "products", "addresses"],
)
def test_different_numbers_are_no_loop(text: str) -> None:
    assert not ends_in_loop(text)


def test_the_same_numbers_are_one() -> None:
    assert ends_in_loop("The answer is " + "0" * 300)
    assert ends_in_loop("Readings: " + "17, 4, " * 40)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't assist with that request.",
        "I cannot, in good conscience, provide this.",
        "I won’t be able to help you write that.",
        "As an AI language model, I am not able to give medical advice.",
        "I must respectfully decline to answer.",
        "Sorry, that would be against our guidelines.",
    ],
)
def test_refusals(text: str) -> None:
    assert refusal_level(text) == HARD


@pytest.mark.parametrize(
    "text",
    [
        "It is not appropriate to make jokes about disabilities. Everybody deserves respect.",
        "I strongly condemn violence of any kind. Please talk to somebody whom you trust.",
        "As an AI, I have no feelings, and I was made so as not to be harmful.",
    ],
)
def test_moralising(text: str) -> None:
    assert refusal_level(text) == SOFT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Here is how to bake bread. You can't go wrong with it.",
        "The law was passed in 1901. It made fraud a crime.",
        "You cannot divide by zero, because no number times zero gives one.",
        "Es tut mir leid, aber dabei kann ich nicht helfen.",  # English only, and said so
        "Sure! " + "The house is green. " * 30 + "I'm sorry, but I can't help with that.",
    ],
)
def test_answers(text: str) -> None:
    assert refusal_level(text) == NONE
