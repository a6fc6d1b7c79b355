"""`make bench`: run the benchmarks and print one line a measure; status 1 if any falls short.

Every module beside this one that defines ``rows() -> Iterable[Row]`` is a benchmark. Those whose name begins with
``peer_`` run other programs beside offmap (`make bench-peers`).
"""

import argparse
import importlib
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from benchmarks import foreign, readme, results
from benchmarks.table import HEADER, NoDataError, Row

PEER = "peer_"


def names() -> list[str]:
    """Return the names of the benchmarks: the modules here whose text defines ``rows``."""
    modules = Path(__file__).parent.glob("*.py")
    return sorted(path.stem for path in modules if "\ndef rows(" in path.read_text(encoding="utf-8"))


def measure(name: str) -> list[Row]:
    """Run one benchmark, printing each row as it comes; one that measures nothing is an error."""
    found = []
    for row in importlib.import_module(f"benchmarks.{name}").rows():
        print(row, flush=True)
        found.append(row)
    if not found:
        raise LookupError(f"benchmarks/{name}.py gave no rows: a check that selects nothing fails")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; return the process's exit status."""
    options = _parser().parse_args(arguments)
    chosen = options.only or [name for name in names() if name.startswith(PEER) == options.peers]
    if not chosen:
        _parser().error("there is no benchmark")
    print(HEADER)
    short = [measure for name in chosen for measure in _run(name, record=options.record)]
    if options.record:
        readme.write()
    print(f"{len(short)} short: {'; '.join(short)}" if short else "nothing short")
    return 1 if short else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=names(), metavar="NAME", help=f"one of {', '.join(names())}")
    parser.add_argument("--peers", action="store_true", help="those that run other programs beside offmap")
    parser.add_argument("--record", action="store_true", help="keep what they find and write benchmarks/README.md anew")
    return parser


def _run(name: str, *, record: bool) -> list[str]:
    """Run one benchmark and return what was short."""
    started = time.monotonic()
    foreign.versions()
    try:
        found = measure(name)
    except Exception as problem:  # what one benchmark cannot do must not hide what the others measured
        print(f"SHORT  {name}: {problem}", flush=True)
        if not isinstance(problem, NoDataError):
            traceback.print_exc()
        return [name]
    seconds = time.monotonic() - started
    print(f"       ({name}: {seconds:.0f} s)", flush=True)
    if record:
        results.save(name, found, _command(name), seconds, foreign.versions())
    return [row.measure for row in found if row.verdict != "OK"]


def _command(name: str) -> str:
    """Write what gives the same rows again."""
    seeds = os.environ.get("OFFMAP_BENCH_SEEDS")
    make = "make bench-peers" if name.startswith(PEER) else "make bench"
    return f"{f'OFFMAP_BENCH_SEEDS={seeds} ' if seeds else ''}{make} ARGS='--only {name}'"


if __name__ == "__main__":
    sys.exit(main())
