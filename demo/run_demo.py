"""`make demo`: fit a profile, run the agent on a week of logged traffic, say what it found, serve /metrics.

In a terminal it serves until Ctrl-C; without one it ends by itself.
"""

import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from agent.cli_progress import TerminalProgress
from agent.records import Batch, Partition
from agent.sources.files import FileSource
from agent.wiring import run_agent
from config import load_settings
from demo.answers import TOLERATED, show
from demo.found import NOTHING, Part, fit_profile, read_count, split_traffic

PORT = 9469


class Parts:
    """A source of log files, one part after the other: the next begins once /metrics shows all of the last.

    Parameters
    ----------
    parts : sequence of Part
    url : str
        The agent's own.
    stay : bool
        Whether to wait for a signal after the last, or to say that the stream is over.
    """

    status = "ok"

    def __init__(self, parts: Sequence[Part], url: str, *, stay: bool) -> None:
        self._parts, self._url, self._stay = parts, url, stay
        self._batches = self._read()

    def poll(self) -> Batch:
        """Return the next lines."""
        return next(self._batches)

    def _read(self) -> Iterator[Batch]:
        counts, before = [], NOTHING
        with TerminalProgress() as progress:
            for part in self._parts:
                progress.step(part.name, part.lines)
                yield from self._lines(part, progress)
                while (now := read_count(self._url)).since(before).records < part.lines:
                    time.sleep(0.2)
                    yield Batch(())
                counts.append(now.since(before))
                before = now
        show(self._parts, counts, self._url)
        if self._stay:
            print(f"\n{self._url}/metrics serves these numbers until Ctrl-C.", flush=True)
        while self._stay:
            time.sleep(0.5)
            yield Batch(())
        yield Batch((), end=True)

    def _lines(self, part: Part, progress: TerminalProgress) -> Iterator[Batch]:
        source, end = FileSource([part.path], batch_size=32), False
        while not end:
            records, end = source.poll()
            yield Batch(records)
            progress.advance(len(records))
        source.close()

    def commit(self, positions: Mapping[Partition, int]) -> None:
        """Do nothing: files keep no positions."""

    def lag(self) -> Mapping[Partition, int]:
        """Return nothing: this traffic does not wait."""
        return {}

    def close(self) -> None:
        """Forget the rest."""
        self._batches.close()


def main() -> None:
    """Run the demo."""
    stay = sys.stdin.isatty() and sys.stdout.isatty()
    with tempfile.TemporaryDirectory(prefix="offmap-demo-") as name:
        folder = Path(name)
        profile = fit_profile(folder)
        url = f"http://127.0.0.1:{(port := choose_port())}"
        overrides = {
            "profile": {"path": profile},
            "checkpoint": {"path": folder / "state", "interval_seconds": 1},
            "server": {"host": "127.0.0.1", "port": port},
            "logging": {"level": "warning", "format": "text"},
            "pager": {"tolerated_share": TOLERATED},
        }
        parts = split_traffic(folder)
        print(f"\nRunning the agent on a week of production (demo/traffic.jsonl); see {url}/metrics\n", flush=True)
        run_agent(load_settings(None, overrides), make_source=lambda _settings, _listener: Parts(parts, url, stay=stay))


def choose_port() -> int:
    """Return the agent's usual port, or another one where that is taken."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
