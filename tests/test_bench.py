"""`make bench` says OK and SHORT where it must, and fails where it selects nothing."""

import math
import sys
import types

import numpy as np
import pytest

from agent.records import Encoded
from benchmarks import figures, readme, results, run
from benchmarks.table import NoDataError, Row, data_file
from benchmarks.text_store import Embedded, TextStore


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("x", 0.976, at_least=0.976), "OK"),
        (Row("x", 0.9759, at_least=0.976), "SHORT"),
        (Row("x", 251, at_most=250), "SHORT"),
        (Row("x", 0.039, at_least=0.04, at_most=0.06), "SHORT"),
        (Row("x", 0.061, at_least=0.04, at_most=0.06), "SHORT"),
        (Row("x", math.nan, at_least=0), "SHORT"),
        (Row("x", math.nan, at_most=0), "SHORT"),
        (Row("x", math.nan), "OK"),
    ],
)
def test_a_row_keeps_its_bounds_or_is_short(row, verdict):
    assert row.verdict == verdict


def test_a_line_has_the_measure_the_value_what_was_asked_and_the_reference():
    line = str(Row("peak memory", 248.04, at_most=250, unit="MB", reference="torch: 885 MB"))
    assert [part.strip() for part in line.split("  ") if part.strip()] == [
        "OK",
        "peak memory",
        "248 MB",
        "≤ 250 MB",
        "torch: 885 MB",
    ]


@pytest.fixture
def benchmark(monkeypatch):
    """Replace every benchmark by one that gives the rows that a test asks for."""

    def install(rows):
        module = types.ModuleType("benchmarks.made_up")
        module.rows = rows
        monkeypatch.setitem(sys.modules, "benchmarks.made_up", module)
        monkeypatch.setattr(run, "names", lambda: ["made_up"])

    return install


def test_the_status_is_0_when_nothing_is_short(benchmark, capsys):
    benchmark(lambda: [Row("a", 1.0, at_least=0.5)])
    assert run.main([]) == 0
    assert "OK" in capsys.readouterr().out


def test_the_status_is_1_when_one_row_is_short(benchmark, capsys):
    benchmark(lambda: [Row("a", 1.0, at_least=0.5), Row("b", 1.0, at_least=2.0)])
    assert run.main([]) == 1
    assert "1 short: b" in capsys.readouterr().out


