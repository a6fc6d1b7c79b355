"""Fit the terms that a score may have beside the distances of the layers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.heads_fit import fit_head, usable_labels
from detectors.layers import Term
from detectors.local import MOST_ROWS, LocalTerm, own_spreads
from detectors.prototypes import to_int8
from detectors.rows import LayerRows

MOST_UNDECIDED = 0.5
"""Share of ln C that the median entropy of a head with C labels may be; CLINC150's 150 intents leave .14."""


class Terms(NamedTuple):
    """What a score is to have beside the distances of the layers.

    Attributes
    ----------
    local : bool
        Distance to the nearest training rows, in proportion to the spread of these (`LocalTerm`).
    labels : ndarray of int64, shape (n,), or None
        Label of each text, −1 for none: how undecided a classifier is between them (`LabelHead`).
    """

    local: bool = False
    labels: npt.NDArray[np.int64] | None = None

    def of(self, texts: npt.NDArray[np.integer[Any]]) -> Terms:
        """Return the same terms for other texts: those at these places."""
        return self if self.labels is None else self._replace(labels=self.labels[texts])


NO_TERMS = Terms()


def fit_terms(layers: npt.NDArray[Any], index: npt.NDArray[np.int64], terms: Terms, seed: int) -> list[Term]:
    """Fit the terms on some (m,) of the rows of `layers`; the labels (m,) are those of these rows' texts."""
    fitted: list[Term] = []
    if terms.local:
        unit = LayerRows(layers, -1, index).load()
        whole, _ = to_int8(unit)
        fitted.append(LocalTerm(whole, own_spreads(whole, unit)))
    if terms.labels is not None:
        fitted.append(fit_head(layers, index, terms.labels, seed))
    return fitted


def usable_terms(terms: Terms, n_chunks: int, facts: dict[str, Any]) -> Terms:
    """Check what the terms of n texts need, and note the facts; rare labels become −1.

    Raises
    ------
    ValueError
        If there are too many chunks for the local term, or too few or too many labels.
    """
    if terms.local:
        if n_chunks > MOST_ROWS:
            raise ValueError(f"{n_chunks} training rows; the local term takes {MOST_ROWS} at most")
        facts["local_rows"] = n_chunks
    if terms.labels is None:
        return terms
    labels, n_labels = usable_labels(terms.labels)
    facts |= {"labels": n_labels, "labelled_texts": int((labels >= 0).sum())}
    return terms._replace(labels=labels)


def check_labels(terms: Terms, constants: npt.NDArray[np.float64], facts: dict[str, Any]) -> None:
    """Refuse labels that say nothing about the texts: they would drown what the distances say.

    Raises
    ------
    ValueError
        If the median entropy on unseen texts, in the last row of `constants` (L + T, 2), is near ln C.
    """
    if terms.labels is None:
        return
    undecided = float(constants[-1, 0] / np.log(facts["labels"]))
    facts["label_entropy"] = round(undecided, 4)
    if undecided > MOST_UNDECIDED:
        raise ValueError(
            f"the {facts['labels']} labels cannot be told from the texts (on unseen texts {undecided:.0%} as "
            f"uncertain as guessing; {MOST_UNDECIDED:.0%} is allowed): fit without labels"
        )
