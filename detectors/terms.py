"""The terms that a reference may have beside the distances of its layers, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from detectors.heads import LabelHead
from detectors.layers import Term
from detectors.local import LocalTerm

LOCAL = ("local_rows", "local_spreads")
LABELS = "label_weights"


def terms_to_arrays(terms: Sequence[Term]) -> dict[str, npt.NDArray[Any]]:
    """Return what `terms_from_arrays` needs: nothing where there are no terms."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for term in terms:
        if isinstance(term, LocalTerm):
            arrays |= zip(LOCAL, (term.rows, term.spreads), strict=True)
        elif isinstance(term, LabelHead):
            arrays[LABELS] = term.weights
    return arrays


def terms_from_arrays(arrays: Mapping[str, npt.NDArray[Any]], n_layers: int, dim: int) -> list[Term]:
    """Build the terms whose arrays are there, in their order: the local one, then the labels'.

    Raises
    ------
    ValueError
        If an array is missing or does not belong to layers (n_layers, dim): says which.
    """
    terms: list[Term] = []
    there = [name for name in LOCAL if name in arrays]
    if there:
        if len(there) != len(LOCAL):
            raise ValueError(f"a local term needs {' and '.join(LOCAL)}")
        local = LocalTerm(*(arrays[name] for name in LOCAL))
        _check_width("local_rows", local.rows, dim)
        terms.append(local)
    if LABELS in arrays:
        head = LabelHead(arrays[LABELS])
        _check_width(LABELS, head.weights, n_layers * dim)
        terms.append(head)
    return terms


def _check_width(name: str, rows: npt.NDArray[Any], width: int) -> None:
    if rows.shape[1] != width:
        raise ValueError(f"{name} have {rows.shape[1]} columns; {width} belong to the prototypes")
