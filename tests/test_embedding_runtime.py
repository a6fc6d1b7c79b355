"""The embedder of the running agent."""

import dataclasses
import threading

import numpy as np
import onnx
import pytest

from agent.embedding import runtime
from agent.embedding.runtime import CanaryError, OnnxEmbedder
from agent.embedding.session import EmbedderError
from tests.models import letters_embedder, letters_parts

TEXTS = ["how do i reset my password", "Where is my parcel?", "", "   \n\t", "世界 👍", "x" * 300, "why " * 500]


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    return letters_embedder()


def test_rows_are_unit_and_owned_by_their_text(embedder):
    encoded = embedder.encode(TEXTS, max_chunks=3)
    assert encoded.layers.shape == (len(encoded.owner), 3, 16)
    assert encoded.layers.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(encoded.layers, axis=-1), 1.0, atol=1e-6)
    assert (np.diff(encoded.owner) >= 0).all()
    assert encoded.owner.dtype == encoded.tokens.dtype == np.int32
    counts = np.bincount(encoded.owner, minlength=len(TEXTS))
    assert counts.tolist() == [1, 1, 0, 0, 0, 0, 3]
    assert encoded.truncated.tolist() == [False, False, False, False, False, False, True]


def test_same_text_same_bits_whatever_stands_beside_it(embedder):
    together = embedder.encode(TEXTS, max_chunks=3)
    for index, text in enumerate(TEXTS):
        alone = embedder.encode([text], max_chunks=3)
        mine = together.owner == index
        assert alone.layers.tobytes() == together.layers[mine].tobytes()
        assert alone.tokens.tolist() == together.tokens[mine].tolist()


def test_threads_change_nothing(embedder):
    before = set(threading.enumerate())  # other tests' embedders may still be about
    several = letters_embedder(threads=3)
    one, many = (each.encode(TEXTS * 5, 3, lambda states: states[0]) for each in (embedder, several))
    assert one.layers.tobytes() == many.layers.tobytes()
    assert one.owner.tolist() == many.owner.tolist()
    assert np.array(one.reduced).tobytes() == np.array(many.reduced).tobytes()
    several.close()
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("embed")]


def test_no_texts_is_no_rows(embedder):
    encoded = embedder.encode([], max_chunks=1)
    assert encoded.layers.shape == (0, 3, 16)
    assert encoded.truncated.shape == (0,)


def test_tokens_count_special_ones_and_stay_within_a_chunk(embedder):
    encoded = embedder.encode(["ab", "ab " * 1000], max_chunks=2)
    assert encoded.tokens.tolist() == [3, 32, 32]


def test_lone_surrogates_do_not_crash(embedder):
    encoded = embedder.encode(["ab \ud800 cd", "\ud800\udfff"], max_chunks=1)
    assert encoded.owner.tolist() == [0, 1]  # they become question marks


def test_a_huge_text_is_cut_and_counted(embedder):
    encoded = embedder.encode(["ab " * 3_000_000, "x" * 10_000_000], max_chunks=2)
    assert encoded.owner.tolist() == [0, 0]
    assert encoded.truncated.tolist() == [True, True]


def test_the_graph_alone_decides_shape(embedder):
    assert (embedder.dim, embedder.n_layers) == (16, 3)


def test_fingerprint_names_all_three_parts():
    parts = letters_parts()
    changed = [
        parts,
        parts._replace(onnx=parts.onnx + b"\x0a\x00"),
        parts._replace(tokenizer=parts.tokenizer + b" "),
        parts._replace(spec=dataclasses.replace(parts.spec, max_tokens=31)),
    ]
    assert len({runtime.fingerprint(*each) for each in changed}) == 4
    assert letters_embedder().fingerprint == runtime.fingerprint(*parts)


def test_canaries_agree_to_the_bit_on_the_same_machine(embedder):
    assert embedder.canary_deviation == 0.0


def test_without_canaries_the_deviation_is_unknown():
    parts = letters_parts()
    bare = dataclasses.replace(parts.spec, canary_texts=(), canary_bytes=b"")
    assert OnnxEmbedder(parts.onnx, parts.tokenizer, bare, threads=1).canary_deviation is None


