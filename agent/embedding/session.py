"""The two files of a compiled embedder, loaded: the only door to onnxruntime and tokenizers at run time."""

from __future__ import annotations

import onnxruntime
from tokenizers import Tokenizer

from agent.embedding.onnx_scan import has_external_data


class EmbedderError(ValueError):
    """The two files cannot be run as an embedder."""


def load_tokenizer(tokenizer: bytes) -> Tokenizer:
    """Load the content of a `tokenizer.json`, padding and truncation off."""
    try:
        loaded = Tokenizer.from_str(tokenizer.decode("utf-8"))
    except Exception as error:  # tokenizers raises bare Exception
        raise EmbedderError(f"the tokenizer cannot be loaded: {error}") from error
    loaded.no_padding()
    loaded.no_truncation()
    return loaded


def load_session(model: bytes) -> onnxruntime.InferenceSession:
    """Load a graph, to be run on one thread a call."""
    try:
        external = has_external_data(model)
    except ValueError as error:
        raise EmbedderError(f"the graph cannot be loaded: {error}") from error
    if external:
        raise EmbedderError("the graph keeps a part of its weights outside the file")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False  # both keep memory of the longest text seen
    options.log_severity_level = 3  # errors only: its warnings speak of graph details
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no public base
        raise EmbedderError(f"the graph cannot be loaded: {error}") from error
    # The session keeps the file's bytes, a tenth of the agent's memory, to make itself anew for other providers: never.
    session._model_bytes = None  # noqa: SLF001
    return session
