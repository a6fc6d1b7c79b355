"""What a benchmark found, kept in one file each: with the machine, the date, the versions, and the command."""

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.table import Row

FOLDER = Path(__file__).with_name("results")
VERSIONS = ("numpy", "onnxruntime", "scikit-learn")


@dataclass(frozen=True, slots=True)
class Result:
    """The rows of one benchmark, and how they came about.

    Attributes
    ----------
    rows : list of Row
    command : str
        What gives them again.
    date : str
        Day on which they were measured (UTC).
    machine : str
    versions : dict of str to str
    seconds : int
        How long it took, with whatever else the machine was doing.
    """

    rows: list[Row]
    command: str
    date: str
    machine: str
    versions: dict[str, str]
    seconds: int


def save(name: str, rows: Iterable[Row], command: str, seconds: float, versions: Mapping[str, str]) -> None:
    """Write what one benchmark found; `versions` are those of the peers that ran beside."""
    known = {"python": platform.python_version()} | {library: version(library) for library in VERSIONS}
    today = datetime.now(UTC).date().isoformat()
    result = Result(list(rows), command, today, machine(), known | dict(versions), round(seconds))
    text = json.dumps(asdict(result), indent=1, ensure_ascii=False)
    FOLDER.mkdir(exist_ok=True)
    FOLDER.joinpath(f"{name}.json").write_text(text + "\n", encoding="utf-8")


def load() -> dict[str, Result]:
    """Read every result that was kept, by the benchmark's name."""
    return {path.stem: _result(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(FOLDER.glob("*.json"))}


def _result(found: dict[str, Any]) -> Result:
    return Result(**found | {"rows": [Row(**row) for row in found["rows"]]})


def machine() -> str:
    """Describe this machine in words: processor, cores, memory, and how busy it is."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    busy = os.getloadavg()[0]
    return f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, load {busy:.1f}"


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
