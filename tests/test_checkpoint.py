from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agent.checkpoint import FILE_NAME, CheckpointError, CheckpointStore

STATE = {"tally/counters": np.array([1.0, 2.0]), "side/prompt/hits": np.arange(5)}
POSITIONS = {("chat", 0): 12, ("chat", 1): 7}


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, "profile-a")
    store.save(POSITIONS, STATE)
    loaded = CheckpointStore(tmp_path, "profile-a").load()
    assert loaded.outcome == "resumed"
    assert loaded.positions == POSITIONS
    assert set(loaded.state) == set(STATE)
    for name, array in STATE.items():
        np.testing.assert_array_equal(loaded.state[name], array)


def test_first_start(tmp_path: Path) -> None:
    assert CheckpointStore(tmp_path / "made" / "here", "a").load() == ("absent", {}, {})


def test_another_profile_keeps_positions_and_says_so(tmp_path: Path) -> None:
    CheckpointStore(tmp_path, "a").save(POSITIONS, STATE)
    loaded = CheckpointStore(tmp_path, "b").load()
    assert (loaded.outcome, loaded.positions) == ("other_profile", POSITIONS)


@pytest.mark.parametrize("cut", [0, 1, 100, -1, -30])
def test_a_damaged_file_is_set_aside(tmp_path: Path, cut: int) -> None:
    store = CheckpointStore(tmp_path, "a")
    store.save(POSITIONS, STATE)
    whole = store.path.read_bytes()
    store.path.write_bytes(whole[:cut])
    assert store.load().outcome == "refused_damaged"
    assert not store.path.exists()
    assert store.path.with_suffix(".refused").read_bytes() == whole[:cut]


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, "a")
    buffer = io.BytesIO()
    np.savez(buffer, meta=np.array([{"schema": 1}], dtype=object))
    store.path.write_bytes(buffer.getvalue())
    assert store.load().outcome == "refused_damaged"


def test_another_schema_is_set_aside(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, "a")
    meta = json.dumps({"schema": 99, "profile": "a", "positions": []}).encode()
    np.savez(store.path, meta=np.frombuffer(meta, np.uint8))
    assert store.load().outcome == "refused_schema"


def test_a_failed_write_leaves_the_last_one(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, "a")
    store.save(POSITIONS, STATE)
    store.path.with_name(f"{store.path.name}.tmp").mkdir()  # in the way of the temporary file, for root too
    with pytest.raises(CheckpointError, match="could not be written"):
        store.save({("chat", 0): 99}, STATE)
    assert store.load().positions == POSITIONS


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"checkpoint\.path: .*file/below cannot be written to .*; name a folder"):
        CheckpointStore(tmp_path / "file" / "below", "a")


def test_the_file_holds_no_pickle(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, "a")
    store.save(POSITIONS, STATE)
    with np.load(tmp_path / FILE_NAME, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays.files)


def test_a_folder_serves_one_agent(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, "a")
    store.save(POSITIONS, STATE)
    program = f"from pathlib import Path; from agent.checkpoint import *; CheckpointStore(Path({str(tmp_path)!r}), 'a')"
    second = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert second.returncode
    assert f"another agent uses {tmp_path}; give each a folder of its own" in second.stderr
    assert CheckpointStore(tmp_path, "a").load().outcome == "resumed"  # the same one, started again by its supervisor
