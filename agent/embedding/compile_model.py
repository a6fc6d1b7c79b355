"""Fit side: compile a sentence-transformers model to what production runs, and check that it computes the same."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from agent.embedding.check_texts import CHECK_TEXTS
from agent.embedding.compile_export import OPSET, QUANTISATION, export, quantise
from agent.embedding.compile_load import CompileError, load_model, pooling_of, quiet_loading, transformer_of
from agent.embedding.runtime import OnnxEmbedder
from agent.embedding.spec import CANARY_TEXTS, EmbedderSpec

__all__ = ["MAX_TOKENS", "MIN_COSINE", "CompileError", "CompiledModel", "compile_model"]

MAX_TOKENS = 256
"""Word pieces in a chunk at most, where the model itself allows as many."""

MIN_COSINE = 0.9999
"""Below this cosine to sentence-transformers on any check text the fp32 graph counts as wrong."""

REDUCE_RANGE = True
"""Weights of 7 bits. On CPUs without VNNI the int8 kernels add products in 16 bits, which 8-bit weights can overflow:
the same profile would score otherwise there. It costs about .001 of cosine and no time."""


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """An embedder ready for production.

    Attributes
    ----------
    onnx : bytes
        The int8 graph.
    tokenizer : bytes
        Content of a `tokenizer.json` without padding and truncation.
    spec : EmbedderSpec
    fp32_cosine_min : float
        Smallest cosine of the fp32 graph's vectors to sentence-transformers' on the check texts.
    int8_cosine_mean, int8_cosine_min : float
        The same for the int8 graph.
    """

    onnx: bytes
    tokenizer: bytes
    spec: EmbedderSpec
    fp32_cosine_min: float
    int8_cosine_mean: float
    int8_cosine_min: float


def compile_model(name_or_folder: str) -> CompiledModel:
    """Compile a sentence-transformers model.

    Parameters
    ----------
    name_or_folder : str
        A folder, a name on the model hub, or one of `compile_load.PACKAGED_NAMES`.

    Raises
    ------
    CompileError
        The model is unknown, of an unsupported kind, or its compiled form computes something else.
    """
    model = load_model(name_or_folder)
    tokenizer = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
    spec = _describe(name_or_folder, model, tokenizer)
    exact = _exported(model, spec)
    tokens = tokenizer.to_str().encode()
    reference = _reference(model, spec)
    fp32 = _cosines(exact, tokens, spec, reference)
    if not fp32.min() >= MIN_COSINE:
        message = f"the compiled {name_or_folder!r} reaches a cosine of only {fp32.min():.5f} to sentence-transformers"
        raise CompileError(f"{message} on {CHECK_TEXTS[int(fp32.argmin())]!r:.60} (needed: {MIN_COSINE})")
    small = quantise(exact, reduce_range=REDUCE_RANGE)
    int8 = _cosines(small, tokens, spec, reference)
    return CompiledModel(
        small, tokens, _with_canaries(small, tokens, spec), float(fp32.min()), float(int8.mean()), float(int8.min())
    )


def _describe(name: str, model: SentenceTransformer, tokenizer: Tokenizer) -> EmbedderSpec:
    """Read what the runtime must know off the model; leaves the tokenizer without padding and truncation."""
    config = transformer_of(model).config
    depth = int(config.num_hidden_layers)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    prefix, suffix = _template(tokenizer)
    unknown = getattr(model.tokenizer, "unk_token_id", None)
    return EmbedderSpec(
        model=name,
        dim=int(config.hidden_size),
        taps=tuple(sorted({max(1, round(depth / 3)), max(1, round(depth * 2 / 3)), depth})),
        max_tokens=min(MAX_TOKENS, int(model.max_seq_length or MAX_TOKENS)),
        prefix_ids=prefix,
        suffix_ids=suffix,
        unknown_id=None if unknown is None else int(unknown),
        pooling=pooling_of(model),
        quantisation=QUANTISATION,
        opset=OPSET,
    )


def _template(tokenizer: Tokenizer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the special word pieces that the tokenizer sets before and behind a text."""
    probe = "offmap"
    bare = tokenizer.encode(probe, add_special_tokens=False).ids
    full = tokenizer.encode(probe).ids
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return tuple(full[:start]), tuple(full[start + len(bare) :])
    raise CompileError("the tokenizer's special word pieces are not simply set before and behind the text")


def _exported(model: SentenceTransformer, spec: EmbedderSpec) -> bytes:
    try:
        return export(transformer_of(model), spec.taps, spec.pooling, spec.max_tokens)
    except Exception as error:  # torch's exporter fails in its own many ways
        raise CompileError(f"{spec.model!r} cannot be exported to ONNX: {type(error).__name__}: {error}") from error


def _reference(model: SentenceTransformer, spec: EmbedderSpec) -> npt.NDArray[np.float32]:
    """Embed the check texts with sentence-transformers itself, on the GPU where there is one."""
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    model.max_seq_length = spec.max_tokens
    with quiet_loading():
        vectors = model.encode(
            list(CHECK_TEXTS), prompt="", batch_size=8, show_progress_bar=False, normalize_embeddings=True
        )
    return np.asarray(vectors, dtype=np.float32)


def _cosines(
    graph: bytes, tokenizer: bytes, spec: EmbedderSpec, reference: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    embedder = OnnxEmbedder(graph, tokenizer, spec, threads=1)
    encoded = embedder.encode(CHECK_TEXTS, max_chunks=1)
    cosines: npt.NDArray[np.float32] = np.sum(encoded.layers[:, -1] * reference[encoded.owner], axis=-1)
    return cosines


def _with_canaries(graph: bytes, tokenizer: bytes, spec: EmbedderSpec) -> EmbedderSpec:
    vectors = OnnxEmbedder(graph, tokenizer, spec, threads=1).encode(CANARY_TEXTS, max_chunks=1).layers
    return dataclasses.replace(spec, canary_texts=CANARY_TEXTS, canary_bytes=vectors.astype("<f4").tobytes())
