"""The stored description of an embedder."""

import base64
import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.embedding.spec import EmbedderSpec, SpecError
from tests.models import letters_parts


def test_survives_json():
    spec = letters_parts().spec
    back = EmbedderSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert back == spec
    assert (back.canary_vectors == spec.canary_vectors).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dim": 0}, "dim must lie in"),
        ({"dim": "16"}, "dim must be int"),
        ({"dim": True}, "dim must be int"),
        ({"taps": []}, "taps"),
        ({"taps": [2, 1]}, "taps"),
        ({"taps": [0, 1]}, "taps"),
        ({"taps": [1, 2.5]}, "taps must be"),
        ({"max_tokens": 2}, "leaves no room"),
        ({"pooling": "max"}, "pooling must be one of mean, cls, last_token"),
        ({"unknown_id": "x"}, "unknown_id"),
        ({"prefix_ids": [None]}, "prefix_ids"),
        ({"canary_bytes": "AAAA"}, "canary_bytes must hold"),
        ({"canary_bytes": "§"}, "not base64"),
        ({"canary_texts": [1]}, "canary_texts"),
        ({"canary_texts": [], "canary_bytes": ""}, "canary_texts is empty"),
        ({"model": None}, "model must be str"),
    ],
)
def test_a_wrong_field_is_named(change, message):
    with pytest.raises(SpecError, match=message):
        EmbedderSpec.from_dict(letters_parts().spec.to_dict() | change)


def test_numbers_that_are_not_finite_are_refused():
    spec = letters_parts().spec
    vectors = spec.canary_vectors.copy()
    vectors[0, 0, 0] = np.nan
    data = spec.to_dict() | {"canary_bytes": base64.b64encode(vectors.tobytes()).decode()}
    with pytest.raises(SpecError, match="not finite"):
        EmbedderSpec.from_dict(data)


def test_fields_must_be_exactly_these():
    data = letters_parts().spec.to_dict()
    for wrong in (data | {"colour": 1}, {key: data[key] for key in list(data)[1:]}, [], None):
        with pytest.raises(SpecError, match="expected the fields"):
            EmbedderSpec.from_dict(wrong)


@given(st.dictionaries(st.sampled_from(sorted(letters_parts().spec.to_dict())), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)))  # fmt: skip
def test_garbage_gives_a_spec_or_a_clear_error(change):
    with contextlib.suppress(SpecError):
        EmbedderSpec.from_dict(letters_parts().spec.to_dict() | change)
