import io

from rich.console import Console

from agent.cli_progress import TerminalProgress


def run(*, terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100, color_system=None)
    with TerminalProgress(console) as progress:
        progress.step("reading")
        progress.step("embedding", 1_500)
        progress.advance(1_000)
        progress.note("left out: [train.jsonl], line 3: not JSON")
        progress.advance(500)
        progress.step("fitting")
        progress.advance(1, 4)
    return console.file.getvalue()


def test_a_terminal_gets_bars_with_rate_and_time_left() -> None:
    text = run(terminal=True)
    assert "1500/1500" in text
    assert "/s" in text
    assert "left" in text
    assert "1/4" in text


def test_elsewhere_a_step_is_a_line() -> None:
    assert run(terminal=False).splitlines() == [
        "reading",
        "embedding 1,500 texts",
        "left out: [train.jsonl], line 3: not JSON",
        "fitting",
    ]


def test_brackets_of_a_file_name_are_no_markup() -> None:
    assert "[train.jsonl]" in run(terminal=True)
