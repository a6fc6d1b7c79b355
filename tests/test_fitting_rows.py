import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from pyarrow import parquet

from agent.fitting.errors import FitError
from agent.fitting.rows import Readings, Row, RowFields, read_rows

PLAIN = {"prompt": "Where is my parcel?", "response": "On its way."}
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": "Where is my parcel?"},
    {"role": "assistant", "content": "On its way."},
]


def jsonl(path: Path, *rows: object) -> Path:
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def read(path: Path, fields: RowFields | None = None, readings: Readings | None = None) -> list[Row]:
    return list(read_rows([path], fields or RowFields(), readings))


def texts(path: Path, fields: RowFields | None = None) -> list[tuple[str | None, str | None]]:
    return [(row.prompt, row.response) for row in read(path, fields)]


@pytest.mark.parametrize(
    "row",
    [
        PLAIN,
        {"prompt": "Where is my parcel?", "completion": "On its way."},
        {"question": "Where is my parcel?", "answer": "On its way.", "text": "a page that it is about"},
        {"instruction": "Where is my parcel?", "input": "", "output": "On its way."},
        {"messages": TALK[3:]},
        {"conversations": [{"from": "human", "value": PLAIN["prompt"]}, {"from": "gpt", "value": PLAIN["response"]}]},
        {"prompt": TALK[3:4], "chosen": TALK[4:], "rejected": [{"role": "assistant", "content": "No."}]},
    ],
    ids=["plain", "completion", "question", "instruction", "messages", "conversations", "preference"],
)
def test_known_shapes_are_recognised(row: dict[str, object], tmp_path: Path) -> None:
    assert texts(jsonl(tmp_path / "a", row)) == [("Where is my parcel?", "On its way.")]


def test_an_instruction_keeps_its_input(tmp_path: Path) -> None:
    row = {"instruction": "Add.", "input": "1, 2", "output": "3"}
    assert texts(jsonl(tmp_path / "a", row)) == [("Add.\n\n1, 2", "3")]


def test_a_text_is_a_prompt_without_response(tmp_path: Path) -> None:
    assert texts(jsonl(tmp_path / "a", {"text": "Where?", "label": 3})) == [("Where?", None)]


@pytest.mark.parametrize(
    ("which", "first", "second"),
    [
        ("last_user", "Hi", "Where is my parcel?"),
        ("all_user", "Hi", "Hi\n\nWhere is my parcel?"),
        ("all", "Be brief.\n\nHi", "Be brief.\n\nHi\n\nHello!\n\nWhere is my parcel?"),
    ],
)
def test_every_turn_is_an_example_of_the_conversations_group(
    which: str, first: str, second: str, tmp_path: Path
) -> None:
    rows = read(jsonl(tmp_path / "a", {"messages": TALK}, {"messages": TALK[3:]}), RowFields(which=which))
    assert [row.prompt for row in rows[:2]] == [first, second]
    assert [row.response for row in rows[:2]] == ["Hello!", "On its way."]
    assert rows[0].group == rows[1].group is not None
    assert rows[2].group is None


def test_named_fields_group_and_origin(tmp_path: Path) -> None:
    row = {"data": {"q": "Where?", "a": "There."}, "source": 7, "by": "synthetic"}
    fields = RowFields("data.q", "data.a", "source", "by")
    rows = read(jsonl(tmp_path / "a", row, {**row, "by": "human", "source": None}), fields)
    assert rows == [Row("Where?", "There.", "7", True), Row("Where?", "There.", None, False)]


def test_labels_are_read_where_there_are_any(tmp_path: Path) -> None:
    given = ["card", 7, "", None, ["card"]]
    path = jsonl(tmp_path / "a", *[{**PLAIN, "meta": {"intent": label}} for label in given], PLAIN)
    rows = read(path, RowFields(label="meta.intent"))
    assert [row.label for row in rows] == ["card", "7", None, None, None, None]
    assert [row.label for row in read(path)] == [None] * 6
    assert [row.label for row in read(jsonl(tmp_path / "b", PLAIN), RowFields(label="meta.intent"))] == [None]


