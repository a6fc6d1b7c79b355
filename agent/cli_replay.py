"""`offmap replay`: the settings it runs with, its progress, its table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent.cli_progress import TerminalProgress
from agent.replay import ReplayError, ReplayOutputs
from agent.report import print_report
from agent.report_collapse import print_answers
from agent.report_drift import print_drift
from agent.report_outcomes import print_outcomes
from agent.report_regions import print_regions
from agent.sources.documents import read_messages
from agent.sources.files import expand
from agent.wiring import run_replay
from config import load_settings

_LONGEST = 1 << 20


def replay_logs(
    logs: Sequence[Path], profile: Path | None, config: Path | None, outputs: ReplayOutputs, *, terms: bool = False
) -> None:
    """Replay the logs and print what was found; with `terms` also the words that set regions apart."""
    overrides: dict[str, dict[str, Any]] = {} if profile is None else {"profile": {"path": profile}}
    if terms:
        overrides["regions"] = {"show_terms": True}
    settings = load_settings(config, overrides)
    with TerminalProgress() as progress:
        progress.step("replaying", _count_lines(logs))
        result = run_replay(settings, logs, outputs, progress.advance)
    print_report(result.snapshot, settings.windows.alpha, reference=result.reference)
    print_drift(result.snapshot)
    print_regions(result.snapshot, result.terms, settings.windows.alpha)
    print_outcomes(result.snapshot, settings.outcomes)
    print_answers(result.snapshot)
    if "offmap_p_value" not in result.snapshot:
        raise ReplayError(f"nothing could be scored: `offmap sniff {logs[0]}` says what each message is taken for")


def _count_lines(logs: Sequence[Path]) -> int | None:
    """Count what lies ahead; reading is some thousand times faster than embedding. None where a file is a pipe."""
    total = 0
    for path in map(Path, expand(logs)):
        if not path.is_file():
            return None
        with path.open("rb") as file:
            total += sum(1 for _ in read_messages(file, _LONGEST))
    return total
