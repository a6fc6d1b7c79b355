import numpy as np
import pytest

from agent.fitting.corpus import Reading, embed_corpus
from agent.fitting.rows import Row
from agent.fitting.scan import limit, scan
from tests.fakes import FakeEmbedder


def rows(*prompts: str | None, group: str | None = None) -> list[Row]:
    return [Row(prompt, f"answer to {prompt}", group, synthetic=False) for prompt in prompts]


def test_duplicates_are_dropped_whatever_their_white_space_and_case() -> None:
    selection = scan(rows("Reset my PIN", "reset  my\npin", "Close my account", "RESET MY PIN "))
    assert selection.keep["prompt"].tolist() == [True, False, True, False]
    assert selection.duplicates == {"prompt": 2, "response": 2}
    assert selection.count("prompt") == 2


def test_each_side_has_duplicates_of_its_own() -> None:
    selection = scan([Row("a", "same", None, False), Row("b", "same", None, False), Row("a", None, None, False)])
    assert selection.keep["prompt"].tolist() == [True, True, False]
    assert selection.keep["response"].tolist() == [True, False, False]


def test_held_out_rows_keep_their_repetitions() -> None:
    selection = scan(rows("a", "a", "b"), deduplicate=False)
    assert selection.keep["prompt"].all()
    assert selection.duplicates["prompt"] == 1


def test_groups_are_equal_where_named_and_apart_elsewhere() -> None:
    groups = scan([*rows("a", "b", group="x"), *rows("c", group="y"), *rows("d", "e")]).groups
    assert groups[0] == groups[1] != groups[2]
    assert len(set(groups.tolist())) == 4


def test_the_limit_draws_at_random_and_repeatably() -> None:
    selection = scan(rows(*[f"prompt {i}" for i in range(1_000)]))
    drawn = limit(selection, 100, seed=1).keep["prompt"]
    assert drawn.sum() == 100
    assert 350 < np.flatnonzero(drawn).mean() < 650  # not the first hundred
    assert (drawn == limit(selection, 100, seed=1).keep["prompt"]).all()
    assert (drawn != limit(selection, 100, seed=2).keep["prompt"]).any()
    assert limit(selection, None, seed=1) is selection
    assert limit(selection, 5_000, seed=1).count("prompt") == 1_000


@pytest.mark.parametrize("count", [1, 64, 150])
def test_the_corpus_is_what_the_embedder_gives_each_text(count: int, tmp_path) -> None:
    data = rows(*[f"prompt {i}" for i in range(count)], "prompt 0", " ")
    done: list[int] = []
    corpora = embed_corpus(
        data, scan(data), FakeEmbedder(), Reading({"prompt": 1, "response": 1}), tmp_path, done.append
    )
    prompts = corpora["prompt"]
    expected = FakeEmbedder().encode([row.prompt or "" for row in data[:count]], 1)
    np.testing.assert_array_equal(prompts.encoded.layers, expected.layers)
    np.testing.assert_array_equal(prompts.encoded.owner, np.arange(count))
    np.testing.assert_array_equal(prompts.encoded.tokens, expected.tokens)
    assert prompts.rows.tolist() == list(range(count))
    assert len(prompts.encoded.truncated) == count
    assert sum(done) == count + len(corpora["response"].rows)


def test_texts_with_nothing_to_embed_are_left_out_and_counted(tmp_path) -> None:
    class Picky(FakeEmbedder):
        def encode(self, texts, max_chunks, reduce=None):
            return super().encode(["" if "skip" in text else text for text in texts], max_chunks)

    data = [Row(f"prompt {i} {'skip' if i % 3 == 0 else ''}", None, None, False) for i in range(100)]
    corpus = embed_corpus(data, scan(data), Picky(), Reading({"prompt": 1, "response": 1}), tmp_path)["prompt"]
    assert corpus.empty == 34
    assert corpus.rows.tolist() == [i for i in range(100) if i % 3]
    assert corpus.encoded.owner.tolist() == list(range(66))
