"""Log files as a source."""

import gzip
import os
import tracemalloc
from pathlib import Path

import pytest
import zstandard

from agent.payloads import decode
from agent.records import Rejected
from agent.sources.errors import SourceError
from agent.sources.files import FileSource, expand


def drain(source: FileSource) -> list[tuple[str, int, bytes | None]]:
    found = []
    while True:
        batch = source.poll()
        found += [(Path(record.topic).name, record.offset, record.value) for record in batch.records]
        if batch.end:
            return found


def lines(count: int) -> bytes:
    return b"".join(b'{"prompt": "number %d"}\n' % i for i in range(count))


PACK = {
    "plain": lambda raw: raw,
    "gzip": gzip.compress,
    "gzip members": lambda raw: gzip.compress(raw[:50]) + gzip.compress(raw[50:]),
    "zstd": zstandard.compress,
    "zstd frames": lambda raw: zstandard.compress(raw[:50]) + zstandard.compress(b"") + zstandard.compress(raw[50:]),
}


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("batch_size", [1, 3, 10, 500])
def test_every_packing_gives_the_same_lines(tmp_path, packing, batch_size):
    (tmp_path / "log.jsonl").write_bytes(PACK[packing](lines(10)))
    source = FileSource([tmp_path / "log.jsonl"], batch_size=batch_size)
    expected = [("log.jsonl", i, line) for i, line in enumerate(lines(10).splitlines())]
    assert drain(source) == expected
    done, total = source.progress()
    assert done == total == (tmp_path / "log.jsonl").stat().st_size


@pytest.mark.parametrize("packing", PACK)
def test_positions_are_line_numbers_to_go_on_with(tmp_path, packing):
    path = tmp_path / "log"
    path.write_bytes(PACK[packing](lines(10)))
    found = drain(FileSource([path], {(str(path), 0): 7}))
    assert [number for _, number, _ in found] == [7, 8, 9]
    assert drain(FileSource([path], {(str(path), 0): 10})) == []


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (b"a\nb", [b"a", b"b"]),
        (b"a\r\nb\r\n", [b"a", b"b"]),
        (b"a\n\nb\n", [b"a", b"", b"b"]),
        (b"\xef\xbb\xbfa\n", [b"a"]),
        (b"\xff\xfe\n", [b"\xff\xfe"]),
        (b"\n", [b""]),
    ],
)
def test_ends_of_lines(tmp_path, raw, values):
    (tmp_path / "log").write_bytes(raw)
    assert [value for _, _, value in drain(FileSource([tmp_path / "log"]))] == values


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("length", [9, 10, 11, 12, 13, 999])
def test_a_line_is_held_up_to_its_longest(tmp_path, length, end):
    fits = length <= 10
    (tmp_path / "log").write_bytes(b"first\n" + b"x" * length + end)
    _, record = FileSource([tmp_path / "log"], longest_line=10).poll().records
    assert record.value == (b"x" * length if fits else b"")
    assert (decode(record) == [Rejected("oversized")]) is not fits


@pytest.mark.parametrize("packing", ["plain", "gzip", "zstd"])
def test_a_huge_line_is_never_held(tmp_path, packing):
    path = tmp_path / "log"
    path.write_bytes(PACK[packing](b"x" * 300_000_000 + b"\nlast\n"))
    source = FileSource([path], longest_line=1000)
    tracemalloc.start()
    found = drain(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [value for _, _, value in found] == [b"", b"last"]
    assert peak < 40_000_000


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
@pytest.mark.parametrize("harm", ["cut", "bitten"])
def test_damage_is_named_after_the_lines_before_it(tmp_path, packing, harm):
    raw = os.urandom(200_000).hex().encode()
    text = b"\n".join(raw[i : i + 100] for i in range(0, len(raw), 100)) + b"\n"
    packed = gzip.compress(text) if packing == "gzip" else zstandard.ZstdCompressor(write_checksum=True).compress(text)
    half = len(packed) // 2
    rest = b"" if harm == "cut" else b"\xff" * 900 + packed[half + 900 :]
    (tmp_path / "log").write_bytes(packed[:half] + rest)
    source = FileSource([tmp_path / "log"], batch_size=300)
    assert len(source.poll().records) == 300
    problem = r"log: (ends in the middle|damaged).* after line \d+: copy it anew"
    with pytest.raises(SourceError, match=problem):
        drain(source)
    with pytest.raises(SourceError, match=problem):  # and it stays so
        source.poll()


def test_files_follow_in_the_order_given_and_sorted_within_a_directory(tmp_path):
    for name in ("b.jsonl", "a.jsonl.gz", "deep/c.ndjson.zst", "notes.txt"):
        path = tmp_path / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() + b"\n")
    first = tmp_path / "z.jsonl"
    first.write_bytes(b"z\n")
    found = drain(FileSource([first, tmp_path / "logs", first]))
    assert [value for _, _, value in found] == [b"z", b"a.jsonl.gz", b"b.jsonl", b"deep/c.ndjson.zst"]
    assert expand([tmp_path / "logs" / "*.jsonl*"]) == expand([tmp_path / "logs" / "[ab].*"])
    assert len(expand([tmp_path / "**" / "*.zst"])) == 1


def test_an_empty_file_among_others_is_passed_over(tmp_path):
    for name, raw in [("a", b""), ("b", b"x\n"), ("c", gzip.compress(b""))]:
        (tmp_path / name).write_bytes(raw)
    assert drain(FileSource([tmp_path / name for name in "abc"])) == [("b", 0, b"x")]


def test_a_name_with_signs_of_a_pattern_is_a_name_first(tmp_path):
    (tmp_path / "a[1].jsonl").write_bytes(b"x\n")
    assert len(drain(FileSource([tmp_path / "a[1].jsonl"]))) == 1


@pytest.mark.parametrize("packing", PACK)
def test_nothing_at_all_is_an_error(tmp_path, packing):
    (tmp_path / "log").write_bytes(PACK[packing](b""))
    source = FileSource([tmp_path / "log"])
    with pytest.raises(SourceError, match="log: nothing to read"):
        source.poll()


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SourceError, match="no log file is named"):
        FileSource([])
    with pytest.raises(SourceError, match=r"gone\.jsonl: no such file"):
        FileSource([tmp_path / "gone.jsonl"])
    with pytest.raises(SourceError, match="no file matches"):
        FileSource([tmp_path / "*.jsonl"])
    with pytest.raises(SourceError, match=r"no file in this directory ends in \.jsonl"):
        FileSource([tmp_path])


def test_a_file_that_vanished_is_named(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"x\n")
    source = FileSource([path])
    path.unlink()
    with pytest.raises(SourceError, match=r"log\.jsonl: cannot be opened: No such file"):
        source.poll()


def test_parquet_is_refused_by_name(tmp_path):
    (tmp_path / "rows.parquet").write_bytes(b"PAR1....")
    with pytest.raises(SourceError, match="is a Parquet file"):
        FileSource([tmp_path / "rows.parquet"]).poll()


def test_close_in_the_middle(tmp_path):
    (tmp_path / "log").write_bytes(lines(10))
    source = FileSource([tmp_path / "log"], batch_size=3)
    source.poll()
    source.close()
    source.close()
    assert source.lag() == {}
