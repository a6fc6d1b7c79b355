"""`make bench`: run the benchmarks and print one line a measure; status 1 if any falls short.

Every module beside this one that defines ``rows() -> Iterable[Row]`` is a benchmark.
"""

import argparse
import importlib
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from benchmarks.table import HEADER, NoDataError, Row

HELPERS = {"run", "table"}


def names() -> list[str]:
    """Return the names of the benchmarks: the modules here whose text defines ``rows``."""
    modules = (path for path in Path(__file__).parent.glob("*.py") if path.stem not in HELPERS)
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=names(), metavar="NAME", help=f"one of {', '.join(names())}")
    chosen = parser.parse_args(arguments).only or names()
    if not chosen:
        parser.error("there is no benchmark")
    print(HEADER)
    short = []
    for name in chosen:
        started = time.monotonic()
        try:
            short += [row.measure for row in measure(name) if row.verdict != "OK"]
        except Exception as problem:  # what one benchmark cannot do must not hide what the others measured
            print(f"SHORT  {name}: {problem}", flush=True)
            if not isinstance(problem, NoDataError):
                traceback.print_exc()
            short.append(name)
        print(f"       ({name}: {time.monotonic() - started:.0f} s)", flush=True)
    print(f"{len(short)} short: {'; '.join(short)}" if short else "nothing short")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
