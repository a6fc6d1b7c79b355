"""What is shown is what is durable, and a run that was cut off anywhere ends as a straight one."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from agent.assembly import build_pipeline
from agent.board import Board
from agent.checkpoint import CheckpointError, CheckpointStore
from agent.intake import Clocks
from agent.pipeline import Pipeline
from agent.profile import read_profile
from agent.records import Record
from agent.sampling import HashSampler
from agent.schemas import StoppedError
from agent.server import MetricsServer
from agent.service import Service, ServiceOptions
from config import load_settings
from tests.fakes import ListSource
from tests.small import sentences, small_profile, small_settings

NOW = 1_760_000_000.0
RECORDS = [
    Record("chat", i % 2, i // 2, json.dumps({"id": i, "time": NOW - 900 + i, "prompt": text}).encode())
    for i, text in enumerate(sentences(300, 1))
]


def make_pipeline() -> Pipeline:
    clocks = Clocks(now=lambda: NOW, horizon=lambda: NOW, timer=lambda: 0.0)
    return build_pipeline(load_settings(None, small_settings()), read_profile(small_profile()), clocks, HashSampler())


class CrashError(Exception):
    pass


class CrashingSource(ListSource):
    """Raises at the given poll."""

    def __init__(self, *arguments: Any, polls: int, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._left = polls

    def poll(self) -> Any:
        self._left -= 1
        if self._left < 0:
            raise CrashError
        return super().poll()


def start(folder: Path, board: Board, interval: float = 0.0) -> tuple[Service, Pipeline]:
    pipeline = make_pipeline()
    service = Service(pipeline, CheckpointStore(folder, "p"), board, ServiceOptions(interval))
    service.assigned([("chat", 0), ("chat", 1)])
    return service, pipeline


def test_a_straight_run_commits_what_it_shows(tmp_path: Path) -> None:
    board, source = Board(), ListSource(RECORDS)
    service, _ = start(tmp_path, board)
    service.restore()
    service.run(source, Event())
    assert source.committed[-1] == {("chat", 0): 150, ("chat", 1): 150}
    assert source.closed
    assert board.snapshot["offmap_records"] == {("decoded",): 300.0}
    assert board.live()["offmap_checkpoint_loads"] == {("absent",): 1.0}


@pytest.mark.parametrize("polls", [0, 1, 3, 7])
@pytest.mark.parametrize("interval", [0.0, 60.0])
def test_cut_off_anywhere_it_ends_as_a_straight_run(tmp_path: Path, polls: int, interval: float) -> None:
    straight = Board()
    service, _ = start(tmp_path / "straight", straight)
    service.run(ListSource(RECORDS), Event())

    shown: list[float] = []
    board = Board()
    service, _ = start(tmp_path / "cut", board, interval)
    source = CrashingSource(RECORDS, polls=polls, size=40)
    with pytest.raises(CrashError):
        service.run(source, Event())
    assert source.closed
    shown.append(board.snapshot.get("offmap_records", {}).get(("decoded",), 0.0))

    board = Board()
    service, _ = start(tmp_path / "cut", board, interval)
    positions = service.restore()
    shown.append(board.snapshot.get("offmap_records", {}).get(("decoded",), 0.0))
    service.run(ListSource(RECORDS, positions), Event())
    assert shown[1] == shown[0]
    assert board.snapshot == straight.snapshot


def test_nothing_is_shown_or_committed_that_is_not_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board, source = Board(), ListSource(RECORDS)
    service, _ = start(tmp_path, board)

    def fail(*_: object) -> None:
        raise CheckpointError("no space left")

    monkeypatch.setattr(CheckpointStore, "save", fail)
    service.run(source, Event())
    assert source.committed == []
    assert board.snapshot == {}
    assert board.reason == "no_checkpoint"
    assert board.live()["offmap_checkpoint_failures"][()] > 0


def test_a_stop_in_the_middle_of_a_batch_leaves_the_rest_for_later(tmp_path: Path) -> None:
    stop, board = Event(), Board()
    service, pipeline = start(tmp_path, board, 60.0)

    class Stopping(ListSource):
        def poll(self) -> Any:
            batch = super().poll()
            stop.set()
            return batch

    source = Stopping(RECORDS, size=300)
    service.run(source, stop)
    done = sum(pipeline.intake.positions.values())
    assert 0 < done < 300
    assert sum(source.committed[-1].values()) == done
    assert board.snapshot["offmap_records"] == {("decoded",): float(done)}


def test_a_stop_while_a_schema_is_waited_for_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    board = Board()
    service, pipeline = start(tmp_path, board, 0.0)
    read = pipeline.intake._decode

    def decode(record: Record) -> Any:
        if record.offset == 100:
            raise StoppedError
        return read(record)

    pipeline.intake._decode = decode
    source = ListSource(RECORDS, size=100)
    service.run(source, Event())
    service.revoked([("chat", 0)])  # as a client that leaves its group may do
    done = sum(source.committed[-1].values())
    assert 0 < done < len(RECORDS)
    assert done < sum(pipeline.intake.positions.values())  # what is half done is in memory only
    assert board.snapshot["offmap_records"] == {("decoded",): float(done)}


def test_on_revocation_it_checkpoints_commits_and_lets_go(tmp_path: Path) -> None:
    service, pipeline = start(tmp_path, Board(), 60.0)
    source = ListSource(RECORDS[:100])
    service.run(source, Event())
    service.revoked([("chat", 1)])
    assert CheckpointStore(tmp_path, "p").load().positions == {("chat", 0): 50, ("chat", 1): 50}
    pipeline.process([Record("chat", 0, 50, b"{}")])
    service.checkpoint()
    assert source.committed[-1] == {("chat", 0): 51}
    # back again before anyone committed further: it goes on from its own position
    assert service.assigned([("chat", 1)])["chat", 1] == 50


def test_the_http_side_answers_while_the_worker_works(tmp_path: Path) -> None:
    board, stop = Board(), Event()
    server = MetricsServer(board, "127.0.0.1", 0)
    answers: list[str] = []

    class Asking(ListSource):
        def poll(self) -> Any:
            for path in ("/metrics", "/livez", "/readyz"):
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
                        answers.append(f"{path} {answer.status}")
                except urllib.error.HTTPError as error:
                    with error:
                        answers.append(f"{path} {error.code}")
            return super().poll()

    service, _ = start(tmp_path, board)
    service.run(Asking(RECORDS, size=150), stop)
    server.close()
    assert answers[:3] == ["/metrics 200", "/livez 200", "/readyz 503"]  # not up before the first poll
    assert answers[3:6] == ["/metrics 200", "/livez 200", "/readyz 200"]


def test_slices_keep_their_order(tmp_path: Path) -> None:
    rows: list[Any] = []
    service, _ = start(tmp_path, Board(), 60.0)
    service.run(ListSource(RECORDS, size=150), Event(), rows.extend)
    assert [row.id for row in rows] == [str(i) for i in range(300)]
