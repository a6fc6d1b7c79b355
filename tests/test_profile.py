"""The profile's file: what goes in comes out, and nothing else is believed."""

import io
import json
import os
import sys
import warnings
import zipfile
from hashlib import sha256

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.profile import Profile, ProfileError, read_profile, write_profile
from agent.profile_archive import pack
from agent.profile_arrays import pack_arrays
from tests.models import letters_parts

ARRAYS = {
    "means": np.arange(24, dtype=np.int8).reshape(2, 3, 4),
    "scale": np.linspace(0, 1, 6, dtype=np.float32),
    "calibration": np.array([0.5, 1.5]),
    "count": np.array(7),
    "none": np.zeros((0, 4), np.float16),
}


def profile(**changes):
    parts = letters_parts()
    facts = {"rows": 17, "reference": "training", "note": "drei Gläser"}
    whole = {"manifest": facts, "references": {"prompt": ARRAYS, "response": ARRAYS}, "embedder_spec": parts.spec}
    return Profile(**{"embedder_onnx": parts.onnx, "tokenizer": parts.tokenizer, **whole, **changes})


@pytest.fixture
def path(tmp_path):
    write_profile(tmp_path / "p.offmap", profile())
    return tmp_path / "p.offmap"


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path, members=None, manifest=None, without=()):
    """Change members and manifest and write the file anew, with hashes that fit."""
    whole = members_of(path) | (members or {})
    head = json.loads(whole.pop("manifest.json")) | (manifest or {})
    whole = {name: data for name, data in whole.items() if name not in without}
    head["members"] = {name: {"bytes": len(data), "sha256": sha256(data).hexdigest()} for name, data in whole.items()}
    raw = json.dumps({key: value for key, value in head.items() if value is not None})
    path.write_bytes(pack(whole | {"manifest.json": raw.encode()}))


def refused(path, match):
    with pytest.raises(ProfileError, match=match) as caught:
        read_profile(path)
    assert str(path) in str(caught.value)


def test_what_goes_in_comes_out(path):
    written, read = profile(), read_profile(path)
    assert read.manifest == written.manifest
    assert read.embedder_spec == written.embedder_spec
    assert (read.embedder_onnx, read.tokenizer, read.examples) == (written.embedder_onnx, written.tokenizer, None)
    assert set(read.references) == {"prompt", "response"}
    for name, array in ARRAYS.items():
        back = read.references["prompt"][name]
        assert (back.dtype, back.shape) == (array.dtype, array.shape)
        assert back.tobytes() == array.tobytes()
        assert not back.flags.writeable


def test_same_content_same_bytes_and_fingerprint(path, tmp_path):
    again = read_profile(path)
    write_profile(tmp_path / "again.offmap", again)
    assert (tmp_path / "again.offmap").read_bytes() == path.read_bytes()
    assert again.fingerprint == profile().fingerprint == sha256(members_of(path)["manifest.json"]).hexdigest()


def test_an_array_in_another_memory_order_is_the_same_content():
    turned = {name: np.array(array, array.dtype.newbyteorder(">"), order="F") for name, array in ARRAYS.items()}
    assert profile(references={"prompt": turned}).fingerprint == profile(references={"prompt": ARRAYS}).fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        {"manifest": {"rows": 18}},
        {"references": {"prompt": ARRAYS}},
        {"references": {"prompt": ARRAYS | {"count": np.array(8)}, "response": ARRAYS}},
        {"tokenizer": b"{}"},
        {"examples": ["text"]},
    ],
)
def test_other_content_another_fingerprint(changes):
    assert profile(**changes).fingerprint != profile().fingerprint


def test_examples_only_when_asked(tmp_path, path):
    assert "examples.json" not in members_of(path)
    write_profile(tmp_path / "e.offmap", profile(examples={"prompt": ["where is my parcel"]}))
    assert read_profile(tmp_path / "e.offmap").examples == {"prompt": ["where is my parcel"]}


