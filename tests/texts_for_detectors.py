"""Embedded texts made up for the tests: clusters on the sphere, with inner layers that lead to the last."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class MadeUp:
    layers: npt.NDArray[np.float32]
    tokens: npt.NDArray[np.int32]
    owner: npt.NDArray[np.int32]


def made_up(
    n: int, seed: int, *, dim: int = 32, n_layers: int = 3, clusters: range = range(15), chunks: int = 1
) -> MadeUp:
    """n texts around the centres of some clusters; the same centre for the same cluster, whatever the seed."""
    centres = np.random.default_rng(99).normal(size=(200, dim))
    rotations = np.random.default_rng(98).normal(size=(n_layers - 1, dim, dim)) / np.sqrt(dim)
    rng = np.random.default_rng(seed)
    last = centres[rng.choice(np.array(clusters), size=n * chunks)] + 0.7 * rng.normal(size=(n * chunks, dim))
    inner = [last @ rotation + 0.3 * rng.normal(size=last.shape) for rotation in rotations]
    layers = np.stack([*inner, last], axis=1)
    layers /= np.linalg.norm(layers, axis=2, keepdims=True)
    tokens = rng.integers(4, 60, size=n * chunks).astype(np.int32)
    return MadeUp(layers.astype(np.float32), tokens, np.repeat(np.arange(n, dtype=np.int32), chunks))


def made_up_labels(n: int, seed: int, *, clusters: range = range(15)) -> npt.NDArray[np.int64]:
    """The cluster of each of the texts of one chunk that `made_up` gives for the same seed."""
    return np.random.default_rng(seed).choice(np.array(clusters), size=n)
