"""Fits in a second: the compiler of models stands aside for the embedder of letter pairs."""

import sys
from types import SimpleNamespace

import pytest

from tests.models import letters_parts

COSINES = {"fp32_cosine_min": 1.0, "int8_cosine_mean": 0.99, "int8_cosine_min": 0.98}


@pytest.fixture
def letters_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every model the embedder of letter pairs, without importing torch."""
    use_letters(monkeypatch)


def use_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do the same, for as long as the patch lasts."""
    compiled = SimpleNamespace(**letters_parts()._asdict(), **COSINES)
    stand_in = SimpleNamespace(compile_model=lambda _name: compiled)
    monkeypatch.setitem(sys.modules, "agent.embedding.compile_model", stand_in)