def test_the_pinned_fingerprint(path):
    found = read_profile(path).fingerprint
    assert read_profile(path, expected_fingerprint=found.upper()).fingerprint == found
    with pytest.raises(ProfileError, match=f"fingerprint is {found}, but 0000 is pinned"):
        read_profile(path, expected_fingerprint="0000")


def test_no_such_file(tmp_path):
    refused(tmp_path / "absent.offmap", "No such file")
    refused(tmp_path, "Is a directory")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"hello" * 100, b"\x00" * 5000])
def test_a_foreign_file(tmp_path, content):
    (tmp_path / "f.offmap").write_bytes(content)
    refused(tmp_path / "f.offmap", "no offmap profile, or not a whole one.*copy it again, or fit it anew")


def test_a_foreign_zip(tmp_path):
    (tmp_path / "f.offmap").write_bytes(pack({"word/document.xml": b"<x/>"}))
    refused(tmp_path / "f.offmap", r"manifest\.json is missing")
    (tmp_path / "f.offmap").write_bytes(pack({"manifest.json": b'{"format": "other"}'}))
    refused(tmp_path / "f.offmap", "not an offmap profile")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_truncated(path, kept):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    refused(path, "no offmap profile, or not a whole one")


def test_every_flipped_byte_is_noticed_or_harmless(path):
    """Harmless: dates and attributes in the zip's own headers, which nobody reads."""
    data, content = path.read_bytes(), profile().fingerprint
    rng = np.random.default_rng(0)
    noticed = 0
    for at in rng.integers(0, len(data), 150):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        try:
            assert read_profile(path).fingerprint == content
        except ProfileError:
            noticed += 1
    assert noticed > 130


@given(st.binary(max_size=200))
def test_garbage_is_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "garbage.offmap"
    path.write_bytes(content)
    refused(path, "no offmap profile, or not a whole one|missing")


def test_a_newer_version_is_named_even_when_its_members_are_unknown(path):
    rewrite(path, {"graph.bin": b"new"}, {"version": 2, "colour": "blue", "facts": None})
    refused(path, "newer format 2, this offmap reads 1; update offmap")


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "references/../x.npz", "references/A.npz", "notes.txt"])
def test_members_that_do_not_belong_there(path, name):
    rewrite(path, {name: b""})
    refused(path, "does not belong into a profile")


@pytest.mark.parametrize(
    ("members", "match"),
    [
        ({"examples.json": b"{"}, "not JSON"),
        ({"embedder.onnx": b"\xff" * 50}, "ONNX file is damaged"),
        ({"embedder.onnx": b"\x0a\x05abc"}, "runs over the end"),
        ({"embedder.onnx": b""}, "ONNX file is empty"),
    ],
)
def test_malformed_members(path, members, match):
    rewrite(path, members)
    refused(path, match)


@pytest.mark.parametrize("name", ["embedder.onnx", "tokenizer.json"])
def test_missing_members(path, name):
    rewrite(path, without=[name])
    refused(path, f"{name} is missing")


def test_no_reference_at_all(path):
    rewrite(path, without=["references/prompt.npz", "references/response.npz"])
    refused(path, "there must be one")


@pytest.mark.parametrize(
    ("manifest", "match"),
    [
        ({"facts": None}, "`facts` is missing"),
        ({"version": "1"}, "`version` is missing or malformed"),
        ({"version": 0}, "not of format 1"),
        ({"more": 1}, "not of format 1"),
        ({"embedder": {}}, "embedder description: expected the fields"),
        ({"embedder": letters_parts().spec.to_dict() | {"dim": 8}}, "canary_bytes must hold"),
    ],
)
def test_malformed_manifest(path, manifest, match):
    rewrite(path, manifest=manifest)
    refused(path, match)


