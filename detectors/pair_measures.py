"""What is measured on a window of exchanges: how much the answers vary, and how often each sign is said of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.blocks import unit_rows
from detectors.diversity import vendi_scores
from detectors.near import Whole
from detectors.pair_reference import Flags, Floats, PairReference, Usual


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


COMPONENTS = 128
"""Components of a vector that D and A look at, every third of 384 say: a tenth of the time, most of the power."""


def thinned(whole: Whole) -> npt.NDArray[np.float32]:
    """Return rows (n, d) of the first of every k components, brought to length 1 again: about `COMPONENTS` of them.

    >>> thinned(Whole.of(np.ones((1, 384)))).shape, thinned(Whole.of(np.ones((1, 16)))).shape
    ((1, 128), (1, 16))
    """
    return unit_rows(whole.rows[:, :: -(-whole.rows.shape[1] // COMPONENTS)].astype(np.float32))


class Narrowing(NamedTuple):
    """D and A of a window (`narrowing`), shape (2,), and what their errors depend on.

    Attributes
    ----------
    values : ndarray of float64, shape (2,)
    bend : float
        By how much the prompts are more alike than their cells explain, in ln.
    stands_on : float
        Training pairs in the cells of the window's prompts, as many as if the window were like training.
    """

    values: Floats
    bend: float
    stands_on: float


def narrowing(pairs: Pairs, reference: PairReference) -> Narrowing:
    """Measure how much the answers of a window of n exchanges vary, for what was asked.

    D = ln(Vendi_½(responses)/Vendi_½(prompts)) at equal n falls when answers vary less than what was asked. A =
    ln(S_obs/S_exp) rises when they are more alike: S_obs is the mean squared cosine of two different answers, S_exp =
    (n·wᵀGw − w·diag G)/(n − 1) the same for training's answers to prompts of these cells, w their shares and G
    `alike`. Where prompts keep to parts of their cells, their own ln(S_obs/S_exp), `bend`, is above 0, and the part of
    it that shows in answers (`yielding`, fitted on such windows of training) is taken off A. Without that, traffic from
    a narrow part of training moves A up by six standard deviations, answers being as ever; D it moves up too.
    """
    n = len(pairs.cell)
    share = np.bincount(pairs.cell, minlength=len(reference.counts)) / n
    vendi, alike = [], []
    for whole, usual in zip((pairs.responses, pairs.prompts), reference.alike, strict=True):
        rows = thinned(whole)
        # n × n where that is less work: the eigenvalues other than 0 are the same
        moment = (rows @ rows.T if n < rows.shape[1] else rows.T @ rows).astype(np.float64) / n
        vendi.append(float(np.log(vendi_scores(moment, n)[0])))
        observed = (n * float(np.square(moment).sum()) - 1) / (n - 1)
        expected = float(n * share @ usual @ share - share @ np.diag(usual)) / (n - 1)
        alike.append(float(np.log(max(observed, 1e-9) / max(expected, 1e-9))))
    values = np.array([vendi[0] - vendi[1], alike[0] - reference.yielding[0] * alike[1]])
    return Narrowing(values, alike[1], float(2 / (np.square(share) / reference.counts).sum()))


def narrowing_variance(found: Narrowing, usual: Usual, yielding: Floats) -> Floats:
    """Return that of D and A of a window, sd² + sd²·n/n_cal, shape (2,).

    n_cal are the training pairs that the window's cells stand on. How much of the prompts' `bend` shows in answers
    differs from topic to topic: that adds to the variance of A.
    """
    variance: Floats = np.square(usual.sd) * (1 + usual.n / found.stands_on)
    variance[1] += np.square(yielding[1] * found.bend)
    return variance


class Excess(NamedTuple):
    """How often each of `SIGNS` was said, how often it was to be expected, and the standard error, shapes (4,)."""

    share: Floats
    expected: Floats
    error: Floats


def excess(pairs: Pairs, reference: PairReference) -> Excess:
    """Compare the share of each sign with what the cells of the prompts lead to expect.

    The error is that of the n answers and that of what is expected, which stands on few pairs where the window's
    prompts keep to few cells: Σ w_c²·e_c(1 − e_c)/n_c. One answer more or less is always within it: where a sign is
    next to never said, a few are chance.
    """
    n = len(pairs.cell)
    weight = np.bincount(pairs.cell, minlength=len(reference.counts)) / n
    spread = reference.expected * (1 - reference.expected)
    variance = weight @ spread / n + np.square(weight) @ (spread / reference.counts[:, None])
    error = np.sqrt(reference.dispersion * variance + 1 / n**2)
    return Excess(pairs.signs.mean(axis=0), weight @ reference.expected, error)
