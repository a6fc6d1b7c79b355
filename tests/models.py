"""Embedders for tests: a bag of letter pairs without torch, a tiny random transformer, and the packaged MiniLM."""

import dataclasses
import functools
import itertools
import string
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece

from agent.embedding.runtime import OnnxEmbedder
from agent.embedding.spec import CANARY_TEXTS, EmbedderSpec
from tests.needs import require_model

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


class Parts(NamedTuple):
    """What `OnnxEmbedder` takes."""

    onnx: bytes
    tokenizer: bytes
    spec: EmbedderSpec


def letters_tokenizer() -> Tokenizer:
    """Any text of ASCII letters, digits and punctuation in pairs of letters; everything else is unknown."""
    pairs = ["".join(pair) for pair in itertools.product(string.ascii_lowercase, repeat=2)]
    pieces = [*pairs, *string.ascii_lowercase, *string.digits]
    vocabulary = [*SPECIAL, *pieces, *(f"##{piece}" for piece in pieces), *string.punctuation]
    tokenizer = Tokenizer(WordPiece({piece: i for i, piece in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer


def letters_graph(vocabulary: int, dim: int, layers: int, seed: int) -> onnx.ModelProto:
    """Per layer the mean of random vectors of the word pieces, normalised; the second layer's also as they are."""
    rng = np.random.default_rng(seed)
    tables = rng.standard_normal((vocabulary, layers, dim)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["all_states"]),
        helper.make_node("ReduceMean", ["all_states", "axis_tokens"], ["pooled"], keepdims=0),
        helper.make_node("ReduceL2", ["pooled", "axis_dim"], ["length"], keepdims=1),
        helper.make_node("Div", ["pooled", "length"], ["layers"]),
        helper.make_node("Gather", ["all_states", "second"], ["states"], axis=2),
    ]
    constants = {"table": tables, "axis_tokens": np.array([1]), "axis_dim": np.array([2]), "second": np.array(1)}
    graph = helper.make_graph(
        nodes,
        "letters",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "tokens"])],
        [
            helper.make_tensor_value_info("layers", TensorProto.FLOAT, [1, layers, dim]),
            helper.make_tensor_value_info("states", TensorProto.FLOAT, [1, "tokens", dim]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@functools.cache
def letters_parts(dim: int = 16, max_tokens: int = 32, seed: int = 0) -> Parts:
    """A whole embedder of three layers in a few kilobytes, canaries included."""
    tokenizer = letters_tokenizer()
    graph = letters_graph(tokenizer.get_vocab_size(), dim, 3, seed).SerializeToString()
    data = tokenizer.to_str().encode()
    spec = EmbedderSpec("letters", dim, (1, 2, 3), max_tokens, (2,), (3,), 1, "mean", "none", 18)
    vectors = OnnxEmbedder(graph, data, spec, threads=1).encode(CANARY_TEXTS, 1).layers
    return Parts(graph, data, dataclasses.replace(spec, canary_texts=CANARY_TEXTS, canary_bytes=vectors.tobytes()))


def letters_embedder(threads: int = 1) -> OnnxEmbedder:
    """The same, running."""
    return OnnxEmbedder(*letters_parts(), threads=threads)


def tiny_transformer(folder: Path, pooling: str = "mean", *more: object) -> Path:
    """Save a random three-layer BERT as a sentence-transformers model; `more` are modules put behind the pooling."""
    require_model()
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    tokenizer = letters_tokenizer()
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=64, **size)
    BertModel(config).save_pretrained(folder / "bert")
    BertTokenizerFast(tokenizer_object=tokenizer, model_max_length=64).save_pretrained(folder / "bert")
    modules = [Transformer(str(folder / "bert"), max_seq_length=48), Pooling(32, pooling_mode=pooling), *more]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder / "model"))
    return folder / "model"


def packaged_minilm() -> Path:
    """The folder of the packaged all-MiniLM-L6-v2, its hashes checked; skipped (in CI failed) where it is missing."""
    require_model()
    from agent.embedding.compile_load import packaged_folder

    folder = packaged_folder()
    assert folder is not None
    return folder