@pytest.mark.parametrize(("degrees", "refused"), [(2.0, False), (15.0, True)])
def test_a_machine_that_embeds_otherwise_is_measured_and_beyond_the_limit_refused(degrees, refused):
    parts = letters_parts()
    vectors = parts.spec.canary_vectors
    aside = np.roll(vectors, 1, axis=-1)
    aside -= (aside * vectors).sum(-1, keepdims=True) * vectors
    aside /= np.linalg.norm(aside, axis=-1, keepdims=True)
    angle = np.radians(degrees)
    turned = (np.cos(angle) * vectors + np.sin(angle) * aside).astype("<f4")
    spec = dataclasses.replace(parts.spec, canary_bytes=turned.tobytes())
    if refused:
        with pytest.raises(CanaryError, match=r"canary texts.*fit the profile anew"):
            OnnxEmbedder(parts.onnx, parts.tokenizer, spec, threads=1)
    else:
        deviation = OnnxEmbedder(parts.onnx, parts.tokenizer, spec, threads=1).canary_deviation
        assert deviation == pytest.approx(1 - np.cos(angle), rel=1e-3)


def test_external_data_is_refused_before_onnxruntime_sees_it():
    model = onnx.load_from_string(letters_parts().onnx)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    with pytest.raises(EmbedderError, match="outside the file"):
        OnnxEmbedder(model.SerializeToString(), *letters_parts()[1:], threads=1)


@pytest.mark.parametrize("model", [b"", b"not an onnx file", b"\x08\x0a"])
def test_a_file_that_is_no_graph_is_refused(model):
    with pytest.raises(EmbedderError, match="graph cannot be loaded"):
        OnnxEmbedder(model, *letters_parts()[1:], threads=1)


@pytest.mark.parametrize("tokenizer", [b"", b"{}", b"\xff\xfe"])
def test_a_file_that_is_no_tokenizer_is_refused(tokenizer):
    parts = letters_parts()
    with pytest.raises(EmbedderError, match="tokenizer cannot be loaded"):
        OnnxEmbedder(parts.onnx, tokenizer, parts.spec, threads=1)


def test_a_description_of_another_model_is_refused():
    parts, other = letters_parts(), letters_parts(dim=8)
    with pytest.raises(EmbedderError, match="does not fit its description"):
        OnnxEmbedder(parts.onnx, parts.tokenizer, other.spec, threads=1)


def test_states_are_shown_to_the_reducer_chunk_by_chunk_without_special_pieces(embedder):
    together = embedder.encode(TEXTS, 3, lambda states: states)
    assert [len(states) for states in together.reduced] == (together.tokens - 2).tolist()
    for index, text in enumerate(TEXTS):
        alone = embedder.encode([text], 3, lambda states: states).reduced
        mine = [states for states, owner in zip(together.reduced, together.owner, strict=True) if owner == index]
        assert [states.tobytes() for states in alone] == [states.tobytes() for states in mine]
    assert embedder.encode(["", "  "], 3, lambda states: states).reduced == []


def test_nobody_asks_for_states_where_there_is_no_reducer(embedder, monkeypatch):
    asked = []

    class Session:
        def run(self, names, feed):
            asked.append(names)
            return real.run(names, feed)

    real = embedder._session
    monkeypatch.setattr(embedder, "_session", Session())
    bare, with_states = embedder.encode(["a parcel"], 1), embedder.encode(["a parcel"], 1, len_of)
    assert asked == [["layers"], ["layers", "states"]]
    assert bare.reduced is None
    assert bare.layers.tobytes() == with_states.layers.tobytes()


def len_of(states):
    return np.array(len(states))


def test_a_graph_from_before_there_were_states_goes_on_working():
    model = onnx.load_from_string(letters_parts().onnx)
    del model.graph.output[1]
    old = OnnxEmbedder(model.SerializeToString(), *letters_parts()[1:], threads=1)
    assert old.encode(["a parcel"], 1).layers.tobytes() == letters_embedder().encode(["a parcel"], 1).layers.tobytes()
    with pytest.raises(EmbedderError, match="no states of word pieces: fit the profile anew"):
        old.encode(["a parcel"], 1, len_of)
