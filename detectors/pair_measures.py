"""What is measured on a window of exchanges: how much the answers vary, and how often each sign is said of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.diversity import vendi_scores
from detectors.near import Whole
from detectors.pair_reference import Flags, Floats, PairReference


class Pairs(NamedTuple):
    """n exchanges whose prompts differ: their vectors, the prompt's cell (n,) and the signs (n, 4)."""

    prompts: Whole
    responses: Whole
    cell: npt.NDArray[np.int64]
    signs: Flags

    def take(self, chosen: slice | npt.NDArray[Any]) -> Pairs:
        """Return some of them."""
        return Pairs(self.prompts.take(chosen), self.responses.take(chosen), self.cell[chosen], self.signs[chosen])

    def joined(self, other: Pairs) -> Pairs:
        """Return these and the other ones behind them."""
        return Pairs(
            self.prompts.joined(other.prompts),
            self.responses.joined(other.responses),
            np.concatenate([self.cell, other.cell]),
            np.concatenate([self.signs, other.signs]),
        )


def narrowing(pairs: Pairs, alike: Floats) -> Floats:
    """Return D and A of a window of n pairs, shape (2,).

    D = ln(Vendi_½(responses)/Vendi_½(prompts)) at equal n falls when answers vary less than what was asked. A =
    ln(S_obs/S_exp) rises when they are more alike: S_obs is the mean squared cosine of two different answers, S_exp =
    (n·wᵀGw − w·diag G)/(n − 1) the same for training's answers to prompts of these cells, w their shares and G
    `alike`. Prompts from a narrow part of training move D up and A down: neither alarms then.
    """
    n = len(pairs.cell)
    logs, squares = [], 0.0
    for whole in (pairs.responses, pairs.prompts):
        rows = whole.unit()
        # n × n where that is less work: the eigenvalues other than 0 are the same
        moment = (rows @ rows.T if n < rows.shape[1] else rows.T @ rows).astype(np.float64) / n
        logs.append(float(np.log(vendi_scores(moment, n)[0])))
        squares = squares or float(np.square(moment).sum())
    share = np.bincount(pairs.cell, minlength=len(alike)) / n
    observed = (n * squares - 1) / (n - 1)
    expected = float(n * share @ alike @ share - share @ np.diag(alike)) / (n - 1)
    return np.array([logs[0] - logs[1], np.log(max(observed, 1e-9) / max(expected, 1e-9))])


class Excess(NamedTuple):
    """How often each of `SIGNS` was said, how often it was to be expected, and the standard error, shapes (4,)."""

    share: Floats
    expected: Floats
    error: Floats


def excess(pairs: Pairs, reference: PairReference) -> Excess:
    """Compare the share of each sign with what the cells of the prompts lead to expect.

    The error is that of the n answers and that of what is expected, which stands on few pairs where the window's
    prompts keep to few cells: Σ w_c²·e_c(1 − e_c)/n_c.
    """
    n = len(pairs.cell)
    weight = np.bincount(pairs.cell, minlength=len(reference.counts)) / n
    spread = reference.expected * (1 - reference.expected)
    variance = weight @ spread / n + np.square(weight) @ (spread / reference.counts[:, None])
    error = np.sqrt(reference.dispersion * variance)
    return Excess(pairs.signs.mean(axis=0), weight @ reference.expected, error)
