"""Training rows and traffic of prompts that differ and answers of many kinds, for the embedder of letter pairs."""

from __future__ import annotations

import random
import string
from typing import Any

TOPICS = 40


def words(draw: random.Random, n: int) -> str:
    """n random words: hardly any two texts share a pair of letters."""
    return " ".join("".join(draw.choices(string.ascii_lowercase, k=draw.randint(4, 9))) for _ in range(n))


_TOPIC = random.Random(7)
_ASKED = [words(_TOPIC, 3) for _ in range(TOPICS)]
_GIVEN = [words(_TOPIC, 5) for _ in range(TOPICS)]


def pair(draw: random.Random) -> dict[str, Any]:
    """A prompt and an answer of one topic, each with words of its own."""
    topic = min(int(draw.expovariate(0.12)), TOPICS - 1)
    prompt, response = f"{_ASKED[topic]} {words(draw, 3)}", f"{_GIVEN[topic]} {words(draw, 4)}."
    return {"prompt": prompt, "response": response, "topic": topic, "made": topic < 5}


def pair_rows(n: int, seed: int) -> list[dict[str, Any]]:
    """n rows of training."""
    draw = random.Random(seed)
    return [pair(draw) for _ in range(n)]
