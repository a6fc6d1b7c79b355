"""Other programs beside offmap: each a script that runs with the python of an environment of its own."""

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SCRIPTS = Path(__file__).with_name("peers")
ENVIRONMENTS = Path(__file__).parents[1] / ".cache" / "peers"
LOCKS = Path(__file__).parents[1] / "requirements" / "peers"
DUMMY = "dummy"
"""The peer that needs no environment: it runs with the python that runs the benchmark."""

LONGEST = 3_600.0
"""Seconds until a peer is given up."""

ALONE = {"OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}
"""One core each, and nothing reported to anybody."""

_seen: dict[str, str] = {}


class PeerError(Exception):
    """A peer cannot be run, or failed; the message says how."""


def names() -> list[str]:
    """Return the peers that have an environment to be made, by the name of their lock file."""
    return sorted(path.stem for path in LOCKS.glob("*.txt"))


def ask(peer: str, task: str, **arrays: npt.ArrayLike) -> dict[str, Any]:
    """Have a peer do a task; return what each of its detectors found.

    Parameters
    ----------
    peer : str
        `DUMMY`, or one of `names`.
    task : str
        A key of the script's tasks.
    **arrays : array_like
        What the task takes.

    Raises
    ------
    PeerError
        If the peer has no environment, fails, or takes too long.
    """
    python, script = _python(peer), SCRIPTS / f"{peer}_peer.py"
    with tempfile.TemporaryDirectory(prefix="offmap-peer-") as folder:
        path = Path(folder, "arrays.npz")
        np.savez(path, **{name: np.asarray(array) for name, array in arrays.items()})
        found = _run([python, str(script), task, str(path)], peer, Path(folder))
    _seen[peer] = found["version"]
    answer: dict[str, Any] = found["found"]
    return answer


def versions() -> dict[str, str]:
    """Return the versions of the peers that were asked since the last time that this was."""
    found = {peer: version for peer, version in _seen.items() if peer != DUMMY}
    _seen.clear()
    return found


def _run(command: list[str], peer: str, folder: Path) -> Mapping[str, Any]:
    try:
        done = subprocess.run(
            command, env=os.environ | ALONE, cwd=folder, capture_output=True, text=True, timeout=LONGEST, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"{peer}: not done after {error.timeout:.0f} s") from error
    if done.returncode:
        raise PeerError(f"{peer}: {done.stderr.strip().rpartition(chr(10))[2]}")
    said: Mapping[str, Any] = json.loads(done.stdout.strip().rpartition("\n")[2])
    return said


@functools.cache
def _python(peer: str) -> str:
    if peer == DUMMY:
        return sys.executable
    python = ENVIRONMENTS / peer / "bin" / "python"
    if not python.is_file():
        raise PeerError(f"{peer}: has no environment: `make bench-peers` makes it")
    return str(python)
