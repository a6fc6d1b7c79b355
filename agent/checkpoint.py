"""State and positions in one file, written whole or not at all: so that all is counted exactly once after a crash."""

from __future__ import annotations

import fcntl
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.durable import replace_file
from agent.records import Positions

SCHEMA = 1
"""Raised whenever an older state can no longer be read."""

FILE_NAME = "offmap.checkpoint.npz"
_META = "meta"
_locks: dict[str, int] = {}


class CheckpointError(Exception):
    """The folder cannot be used; the message says why and what to do."""


class Loaded(NamedTuple):
    """What was found at start.

    Attributes
    ----------
    outcome : str
        resumed, other_profile, absent, refused_schema or refused_damaged: the label of `offmap_checkpoint_loads`.
    positions : dict
        Empty unless resumed or other_profile.
    state : dict of arrays
        Likewise.
    """

    outcome: str
    positions: Positions
    state: Mapping[str, npt.NDArray[Any]]


class CheckpointStore:
    """One file in one folder, replaced atomically (temporary file, fsync, rename, fsync of the folder).

    Parameters
    ----------
    folder : Path
        Made when missing.
    profile : str
        Fingerprint of the profile in use.

    Raises
    ------
    CheckpointError
        The folder cannot be made or written to.
    """

    def __init__(self, folder: Path, profile: str) -> None:
        self.path = folder / FILE_NAME
        self._profile = profile
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".offmap.probe"
            probe.write_bytes(b"")
            probe.unlink()
            alone = _lock(folder)
        except OSError as error:
            raise CheckpointError(
                f"checkpoint.path: {folder} cannot be written to ({error.strerror}); "
                "name a folder that the agent's user may write, on a volume that outlives the container"
            ) from error
        if not alone:
            raise CheckpointError(f"checkpoint.path: another agent uses {folder}; give each a folder of its own")

    def save(self, positions: Positions, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Make `positions` and `state` durable, together.

        Raises
        ------
        CheckpointError
            Nothing was changed: the previous checkpoint still stands.
        """
        placed = [[topic, partition, offset] for (topic, partition), offset in sorted(positions.items())]
        meta = {"schema": SCHEMA, "profile": self._profile, "positions": placed}
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **{_META: np.frombuffer(json.dumps(meta).encode(), np.uint8)}, **state)
        try:
            replace_file(self.path, buffer.getbuffer())
        except OSError as error:
            raise CheckpointError(f"checkpoint {self.path} could not be written: {error.strerror}") from error

    def load(self) -> Loaded:
        """Read the checkpoint; what cannot be used is set aside (`….refused`), never silently overwritten."""
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                state = {name: arrays[name] for name in arrays.files}
            meta = json.loads(state.pop(_META).tobytes())
            schema, profile = meta["schema"], meta["profile"]
            positions = {(str(t), int(p)): int(offset) for t, p, offset in meta["positions"]}
        except FileNotFoundError:
            return Loaded("absent", {}, {})
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return self._refuse("refused_damaged")
        if schema != SCHEMA:
            return self._refuse("refused_schema")
        return Loaded("resumed" if profile == self._profile else "other_profile", positions, state)

    def _refuse(self, outcome: str) -> Loaded:
        self.path.replace(self.path.with_suffix(".refused"))
        return Loaded(outcome, {}, {})


def _lock(folder: Path) -> bool:
    """Keep other processes out of a folder for as long as this one lives; False where one is in it already."""
    path = os.path.realpath(folder / ".offmap.lock")
    if path in _locks:
        return True
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _locks[path] = descriptor
    return True
