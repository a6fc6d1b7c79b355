"""The states of word pieces at fit time: whole texts, drawn at random, bounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.fitting.piece_file import PieceFile, unit_states
from agent.records import Encoded
from detectors.style_fit import PieceStates

DIM = 4


def encoded(first: int, n: int) -> tuple[np.ndarray, Encoded]:
    """n texts of two chunks each; every state says which text, chunk and word piece it is of."""
    owner = np.repeat(np.arange(n), 2)
    lengths = 1 + (first + np.arange(2 * n)) % 5
    reduced = [
        np.stack([np.full(length, first + text), np.full(length, i % 2), np.arange(length), np.ones(length)], axis=1)
        for i, (text, length) in enumerate(zip(owner, lengths, strict=True))
    ]
    nothing = np.zeros((2 * n, 1, DIM), np.float32), (lengths + 2).astype(np.int32), owner.astype(np.int32)
    return owner + first, Encoded(*nothing, np.zeros(n, bool), [each.astype(np.float32) for each in reduced])


def collected(path: Path, n: int, room: int, seed: int = 0) -> PieceStates:
    with path.open("w+b") as opened:
        file = PieceFile(path, opened, DIM, seed, room)
        for first in range(0, n, 10):
            file.append(*encoded(first, 10))
            assert path.stat().st_size <= 4 * DIM * (room + 100)
        return file.finish()


@pytest.mark.parametrize("room", [10_000, 700, 60])
def test_what_is_kept_are_whole_texts(tmp_path: Path, room: int) -> None:
    found = collected(tmp_path / "pieces", 500, room)
    assert len(found.states) <= room
    assert found.starts[-1] == len(found.states)
    assert (np.diff(found.owner) >= 0).all()
    for i, (a, b) in enumerate(zip(found.starts[:-1], found.starts[1:], strict=True)):
        states = found.states[a:b]
        assert (states[:, 0] == found.owner[i]).all()
        assert (states[:, 1] == i % 2).all()
        assert states[:, 2].tolist() == list(range(found.tokens[i] - 2))
    assert np.unique(found.owner, return_counts=True)[1].tolist() == [2] * (len(found.owner) // 2)


def test_the_texts_are_drawn_evenly_from_first_to_last(tmp_path: Path) -> None:
    owners = np.concatenate([collected(tmp_path / "pieces", 1_000, 900, seed).owner for seed in range(8)])
    assert len(owners) > 1_000
    assert owners.mean() == pytest.approx(500, abs=50)
    again = collected(tmp_path / "pieces", 1_000, 900, 7).owner
    assert again.tolist() == owners[-len(again) :].tolist()


def test_states_are_kept_at_length_one() -> None:
    np.testing.assert_allclose(unit_states(np.array([[3.0, 4.0]], np.float32)), [[0.6, 0.8]], rtol=1e-6)


def test_nothing_kept_is_no_states(tmp_path: Path) -> None:
    assert collected(tmp_path / "pieces", 0, 10).states.shape == (0, DIM)