def test_missing_data_is_short_and_says_where_it_was_looked_for(benchmark, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("OFFMAP_DATA", str(tmp_path))
    benchmark(lambda: [Row(str(data_file("clinc150.jsonl.gz")), 1.0)])
    assert run.main([]) == 1
    assert f"no clinc150.jsonl.gz in {tmp_path}: set OFFMAP_DATA" in capsys.readouterr().out
    with pytest.raises(NoDataError):
        data_file("other")


@pytest.mark.parametrize(("rows", "said"), [(list, "selects nothing"), (lambda: 1 / 0, "division by zero")])
def test_a_benchmark_that_fails_or_measures_nothing_is_short(benchmark, capsys, rows, said):
    benchmark(rows)
    assert run.main([]) == 1
    printed = capsys.readouterr()
    assert said in next(line for line in printed.out.splitlines() if line.startswith("SHORT  made_up: "))
    assert "Traceback" in printed.err


def test_without_benchmarks_there_is_no_success(monkeypatch):
    monkeypatch.setattr(run, "names", list)
    with pytest.raises(SystemExit) as end:
        run.main([])
    assert end.value.code == 2


def test_an_unknown_benchmark_is_named(capsys):
    with pytest.raises(SystemExit) as end:
        run.main(["--only", "no_such"])
    assert end.value.code == 2
    assert "no_such" in capsys.readouterr().err


def test_peers_run_only_when_asked(monkeypatch):
    asked = []
    monkeypatch.setattr(run, "names", lambda: ["delay", "peer_delay"])
    monkeypatch.setattr(run, "measure", lambda name: asked.append(name) or [Row(name, 1.0)])
    run.main([])
    run.main(["--peers"])
    run.main(["--only", "peer_delay"])
    assert asked == ["delay", "peer_delay", "peer_delay"]


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """Results and page in a folder of the test's own, with one theme."""
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(readme, "README", tmp_path / "README.md")
    monkeypatch.setattr(readme, "THEMES", {"Made up": ("made_up",)})
    return tmp_path


def test_what_is_recorded_stands_on_the_page_short_rows_too(benchmark, kept):
    benchmark(lambda: [Row("good", 0.5, at_least=0.5, reference="them .4"), Row("bad", 9.0, at_most=2.0, unit="µs")])
    assert run.main(["--record"]) == 1
    page = (kept / "README.md").read_text(encoding="utf-8")
    assert "| good | ≥ 0.5 | 0.5 | them .4 | `made_up` |" in page
    assert "| bad | ≤ 2 µs | 9 µs SHORT | – | `made_up` |" in page
    assert "`make bench ARGS='--only made_up'`" in page
    assert (kept / "made_up.json").is_file()


def test_nothing_is_recorded_unless_asked_or_where_it_failed(benchmark, kept):
    benchmark(lambda: [Row("good", 1.0)])
    run.main([])
    benchmark(lambda: 1 / 0)
    run.main(["--record"])
    assert not list(kept.glob("*.json"))


def test_results_are_read_as_they_were_written(kept):
    rows = [Row("a", math.inf, at_least=1.0), Row("b", 2.0, unit="s", reference="c")]
    results.save("made_up", rows, "make bench", 1.4, {"river": "0.1"})
    found = results.load()["made_up"]
    assert found.rows == rows
    assert (found.command, found.seconds, found.versions["river"]) == ("make bench", 1, "0.1")
    assert "cores" in found.machine


def test_a_result_without_a_theme_is_an_error(kept):
    results.save("homeless", [Row("a", 1.0)], "make bench", 1.0, {})
    with pytest.raises(LookupError, match="homeless"):
        readme.markdown(results.load())


def test_the_page_says_what_the_results_say():
    kept = results.load()
    assert kept
    assert readme.README.read_text(encoding="utf-8") == readme.markdown(kept), "run `make docs`"


def test_every_benchmark_has_a_theme_and_every_theme_benchmarks():
    assert sorted(name for names in readme.THEMES.values() for name in names) == run.names()


def test_the_main_readme_shows_kept_values_only(kept, monkeypatch):
    monkeypatch.setattr(figures, "FIGURES", (("both", "made_up", r"a|b"),))
    with pytest.raises(LookupError, match="made_up"):
        figures.markdown()
    results.save("made_up", [Row("a", 1.0, reference="x"), Row("b", 2.0, unit="s", reference="x")], "make bench", 1, {})
    assert figures.markdown().endswith("| both | 1 / 2 s | x |")


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Texts that a made-up embedder was asked for: a word is a chunk, its length the vector."""
    monkeypatch.setenv("OFFMAP_BENCH_CACHE", str(tmp_path))
    seen = []

    def encode(texts, max_chunks):
        seen.extend(texts)
        words = [text.split()[:max_chunks] for text in texts]
        owner = np.repeat(np.arange(len(texts), dtype=np.int32), [len(each) for each in words])
        lengths = np.array([len(word) for each in words for word in each], dtype=np.float32)
        truncated = np.array([len(text.split()) > max_chunks for text in texts])
        return Encoded(np.tile(lengths[:, None, None], (1, 2, 3)), lengths.astype(np.int32), owner, truncated)

    return encode, seen


def test_a_text_is_embedded_once_by_this_process_and_the_next(asked):
    encode, seen = asked
    texts = ["a bc def", "", "a", "a bc def"]
    first = TextStore().encode(encode, "f", texts, 2)
    assert seen == ["a bc def", "", "a"]
    again = TextStore().encode(encode, "f", texts[::-1], 2)
    assert seen == ["a bc def", "", "a"]
    assert (first.owner.tolist(), first.truncated.tolist()) == ([0, 0, 2, 3, 3], [True, False, False, True])
    assert first.tokens.tolist() == first.layers[:, 0, 0].tolist() == [1, 2, 1, 1, 2]
    assert again.owner.tolist() == [0, 0, 1, 3, 3]
    assert again.layers.tobytes() == first.layers[[0, 1, 2, 3, 4]].tobytes()


def test_another_model_or_limit_is_another_embedding(asked):
    encode, seen = asked
    store = TextStore()
    for fingerprint, limit in (("f", 2), ("g", 2), ("f", 1)):
        store.encode(encode, fingerprint, ["a bc"], limit)
    assert seen == ["a bc"] * 3


def test_a_stand_in_is_never_embedded(asked):
    encode, seen = asked
    store = TextStore()
    store.stand_ins["x y"] = Embedded(np.full((1, 2, 3), 9, np.float32), np.array([7], np.int32), truncated=False)
    found = store.encode(encode, "f", ["a", "x y"], 2)
    assert (found.tokens.tolist(), seen) == ([1, 7], ["a"])
