"""Files that are not one message a line: JSON laid out for people, lists of documents, tables."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.fitting.files import read_documents
from agent.payloads import decode
from agent.sources.documents import read_messages
from agent.sources.files import FileSource
from tests.payload_cases import CASES, LANGFUSE_READ, LANGFUSE_ROW

ROWS = [{"prompt": f"Why, {i}?", "response": 'a "b" ]}{[ \\', "deep": [{"n": []}, {}]} for i in range(5)]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def messages(raw: bytes, longest: int = 10**6) -> list[bytes | None]:
    return list(read_messages(io.BufferedReader(io.BytesIO(raw)), longest))


def documents(raw: bytes) -> list[Any]:
    return [json.loads(message or b"null") for message in messages(raw)]


@pytest.mark.parametrize("indent", [0, 1, 4, "\t"])
@pytest.mark.parametrize("pack", [lambda raw: raw, gzip.compress])
def test_json_laid_out_for_people(indent: Any, pack: Any) -> None:
    whole = json.dumps(ROWS, indent=indent).encode()
    assert documents(pack(whole)) == ROWS
    several = b"\n".join(json.dumps(row, indent=indent).encode() for row in ROWS)
    assert documents(pack(several)) == ROWS


@settings(max_examples=100, deadline=None)
@given(st.lists(st.dictionaries(st.text(), JSON, min_size=1, max_size=4), min_size=1, max_size=4), st.integers(0, 3))
def test_any_documents(rows: list[Any], indent: int) -> None:
    assert documents(json.dumps(rows, indent=indent).encode()) == rows
    assert documents(b"\n".join(json.dumps(row, indent=indent).encode() for row in rows)) == rows


def test_lines_are_lines() -> None:
    lines = [b"", b'{"a": 1}', b"{broken", b"{", b"}", b"]"]
    assert messages(b"\n".join(lines)) == lines


def test_what_is_too_long_is_not_held() -> None:
    rows = [{"prompt": "a"}, {"prompt": ["b" * 100] * 100}, {"prompt": "c" * 5_000}, {"prompt": "d"}]
    found = messages(json.dumps(rows, indent=1).encode(), longest=1_000)
    assert [message is None for message in found] == [False, True, True, False]
    assert messages(b"{\n" + b'"a",\n' * 1_000, longest=1_000) == [None]


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        cells = [{key: json.dumps(v) if isinstance(v, dict | list) else v for key, v in row.items()} for row in rows]
        writer.writerows(cells)
    return path


def test_a_table_as_langfuse_exports_it(tmp_path: Path) -> None:
    row = LANGFUSE_ROW | {"output": 'In the post,\n"soon".', "user_id": ""}
    records, end = FileSource([table(tmp_path / "export.csv", [row, row | {"type": "SPAN"}])]).poll()
    assert (len(records), end) == (2, True)
    expected = CASES["langfuse export"].expected[0]
    assert decode(records[0]) == [expected._replace(response='In the post,\n"soon".')]
    assert expected._replace(session=None) == LANGFUSE_READ


def test_a_table_to_fit(tmp_path: Path) -> None:
    rows = [{"prompt": "a, b", "response": "{not json"}, {"prompt": "c", "response": ""}]
    found = [document.value for document in read_documents(table(tmp_path / "train.csv", rows))]
    assert found == [{"prompt": "a, b", "response": "{not json"}, {"prompt": "c"}]


def test_a_cell_that_is_too_long_is_not_held(tmp_path: Path) -> None:
    rows = [{"prompt": "a"}, {"prompt": "b" * 5_000}, {"prompt": "c"}]
    records, _ = FileSource([table(tmp_path / "a.csv", rows)], longest_line=1_000).poll()
    values = [record.value for record in records if record.value]
    assert values == [b'{"prompt": "a"}', b'{"prompt": "c"}']
