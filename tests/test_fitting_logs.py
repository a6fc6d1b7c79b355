"""Fitting on accepted production: logs in every shape, halves put together, sessions kept together, and said so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.cli import app
from agent.fitting.errors import FitError
from agent.fitting.logs import MOST_WAITING, read_logs
from agent.fitting.rows import Readings, Row, RowFields
from agent.inspection import as_text, inspect_profile
from agent.payloads import DecodeOptions, FieldMap
from agent.profile import read_profile
from tests.fitting import letters_model  # noqa: F401  a fixture
from tests.payload_cases import CASES
from tests.small import ODD, quick_mix, sentences  # noqa: F401  a fixture

START = 1_750_000_000.0


def write(path: Path, messages: list[Any]) -> Path:
    lines = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in messages]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def rows(path: Path, readings: Readings | None = None, **options: Any) -> list[Row]:
    return list(read_logs([path], RowFields(), DecodeOptions(**options), readings))


def test_shapes_may_be_mixed_and_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    openai = {"request": {"messages": [{"role": "user", "content": "One?"}]}, "response": {"choices": [
        {"message": {"role": "assistant", "content": "Yes."}}]}}  # fmt: skip
    log = write(tmp_path / "log", [openai, {"prompt": "Two?", "time": START, "session_id": "s"}, b"{broken", {"a": 1}])
    readings = Readings()
    assert rows(log, readings) == [Row("One?", "Yes.", None, False), Row("Two?", None, "s", False)]
    assert readings.bad == {"not_json": 1, "unrecognised": 1}
    assert sum(readings.shapes.values()) == 2
    assert (readings.first_time, readings.last_time) == (START, START)
    assert readings.first_bad[0] == f"{log}, line 3: not_json"


def test_halves_become_one_row_in_any_order_and_what_stays_alone_is_kept(tmp_path: Path) -> None:
    asked = [{"id": f"{i}", "request": {"messages": [{"role": "user", "content": f"Q{i}"}]}} for i in range(3)]
    answered = [
        {"id": f"{i}", "response": {"choices": [{"message": {"role": "assistant", "content": f"A{i}"}}]}}
        for i in range(3)
    ]
    log = write(tmp_path / "log", [asked[0], answered[1], answered[0], asked[1], asked[2]])
    assert rows(log) == [Row("Q0", "A0", None, False), Row("Q1", "A1", None, False), Row("Q2", None, None, False)]


def test_halves_that_wait_are_bounded(tmp_path: Path) -> None:
    n = MOST_WAITING + 5
    ask = b'{"id": "%d", "request": {"messages": [{"role": "user", "content": "Q"}]}}'
    answer = b'{"id": "0", "response": {"choices": [{"message": {"role": "assistant", "content": "A"}}]}}'
    found = rows(write(tmp_path / "log", [*(ask % i for i in range(n)), answer]))
    assert len(found) == n + 1
    assert Row("Q", "A", None, False) not in found


def test_the_configurations_fields_tags_and_sessions_are_read(tmp_path: Path) -> None:
    message = {"q": {"text": "Hi"}, "who": "u1", "intent": "greeting", "bot": "yes"}
    log = write(tmp_path / "log", [message])
    options = DecodeOptions(fields=FieldMap(prompt="q.text", session="who"), tags=("intent", "bot"))
    assert list(read_logs([log], RowFields(label="intent", synthetic="bot"), options)) == [
        Row("Hi", None, "u1", True, "greeting")
    ]


def test_logs_without_any_prompt_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FitError, match=r"no prompt in .*: `offmap sniff` says"):
        rows(write(tmp_path / "log", [{"a": 1}]))
    with pytest.raises(FitError, match="no such file"):
        rows(tmp_path / "gone")


@pytest.fixture
def fitted(tmp_path: Path, letters_model: None, quick_mix: None) -> Path:  # noqa: F811
    """A profile of five days of production, in sessions of three that repeat themselves."""
    messages = []
    for i, text in enumerate(sentences(500, 1)):
        ask = {"messages": [{"role": "user", "content": text}], "user": f"u{i // 3}"}
        messages.append({"id": i, "time": START + 900 * i, "request": ask, "response": {"choices": [
            {"message": {"role": "assistant", "content": f"reply {text}"}}]}})  # fmt: skip
    (tmp_path / "logs").mkdir()
    write(tmp_path / "logs" / "first.jsonl", messages)
    ended = CliRunner().invoke(app, ["fit", str(tmp_path / "logs"), "--production", "--mix-run-length", "500",
                                     "--threads", "1", "-o", str(tmp_path / "shop.offmap")])  # fmt: skip
    assert ended.exit_code == 0, ended.output
    return tmp_path / "shop.offmap"


def test_the_profile_says_that_it_is_of_production_wherever_it_shows(fitted: Path, tmp_path: Path) -> None:
    profile = read_profile(fitted)
    assert profile.manifest["reference"] == "production"
    assert profile.manifest["production"] == {"from": "2025-06-15T15:06:40+00:00", "to": "2025-06-20T19:51:40+00:00"}
    assert set(profile.references) == {"prompt", "response"}
    text = as_text(inspect_profile(fitted))
    assert "production    500 rows in 1 file(s)" in text
    assert "from 2025-06-15T15:06:40+00:00 to" in text
    log = write(
        tmp_path / "later.jsonl", [{"time": START + 1e6 + i, "prompt": t} for i, t in enumerate(sentences(80, 3))]
    )
    final = tmp_path / "final.om"
    ended = CliRunner().invoke(app, ["replay", str(log), "-p", str(fitted), "--metrics", str(final)])
    assert ended.exit_code == 0, ended.output
    assert "outside accepted production" in ended.output
    assert 'offmap_mix_changed{reference="production",side="prompt"} 0.0' in final.read_text()
    assert "training" not in ended.output


def test_a_baseline_of_the_same_days_is_refused_and_of_later_ones_taken(fitted: Path, tmp_path: Path) -> None:
    again = CliRunner().invoke(app, ["baseline", str(fitted), str(tmp_path / "logs"), "-o", str(tmp_path / "b.offmap")])
    assert "knows them too well" in str(again.exception)
    texts = sentences(300, 5) + sentences(30, 6, ODD)
    messages = [{"time": START + 1e6 + 900 * i, "prompt": text} for i, text in enumerate(texts)]
    later = write(tmp_path / "later.jsonl", messages)
    ended = CliRunner().invoke(app, ["baseline", str(fitted), str(later), "-o", str(tmp_path / "b.offmap")])
    assert ended.exit_code == 0, ended.output
    assert "330 accepted prompts" in ended.output


@pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if not case.headers and not isinstance(case.value, bytes)]
)
def test_every_shape_of_a_log_line_can_be_fitted_on(name: str, tmp_path: Path) -> None:
    expected = [(each.prompt, each.response) for each in CASES[name].expected if each.prompt or each.response]
    if any(prompt for prompt, _ in expected):
        assert sorted(map(str, expected)) == sorted(
            str(row[:2]) for row in rows(write(tmp_path / "log", [CASES[name].value]))
        )