@pytest.mark.parametrize("packed", ["plain", "gzip", "zstd", "parquet"])
def test_packing_is_told_by_content(packed: str, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.txt", *[PLAIN] * 3)
    if packed == "gzip":
        path.write_bytes(gzip.compress(path.read_bytes()))
    if packed == "zstd":
        path.write_bytes(zstandard.compress(path.read_bytes()))
    if packed == "parquet":
        parquet.write_table(pa.Table.from_pylist([PLAIN] * 3), path)
    assert len(texts(path)) == 3


def test_parquet_with_conversations(tmp_path: Path) -> None:
    parquet.write_table(pa.Table.from_pylist([{"messages": TALK}]), tmp_path / "a")
    assert len(texts(tmp_path / "a")) == 2


def test_bad_lines_among_good_ones_are_counted_and_placed(tmp_path: Path) -> None:
    readings = Readings()
    path = jsonl(tmp_path / "a", PLAIN, b"{oops", b"", b'{"prompt": "caf\xe9"}', [1], {"prompt": "  "}, PLAIN)
    assert len(read(path, readings=readings)) == 2
    assert readings.documents == 6
    assert readings.bad == {"not JSON": 1, "not UTF-8": 1, "not a JSON object": 1, "no prompt in it": 1}
    assert readings.first_bad == [
        f"{path}, line 2: not JSON",
        f"{path}, line 4: not UTF-8",
        f"{path}, line 5: not a JSON object",
        f"{path}, line 6: no prompt in it",
    ]


def test_only_the_first_bad_places_are_kept(tmp_path: Path) -> None:
    readings = Readings()
    read(jsonl(tmp_path / "a", PLAIN, *[b"{"] * 100), readings=readings)
    assert readings.bad["not JSON"] == 100
    assert len(readings.first_bad) == 5


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            RowFields(prompt="question"),
            "no field 'question' (for the prompt); there are: prompt, response, meta, meta.by",
        ),
        (RowFields(response="meta.reply"), "no field 'meta.reply' (for the response); there are: prompt"),
        (RowFields(group="template"), "no field 'template' (for the group)"),
        (RowFields(synthetic="origin"), "no field 'origin' (for the synthetic)"),
    ],
)
def test_a_wrong_field_name_names_those_there_are(fields: RowFields, expected: str, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a", *[{**PLAIN, "meta": {"by": 1}}] * 3)
    with pytest.raises(FitError) as caught:
        read(path, fields)
    assert expected in str(caught.value)


def test_an_unknown_shape_names_the_fields_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FitError, match=r"there are the fields ask, answer\. Known are .*--prompt-field"):
        read(jsonl(tmp_path / "a", *[{"ask": "Where?", "answer": "There."}] * 2_000))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"\n \n", "holds no row that can be read (no rows)"),
        ('{"prompt": "x"}'.encode("utf-16"), "is UTF-16 text"),
        (b'[{"prompt": "x"}]', "is a JSON array"),
        (b'\xe9\xe8 {"prompt"', "holds no row that can be read (line 1: not UTF-8)"),
        (b"prompt,response\na,b\n", "holds no row that can be read (line 1: not JSON)"),
        (gzip.compress(b'{"prompt": "x"}\n' * 9_000)[:-20], "ends in the middle of its compressed data"),
        (b"PAR1 and then nothing of the kind", "is damaged"),
    ],
    ids=["empty", "blank", "utf-16", "array", "latin", "csv", "cut gzip", "no parquet"],
)
def test_a_file_that_cannot_be_used(content: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(content)
    with pytest.raises(FitError) as caught:
        read(path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)


def test_no_such_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FitError, match=r"gone\.jsonl: cannot be read: No such file"):
        read(tmp_path / "gone.jsonl")
    with pytest.raises(FitError, match="Is a directory"):
        read(tmp_path)
