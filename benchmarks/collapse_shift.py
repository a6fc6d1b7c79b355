"""What others look at in answers, prompts aside: their mean embedding, and how many different ones there are."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.collapse_traffic import WINDOW, Data
from benchmarks.exchanges import Exchanges
from detectors.diversity import vendi_scores

WINDOWS = 40


class Shift(NamedTuple):
    """The mean of training's answers (d,); mean and deviation, in windows like training, of shift and Vendi score."""

    centre: npt.NDArray[np.float32]
    mean: npt.NDArray[np.float64]
    sd: npt.NDArray[np.float64]

    @classmethod
    def of(cls, data: Data) -> "Shift":
        """Measure windows of traffic."""
        centre = data.train.given[:, -1].mean(axis=0)
        seeds = (np.random.default_rng([9, i]) for i in range(WINDOWS))
        found = np.array([_look(data.sample(rng, WINDOW), centre) for rng in seeds])
        return cls(centre, found.mean(axis=0), found.std(axis=0))

    def z(self, window: Exchanges) -> npt.NDArray[np.float64]:
        """How far the mean embedding has moved, and how far the Vendi score lies off, in standard deviations."""
        found: npt.NDArray[np.float64] = (_look(window, self.centre) - self.mean) / self.sd
        return found


def _look(window: Exchanges, centre: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    responses = window.given[:WINDOW, -1]
    moment = (responses.T @ responses).astype(np.float64) / len(responses)
    shift = float(np.linalg.norm(responses.mean(axis=0) - centre))
    return np.array([shift, np.log(vendi_scores(moment, len(responses))[0])])
