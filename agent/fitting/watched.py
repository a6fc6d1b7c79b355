"""What the watchers of prompts compare with, besides the reference: shares of cells, mix, diversity, length."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from agent.fitting.corpus import Corpus, corpus_vectors
from agent.fitting.options import FitOptions
from detectors.coverage_fit import CellTrust, fair_counts
from detectors.crowd_fit import SAMPLE, fit_crowd
from detectors.fit_reference import Fitted


def watched_arrays(
    fitted: Fitted, corpus: Corpus, held_out: Corpus | None, options: FitOptions
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that stand in a profile beside those of the prompts' reference; see `agent.crowd_watch`."""
    trust = CellTrust(**fitted.facts["cell_trust"])
    unseen = None if held_out is None else _vectors(held_out, options.seed)
    return {
        "coverage_counts": fair_counts(fitted.reference.cell_counts, trust),
        "length_tokens": np.asarray(corpus.encoded.tokens.sum() / len(corpus.rows)),
        **fit_crowd(_vectors(corpus, options.seed), unseen, options.mix_run_length, options.seed),
    }


def _vectors(corpus: Corpus, seed: int) -> npt.NDArray[np.float16]:
    """Return the vectors (n, d) of at most `SAMPLE` texts, drawn at random."""
    n = len(corpus.rows)
    return corpus_vectors(corpus, np.sort(np.random.default_rng([seed, 3]).choice(n, min(n, SAMPLE), replace=False)))
