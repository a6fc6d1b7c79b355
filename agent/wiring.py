"""From settings to objects: the only module that sees all of the agent."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from agent.assembly import build_pipeline
from agent.board import Board
from agent.config_file import ConfigFile
from agent.durable import keep_apart
from agent.intake import Clocks
from agent.logs import set_up_logging
from agent.nanny import watched
from agent.pipeline import SIDES
from agent.reading import kafka_source
from agent.region_terms import RegionTerms
from agent.reload import Reload
from agent.replay import ReplayOutputs, ReplayResult, replay
from agent.sampling import HashSampler
from agent.server import MetricsServer, ServerError
from agent.signals import stopped_by_signals
from agent.sources.files import FileSource, expand
from agent.supervisor import supervise
from agent.worker import MakeSource, fetch_profile, known_errors, make_worker, profile_of
from config import ConfigError, ServerSettings, ShutdownSettings, load_server_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config import Settings

log = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
"""How often what a sidecar cannot start with is tried again: a configuration, or a port that is taken."""


def run_agent(
    settings: Settings,
    *,
    stay_up: bool = False,
    make_source: MakeSource | None = None,
    file: ConfigFile | None = None,
    restarts: int = 0,
) -> None:
    """Run the agent until SIGTERM or SIGINT.

    Parameters
    ----------
    settings : Settings
    stay_up : bool
        Whether a profile, a folder or a port that cannot be used is waited out, shown as `offmap_up 0`, instead of
        ending the process: for a sidecar.
    make_source : callable, optional
        Where records come from; Kafka unless given.
    file : ConfigFile, optional
        Where the settings come from: when it changes, and on SIGHUP, they are read again and taken up.
    restarts : int
        How often the process was started again before.

    Raises
    ------
    KnownError, ServerError
        The profile, the folder or the port cannot be used; the message says what to do.
    """
    board, hangup = Board(), threading.Event()
    board.show("offmap_build", {(version("offmap"),): 1.0})
    with stopped_by_signals(settings.shutdown.grace_seconds, hangup if file is not None else None) as stop:
        reload = Reload(settings, file, stop, hangup, board, fetch_profile)
        for _ in range(restarts):
            board.count("offmap_worker_restarts")
        with (
            watched(board) if stay_up else nullcontext(),
            _listening(board, settings.server, stop, file, stay_up=stay_up),
        ):
            work = partial(_work, reload, board, make_source or kafka_source)
            supervise(work, board, stop, stay_up=stay_up, pause=reload.wait)
            log.info("offmap ended")


def run_sidecar(file: ConfigFile, restarts: int = 0) -> None:
    """Run the agent as `run_agent` does, and stay up whatever is wrong, the configuration included.

    A configuration that cannot be used is shown as `offmap_up 0` on its port, or the default one, and read again until
    it can; so is one whose port cannot be had.
    """
    ended = False
    while not ended:
        with suppress(_ChangedError):
            if settings := _load_or_wait(file):
                run_agent(settings, stay_up=True, file=file, restarts=restarts)
            ended = True


def run_replay(
    settings: Settings,
    paths: Sequence[str | Path],
    outputs: ReplayOutputs,
    progress: Callable[[int], None] = lambda _n: None,
) -> ReplayResult:
    """Run the same pipeline over log files, with event time as the clock.

    Raises
    ------
    KnownError, SourceError, ReplayError
        A profile, a log or an output that cannot be used; the message says what to do.
    """
    keep_apart([*expand(paths), settings.profile.path], outputs)
    source = FileSource(paths, longest_line=settings.payload.max_message_bytes)
    clocks = Clocks(now=None, horizon=time.time, timer=lambda: 0.0)
    sampler = HashSampler(settings.sampling.max_fraction)
    with known_errors():
        profile = profile_of(settings)
        terms = (
            {side: RegionTerms() for side in SIDES if side in profile.references} if settings.regions.show_terms else {}
        )
        pipeline = build_pipeline(settings, profile, clocks, sampler, terms=terms)
    result = replay(pipeline, source, outputs, progress)
    words = {side: found.found() for side, found in terms.items()}
    return result._replace(terms=words, reference=str(profile.manifest.get("reference", "training")))


def _work(reload: Reload, board: Board, make_source: MakeSource) -> None:
    """Work with the settings in force, and build the worker anew whenever they change."""
    while True:
        reload.build(lambda settings: make_worker(settings, board, make_source, reload))()
        if not reload.pending:
            return


class _ChangedError(Exception):
    """While a port could not be had, the file came to hold something else."""


@contextmanager
def _listening(
    board: Board, address: ServerSettings, stop: threading.Event, file: ConfigFile | None, *, stay_up: bool
) -> Iterator[None]:
    """Serve /metrics; with `stay_up`, wait for a port that something else in the pod has taken."""
    server = None
    while server is None and not stop.is_set():
        try:
            server = MetricsServer(board, address.host, address.port)
        except ServerError as error:
            if not stay_up:
                raise
            log.error("%s", error)  # noqa: TRY400 - the message says all; a trace would not help
            stop.wait(RETRY_SECONDS)
            board.beat()
            if file is not None and file.changed():
                raise _ChangedError from error
    if server is None:
        yield
        return
    log.info("offmap %s: /metrics, /livez and /readyz on port %d", version("offmap"), server.port)
    try:
        yield
    finally:
        server.close()


def _load_or_wait(file: ConfigFile) -> Settings | None:
    try:
        return file.load()
    except ConfigError as error:
        set_up_logging("info", "json")
        log.error("%s", error)  # noqa: TRY400 - the message says all; a trace would not help
    board = Board()
    board.down("bad_config")
    board.show("offmap_config_last_reload_successful", 0.0)
    with (
        stopped_by_signals(ShutdownSettings().grace_seconds, threading.Event()) as stop,
        _listening(board, load_server_settings(file.path), stop, file, stay_up=True),
    ):
        while not stop.wait(RETRY_SECONDS):
            board.beat()
            with suppress(ConfigError):
                return file.load()
    return None
