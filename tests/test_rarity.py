import numpy as np
import pytest

from detectors.rarity import DEPTH, FULLEST, NARROWEST, WIDEST, WordCounter, WordRarity

HASHES = np.random.default_rng(0).integers(1 << 64, size=400_000, dtype=np.uint64)


def counted(documents):
    counter = WordCounter()
    for words in documents:
        counter.add(HASHES[words])
    return counter.to_arrays()


def test_never_too_few_and_seldom_too_many():
    rng = np.random.default_rng(1)
    documents = [np.unique(rng.zipf(1.3, size=40) % 30_000) for _ in range(3_000)]
    truth = np.bincount(np.concatenate(documents), minlength=40_000)
    found = WordRarity.from_arrays(counted(documents)).documents_with(HASHES[:40_000])
    assert (found >= truth).all()
    assert (found[truth > 0] > truth[truth > 0]).mean() < 0.01
    assert (found[truth == 0] > 0).mean() < 0.01


@pytest.mark.parametrize("words", [20, 2_000, 30_000, 400_000])
def test_the_table_is_as_wide_as_the_words_need(words):
    counts = counted([np.arange(words)])["word_counts"]
    width = counts.shape[1]
    assert counts.dtype == np.uint16
    assert NARROWEST <= width <= WIDEST
    assert len(counts) == DEPTH
    full = (counts > 0).mean()
    assert full <= FULLEST or width == WIDEST
    assert full > FULLEST / 3 or width == NARROWEST


def test_counts_stop_at_the_largest_number():
    counter = WordCounter()
    counter._counts[:] = 70_000
    counter.documents = 70_000
    assert WordRarity.from_arrays(counter.to_arrays()).documents_with(HASHES[:1]).tolist() == [65_535]


def test_the_rarest_come_first_and_common_ones_not_at_all():
    arrays = counted([[0, 1, 2]] * 1 + [[0, 1]] * 9 + [[0]] * 990)
    rarity = WordRarity.from_arrays(arrays)
    assert rarity.documents == 1_000
    assert rarity.rarest(HASHES[[0, 1, 9, 2, 8]], 5, 0.01).tolist() == [2, 4, 3, 1]
    assert rarity.rarest(HASHES[[0, 1, 9, 2, 8]], 2, 0.01).tolist() == [2, 4]
    assert rarity.rarest(HASHES[[0]], 5, 0.01).tolist() == []
    assert rarity.rarest(HASHES[:0], 5, 0.01).tolist() == []


def test_without_counts_there_is_none_and_damaged_ones_are_refused():
    arrays = counted([[1, 2]])
    assert WordRarity.from_arrays({}) is None
    assert WordRarity.from_arrays({"word_counts": arrays["word_counts"]}) is None
    counts = arrays["word_counts"]
    for bad in (counts[:2], counts[:, :100], counts.astype(np.int64), counts[0], counts[:, :0]):
        with pytest.raises(ValueError, match="word counts of"):
            WordRarity.from_arrays(arrays | {"word_counts": bad})
    with pytest.raises(ValueError, match="for 0 documents"):
        WordRarity.from_arrays(arrays | {"word_documents": np.array(0)})