def test_members_and_manifest_must_agree(path):
    members = members_of(path)
    path.write_bytes(pack(members | {"tokenizer.json": b"{}"}))
    refused(path, r"tokenizer\.json is not what manifest\.json says")
    path.write_bytes(pack(members | {"extra.npz": b""}))
    refused(path, r"disagree about 'extra\.npz'")
    path.write_bytes(pack({name: data for name, data in members.items() if name != "tokenizer.json"}))
    refused(path, r"disagree about 'tokenizer\.json'")


@pytest.mark.parametrize(
    "raw", [b"[]", b"{", b"\xff", b"[" * 100_000, b'{"format": "offmap-profile", "version": ' + b"9" * 5000]
)
def test_a_manifest_that_is_no_object(path, raw):
    path.write_bytes(pack(members_of(path) | {"manifest.json": raw}))
    refused(path, "not JSON|not an offmap profile")


def test_duplicate_members(path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate name", UserWarning)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("tokenizer.json", b"{}")
    refused(path, "two members have the same name")


def test_a_bomb_is_refused_by_what_it_declares(path):
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(100_000_000))
    refused(path, "claim to unpack to")


def test_a_bomb_that_lies_about_its_size_unpacks_to_no_more_than_that(tmp_path):
    packed = pack({"manifest.json": b"0" * 50_000_000})
    true, lie = (50_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    assert packed.count(true) == 2
    (tmp_path / "b.offmap").write_bytes(packed.replace(true, lie))
    refused(tmp_path / "b.offmap", "damaged|not JSON")


def test_a_member_longer_than_allowed(path):
    rewrite(path, manifest={"facts": {"text": "x" * (17 << 20)}})
    refused(path, r"manifest\.json claims .* at most")


def test_encrypted_and_oddly_packed_members(path):
    members = members_of(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    refused(path, "packed in a way that profiles never are")


def npy(array, **options):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), **options)
    return buffer.getvalue()


def header(shape):
    padded = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded


class Evil:
    def __reduce__(self):
        return os.mkdir, ("unpickled",)


@pytest.mark.parametrize(
    ("name", "data", "match"),
    [
        ("a.npy", npy(np.array([Evil()], object), allow_pickle=True), "never are"),
        ("a.npy", npy(np.array(["text"])), "not used in profiles"),
        ("a.npy", npy(np.zeros(2, [("x", "i4")])), "not used in profiles"),
        ("a.npy", npy(np.zeros(2, complex)), "not used in profiles"),
        ("a.npy", npy(np.zeros(2, ">f4")), "not used in profiles"),
        ("a.npy", npy(np.zeros((2, 3), order="F")), "not used in profiles"),
        ("a.npy", npy(np.zeros(2), version=(2, 0)), "not used in profiles"),
        ("a.npy", npy(np.zeros((1,) * 5)), "not used in profiles"),
        ("a.npy", npy([1.0, np.nan]), "array a holds numbers that are not finite"),
        ("a.npy", npy([np.inf]), "not finite"),
        ("a.npy", npy(np.zeros(9))[:-1], "does not fit its 71 bytes"),
        ("a.npy", header("(1000000000000,)"), "does not fit its 0 bytes"),
        ("a.npy", header("(-1, -8)") + bytes(64), "not used"),
        ("a.npy", header("(9**9**9,)"), "array a: "),
        ("a.npy", b"\x93NUMPY", "array a: "),
        ("a.npy", b"", "array a: "),
        ("a.txt", b"", "not an array's"),
        ("../a.npy", npy(1), "not an array's"),
    ],
)
def test_arrays_that_are_not_plain_finite_numbers(path, tmp_path, monkeypatch, name, data, match):
    monkeypatch.chdir(tmp_path)
    packed = pack({name: data}, stored=[name])
    rewrite(path, {"references/prompt.npz": packed})
    refused(path, match)
    assert not (tmp_path / "unpickled").exists()


def test_a_bomb_inside_the_arrays(path):
    bomb = pack({"a.npy": npy(np.zeros(1_000_000))})
    rewrite(path, {"references/prompt.npz": bomb})
    refused(path, r"a\.npy claims .* bytes, at most")


