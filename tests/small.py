"""A small profile, fitted by the real code on random words with the embedder of letter pairs: no torch, a second."""

from __future__ import annotations

import functools
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.pipeline import SIDES
from agent.profile import Profile, write_profile
from agent.words import word_ids, words_of
from detectors.fit_reference import fit_reference
from detectors.rarity import WordCounter
from tests.models import letters_embedder, letters_parts

WORDS = ["meter", "bill", "tariff", "boiler", "refund", "outage", "solar", "quote"]
WORDS += ["engineer", "reading", "account", "debit", "smart", "moving", "gas"]
ODD = ["quokka", "zyzzyva", "fjord", "xylem", "jynx", "vizier"]

# Held for the whole run: removed with the interpreter.
_FOLDER = tempfile.TemporaryDirectory(prefix="offmap-small-")


def sentences(n: int, seed: int, words: list[str] = WORDS) -> list[str]:
    """n random texts of three to twelve words."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(words, k=draw.randint(3, 12))) for _ in range(n)]


@functools.cache
def small_profile() -> Path:
    """The profile's file; prompts and responses have a reference each."""
    references = {}
    for seed, side in enumerate(SIDES):
        texts = list(dict.fromkeys(sentences(1_500, seed)))
        counter = WordCounter()
        for text in texts:
            counter.add(word_ids(words_of(text)))
        reference = fit_reference(letters_embedder().encode(texts, 1), seed=0).reference
        references[side] = reference.to_arrays() | counter.to_arrays()
    path = Path(_FOLDER.name) / "small.offmap"
    write_profile(path, Profile({"prompt_part": "last_user"}, references, *letters_parts()))
    return path


def small_settings(**sections: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings with the small profile."""
    return {"profile": {"path": str(small_profile())}, "embedding": {"threads": 1}, **sections}


@pytest.fixture(scope="module")
def quick_mix() -> Iterator[None]:
    """Record baselines in a second: the mix is seen less finely, its thresholds are simulated for 500 texts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agent.baseline.RUN_LENGTH", 500.0)
        for name, value in (("FREQUENCIES", 96), ("DIRECTIONS", 32), ("STREAMS", 60)):
            patch.setattr(f"detectors.mmd_fit.{name}", value)
        yield
