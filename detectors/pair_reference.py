"""What training pairs of prompt and response are like: what the answers of a window are to be expected to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.echo import DECILES, FIELDS, EchoRows
from detectors.near import Whole

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

SIGNS = ("tail", "echo", "verbatim", "recycled")
"""What is told of each answer, in the order of the columns of `expected`."""

PREFIX = "pair_"
"""Of the names of its arrays in a profile."""

ACCEPTED = "accepted_pair_"
"""The same of those that a baseline puts over them."""

ACCEPTED_ARRAYS = (
    "prompt_cells", "expected", "counts", "dispersion", "alike", "yielding", "n_pairs", "usual_n", "usual_mean",
    "usual_sd",
)  # fmt: skip
"""What a baseline puts over training's: how answers vary and how often signs are said, given what is asked."""

VERBATIM = np.float32(0.97)
"""An answer of larger cosine to a training response repeats it."""


class Seen(NamedTuple):
    """What n exchanges are, by themselves.

    Attributes
    ----------
    cell : ndarray of int64, shape (n,)
        Of the prompt, in 0..K−1.
    tail : ndarray of bool, shape (n,)
        The answer lies in one of the rare response cells.
    echo : ndarray of bool, shape (n,)
        It is nearer to a training response than 95 % of fresh answers to prompts as near to training are.
    verbatim : ndarray of bool, shape (n,)
        It repeats a training response.
    """

    cell: npt.NDArray[np.int64]
    tail: Flags
    echo: Flags
    verbatim: Flags


class Usual(NamedTuple):
    """What windows of n training pairs reach: mean and standard deviation of D and A (`detectors.collapse`)."""

    n: int
    mean: Floats
    sd: Floats


@dataclass(frozen=True, slots=True, eq=False)
class PairReference:
    """Training pairs, as far as windows of production are compared with them.

    Attributes
    ----------
    prompt_cells : Whole
        K coarse prototypes of prompts.
    prompts : Whole
        Fine ones: how far from training a prompt is.
    response_cells : Whole
        C prototypes of responses.
    rare : ndarray of bool, shape (C,)
        The cells of the fewest training responses, up to a fifth of them.
    echo : EchoRows
    expected : ndarray of float64, shape (K, 4)
        How often each of `SIGNS` is said of fresh answers to prompts of each cell.
    counts : ndarray of float64, shape (K,)
        Pairs that this stands on, half of all, pseudo-pairs included.
    dispersion : ndarray of float64, shape (4,)
        Variance of windows over what chance alone gives, at least 1.
    alike : ndarray of float64, shape (2, K, K)
        Mean squared cosine of responses to prompts of two cells, and of these prompts.
    yielding : ndarray of float64, shape (2,)
        How much of what makes prompts more alike than their cells shows in answers, and by how much that differs.
    n_pairs : int
    usual : tuple of Usual
        By ascending size of the window, each the double of the one before.
    """

    prompt_cells: Whole
    prompts: Whole
    response_cells: Whole
    rare: Flags
    echo: EchoRows
    expected: Floats
    counts: Floats
    dispersion: Floats
    alike: Floats
    yielding: Floats
    n_pairs: int
    usual: tuple[Usual, ...]

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.prompts.rows.shape[1])

    def look(self, prompts: Whole, responses: Whole, hashes: npt.NDArray[np.uint64]) -> Seen:
        """Say of each of n exchanges what it is; answers too short to tell (hash 0) neither echo nor repeat."""
        decile = np.searchsorted(self.echo.edges, 1 - prompts.cosines(self.prompts).max(axis=1))
        answer = responses.cosines(self.response_cells).argmax(axis=1)
        nearest = self.echo.nearest(responses, answer)
        told = hashes > 0
        return Seen(
            prompts.cosines(self.prompt_cells).argmax(axis=1),
            self.rare[answer],
            told & (1 - nearest < self.echo.limits[decile]),
            (told & (nearest >= VERBATIM)) | self.echo.has(hashes),
        )

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that `from_arrays` needs."""
        return {
            **{name: getattr(self, name).rows for name in _WHOLE},
            **{name: getattr(self, name).astype(np.float32) for name in _NUMBERS},
            **{f"echo_{name}": getattr(self.echo, name) for name in FIELDS},
            "rare": self.rare.astype(np.int8),
            "n_pairs": np.asarray(self.n_pairs),
            "usual_n": np.array([usual.n for usual in self.usual]),
            "usual_mean": np.stack([usual.mean for usual in self.usual]),
            "usual_sd": np.stack([usual.sd for usual in self.usual]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> PairReference:
        """Build it from what `to_arrays` gave.

        Raises
        ------
        ValueError
            If an array is missing or does not belong to the others: says which.
        """
        missing = [name for name in _ARRAYS if name not in arrays]
        if missing:
            raise ValueError(f"a reference of pairs without {', '.join(missing)}")
        _check(arrays)
        parts: dict[str, Any] = {name: Whole.from_rows(arrays[name]) for name in _WHOLE}
        parts |= {name: arrays[name].astype(np.float64) for name in _NUMBERS}
        return cls(
            **parts,
            rare=arrays["rare"] > 0,
            echo=EchoRows(**{name: arrays[f"echo_{name}"] for name in FIELDS}),
            n_pairs=int(arrays["n_pairs"]),
            usual=tuple(map(Usual, arrays["usual_n"].tolist(), arrays["usual_mean"], arrays["usual_sd"])),
        )


_WHOLE = ("prompt_cells", "prompts", "response_cells")
_NUMBERS = ("expected", "counts", "dispersion", "alike", "yielding")
_ECHO = tuple(f"echo_{name}" for name in FIELDS)
_USUAL = ("usual_n", "usual_mean", "usual_sd")
_ARRAYS = (*_WHOLE, *_NUMBERS, *_ECHO, "rare", "n_pairs", *_USUAL)


def _check(arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    k, c, m = (len(arrays[name]) for name in ("prompt_cells", "response_cells", "echo_rows"))
    d, sizes = arrays["prompt_cells"].shape[-1], len(np.atleast_1d(arrays["usual_n"]))
    shapes = {
        **dict.fromkeys(_WHOLE, (None, d)),
        "echo_rows": (m, d),
        "echo_starts": (c + 1,),
        "echo_edges": (DECILES - 1,),
        "echo_limits": (DECILES,),
        "rare": (c,),
        "expected": (k, len(SIGNS)),
        "counts": (k,),
        "dispersion": (len(SIGNS),),
        "alike": (2, k, k),
        "yielding": (2,),
        "usual_n": (sizes,),
        "usual_mean": (sizes, 2),
        "usual_sd": (sizes, 2),
    }
    for name, shape in shapes.items():
        found = arrays[name].shape
        if len(found) != len(shape) or any(want not in {None, have} for want, have in zip(shape, found, strict=True)):
            raise ValueError(f"{name} of shape {found} does not belong to the others")
    for name in (*_WHOLE, "echo_rows"):
        if arrays[name].dtype != np.int8:
            raise ValueError(f"{name} must be int8, not {arrays[name].dtype}")
    starts = arrays["echo_starts"]
    if starts[0] or starts[-1] != m or (np.diff(starts) < 0).any():
        raise ValueError("echo_starts does not cut the rows into cells")