def external_in(place):
    """A graph whose external tensor hides in one of the places where ONNX allows tensors."""
    hidden = onnx.helper.make_tensor("hidden", onnx.TensorProto.FLOAT, [1], [1.0])
    hidden.ClearField("float_data")
    hidden.data_location = onnx.TensorProto.EXTERNAL
    hidden.external_data.add(key="location", value="/etc/passwd")
    inner = onnx.helper.make_graph([], "inner", [], [], [hidden])
    model = onnx.load_from_string(letters_parts().onnx)
    if place == "initializer":
        model.graph.initializer.append(hidden)
    elif place == "attribute":
        model.graph.node.append(onnx.helper.make_node("Constant", [], ["c"], value=hidden))
    elif place == "subgraph":
        model.graph.node.append(onnx.helper.make_node("If", ["c"], ["d"], then_branch=inner, else_branch=inner))
    elif place == "sparse":
        model.graph.sparse_initializer.add().values.CopyFrom(hidden)
    elif place == "function":
        model.functions.add().node.append(onnx.helper.make_node("Constant", [], ["c"], value=hidden))
    elif place == "training":
        model.training_info.add().algorithm.CopyFrom(inner)
    return model.SerializeToString()


@pytest.mark.parametrize("place", ["initializer", "attribute", "subgraph", "sparse", "function", "training"])
def test_external_onnx_data_is_found_wherever_it_hides(path, place):
    rewrite(path, {"embedder.onnx": external_in(place)})
    refused(path, "weights outside the file")


def test_a_second_graph_field_does_not_hide_it(path):
    first, second = letters_parts().onnx, external_in("initializer")
    rewrite(path, {"embedder.onnx": first + second})
    refused(path, "weights outside the file")


def test_nested_without_end(path):
    data = b""
    for _ in range(200):  # graph → node → attribute → graph …
        for tag in (0x32, 0x2A, 0x0A):
            data = bytes([tag]) + length(data) + data
    rewrite(path, {"embedder.onnx": b"\x3a" + length(data) + data})
    refused(path, "nested too deeply")


def length(data):
    value, out = len(data), b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"references": {"prompt": {"a": np.array([np.nan])}}}, "not finite"),
        ({"references": {"prompt": {"a": np.array([{}], object)}}}, "cannot be stored"),
        ({"references": {"prompt": {"a b": np.zeros(1)}}}, "array name"),
        ({"references": {"../x": ARRAYS}}, "references must have names"),
        ({"references": {}}, "there must be one"),
        ({"manifest": {"share": float("nan")}}, "plain JSON"),
        ({"manifest": {"array": np.zeros(2)}}, "plain JSON"),
        ({"manifest": {"text": "\ud800"}}, "plain JSON"),
        ({"embedder_onnx": b""}, "empty"),
    ],
)
def test_what_could_not_be_read_is_not_written(tmp_path, changes, match):
    with pytest.raises(ProfileError, match=match):
        write_profile(tmp_path / "p.offmap", profile(**changes))
    assert list(tmp_path.iterdir()) == []


def test_written_whole_or_not_at_all(path, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ProfileError, match="No space left"):
        write_profile(path, profile(manifest={"rows": 1}))
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_no_such_folder(tmp_path):
    with pytest.raises(ProfileError, match="No such file or directory"):
        write_profile(tmp_path / "absent" / "p.offmap", profile())


def test_packed_arrays_are_an_ordinary_npz():
    with np.load(io.BytesIO(pack_arrays(ARRAYS)), allow_pickle=False) as arrays:
        assert set(arrays.files) == set(ARRAYS)
        assert arrays["means"].tobytes() == ARRAYS["means"].tobytes()


def test_the_module_says_what_the_file_holds(path):
    documented = sys.modules["agent.profile"].__doc__
    names = [*members_of(path), "examples.json", *json.loads(members_of(path)["manifest.json"])]
    for name in names:
        said = "references/NAME.npz" if name.startswith("references/") else name
        assert f"`{said}`" in documented
