"""Coverage-guided fuzzing of one of the targets: ``python -m tests.fuzz.run json --seconds 600``.

Starts with the committed inputs and a message of every shape, and keeps what it finds in ``--folder``; an input that
fails lies there beside them, named ``crash-…``, ``timeout-…`` or ``oom-…``.
"""

import argparse
import resource
import sys
from pathlib import Path

TARGETS = ("json", "sse", "protobuf", "compression", "registered")
CACHE = Path(__file__).parents[2] / ".cache" / "fuzz"
MEGABYTES = 1024
"""Of memory that the process may hold; atheris itself takes about a tenth of it."""


def inherited() -> int:
    """Return the megabytes that the starter of this process held: Linux carries the peak over, libFuzzer reads it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Fuzz until the time is over, or an input fails: the status is then not 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--folder", type=Path, default=CACHE)
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    given = parser.parse_args()
    import atheris

    with atheris.instrument_imports(include=["agent.payloads"]):
        from tests.fuzz import targets

    found = given.folder / given.target
    found.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(targets.seeds(given.target)):
        (found / f"seed-{number:03}").write_bytes(seed)
    options = {
        "max_total_time": given.seconds,
        "seed": given.seed,
        "max_len": targets.LONGEST,
        "timeout": 10,  # whole seconds, of wall time: for what never ends; `check` measures the processor's
        "rss_limit_mb": MEGABYTES + inherited(),
        "artifact_prefix": f"{given.folder}/{given.target}-",
        "print_final_stats": 1,
    }
    folders = [str(found), *(str(folder) for folder in [targets.CORPUS / given.target] if folder.is_dir())]
    arguments = [sys.argv[0], *(f"-{name}={value}" for name, value in options.items()), *folders]
    atheris.Setup(arguments, lambda data: targets.check(given.target, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
