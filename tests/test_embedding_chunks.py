"""Texts of any length in bounded chunks."""

from hypothesis import given
from hypothesis import strategies as st

from agent.embedding.chunks import cut, evenly_spaced
from tests.models import letters_parts

SPEC = letters_parts().spec


@given(length=st.integers(1, 5000), size=st.integers(1, 300), most=st.integers(1, 8))
def test_spans_are_bounded_ordered_and_complete_where_they_can_be(length, size, most):
    spans = evenly_spaced(length, size, most)
    assert 1 <= len(spans) <= most
    assert all(0 < end - start <= size for start, end in spans)
    assert spans == sorted(spans)
    assert spans[0][0] == 0
    assert (spans[-1][1] == length) or most == 1
    seen = {i for start, end in spans for i in range(start, end)}
    assert len(seen) == min(length, size * most)


def words(text):
    return [1 if word == "?" else 10 for word in text.split()]


def test_special_pieces_stand_around_every_chunk():
    chunks, truncated = cut("a " * 45, SPEC, 3, words)
    assert [(chunk[0], chunk[-1], len(chunk)) for chunk in chunks] == [(2, 3, 24), (2, 3, 25)]
    assert not truncated


def test_nothing_known_is_no_chunk():
    assert cut("", SPEC, 3, words) == ([], False)
    assert cut("? ? ?", SPEC, 3, words) == ([], False)
    assert len(cut("? a ?", SPEC, 3, words).chunks) == 1


def test_too_long_a_text_is_truncated():
    assert not cut("a " * 90, SPEC, 3, words).truncated
    assert cut("a " * 91, SPEC, 3, words).truncated


def test_the_tokenizer_never_sees_more_than_a_bounded_text():
    seen = []
    chunks, truncated = cut("a" * 10**7, SPEC, 2, lambda text: seen.append(len(text)) or [10])
    assert seen == [2 * 30 * 64]
    assert truncated
    assert len(chunks) == 1
