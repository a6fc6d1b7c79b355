"""From settings to objects: the only module that sees all of the agent."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from agent.assembly import build_pipeline
from agent.board import Board
from agent.checkpoint import CheckpointError, CheckpointStore
from agent.durable import keep_apart
from agent.embedding.runtime import CanaryError
from agent.embedding.session import EmbedderError
from agent.intake import Clocks
from agent.logs import set_up_logging
from agent.pager import SECONDS_A_DAY
from agent.profile import Profile, ProfileError, read_profile
from agent.reading import attend, dead_letters, kafka_source
from agent.region_terms import RegionTerms
from agent.replay import ReplayOutputs, ReplayResult, replay
from agent.sampling import FractionControl, HashSampler
from agent.server import MetricsServer
from agent.service import Service, ServiceOptions
from agent.signals import stopped_by_signals
from agent.sources.files import FileSource, expand
from agent.supervisor import KnownError, supervise
from config import ConfigError, ServerSettings, ShutdownSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.pipeline import Pipeline
    from agent.seams import PartitionListener, Source
    from agent.sources.dead_letter import DeadLetters
    from config import Settings

log = logging.getLogger(__name__)

RELOAD_SECONDS = 5.0
"""How often a configuration that cannot be used is read again."""

MakeSource = Callable[["Settings", "PartitionListener"], "Source"]


def run_agent(settings: Settings, *, stay_up: bool = False, make_source: MakeSource | None = None) -> None:
    """Run the agent until SIGTERM or SIGINT.

    Parameters
    ----------
    settings : Settings
    stay_up : bool
        Whether a profile or a folder that cannot be used is waited out, shown as `offmap_up 0`, instead of ending the
        process: for a sidecar.
    make_source : callable, optional
        Where records come from; Kafka unless given.

    Raises
    ------
    KnownError, ServerError
        The profile, the folder or the port cannot be used; the message says what to do.
    """
    set_up_logging(settings.logging.level, settings.logging.format)
    board = Board()
    board.show("offmap_build", {(version("offmap"),): 1.0})
    server = MetricsServer(board, settings.server.host, settings.server.port)
    log.info("offmap %s: /metrics, /livez and /readyz on port %d", version("offmap"), server.port)
    letters = dead_letters(settings, board)
    try:
        with stopped_by_signals(settings.shutdown.grace_seconds) as stop:
            work = _worker(settings, board, make_source or kafka_source, letters)
            supervise(work, board, stop, stay_up=stay_up)
            log.info("offmap ended")
    finally:
        if letters is not None:
            letters.close()
        server.close()


def run_sidecar(load: Callable[[], Settings]) -> None:
    """Run the agent as `run_agent` does, and stay up whatever is wrong, the configuration included.

    A configuration that cannot be used is shown as `offmap_up 0` on the default port, and read again until it can.
    """
    if settings := _load_or_wait(load):
        run_agent(settings, stay_up=True)


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
    with _known_errors():
        profile = _profile(settings)
        terms = {side: RegionTerms() for side in profile.references} if settings.regions.show_terms else {}
        pipeline = build_pipeline(settings, profile, clocks, sampler, terms=terms)
    result = replay(pipeline, source, outputs, progress)
    return result._replace(terms={side: found.found() for side, found in terms.items()})


def _load_or_wait(load: Callable[[], Settings]) -> Settings | None:
    try:
        return load()
    except ConfigError as error:
        set_up_logging("info", "json")
        log.error("%s", error)  # noqa: TRY400 - the message says all; a trace would not help
    board, default = Board(), ServerSettings()
    board.down("bad_config")
    server = MetricsServer(board, default.host, default.port)
    try:
        with stopped_by_signals(ShutdownSettings().grace_seconds) as stop:
            while not stop.wait(RELOAD_SECONDS):
                board.beat()
                with suppress(ConfigError):
                    return load()
    finally:
        server.close()
    return None


def _worker(
    settings: Settings, board: Board, make_source: MakeSource, letters: DeadLetters | None
) -> Callable[[threading.Event], None]:
    def work(stop: threading.Event) -> None:
        control = settings.sampling
        with _known_errors():
            pipeline, store = _load(settings, board)
        pipeline.intake.unread = letters.send if letters is not None else None
        attend(pipeline.intake.schemas, board, stop)
        follow = FractionControl(control.min_fraction, control.max_fraction, control.target_lag_seconds)
        options = ServiceOptions(settings.checkpoint.interval_seconds, follow)
        service = Service(pipeline, store, board, options)
        service.restore()
        service.run(make_source(settings, service), stop)

    return work


def _load(settings: Settings, board: Board) -> tuple[Pipeline, CheckpointStore]:
    """Build what works from the profile, whose own bytes are let go of: they would stay in memory for nothing."""
    profile = _profile(settings)
    pipeline = build_pipeline(settings, profile, Clocks(), HashSampler(settings.sampling.max_fraction))
    _show_profile(board, profile, pipeline)
    board.show("offmap_profile_max_age_seconds", settings.profile.max_age_days * SECONDS_A_DAY)
    board.show("offmap_target_lag_seconds", settings.sampling.target_lag_seconds)
    return pipeline, CheckpointStore(settings.checkpoint.path, profile.fingerprint)


def _show_profile(board: Board, profile: Profile, pipeline: Pipeline) -> None:
    labels = (profile.fingerprint, profile.embedder_spec.model, str(profile.manifest.get("reference", "training")))
    board.show("offmap_profile", {labels: 1.0})
    with suppress(
        KeyError, TypeError, ValueError
    ):  # a profile of somebody else's making may not say when it was fitted
        created = datetime.fromisoformat(profile.manifest["created"])
        board.show("offmap_profile_created_timestamp_seconds", created.timestamp())
    if pipeline.canary_deviation is not None:
        board.show("offmap_canary_deviation", pipeline.canary_deviation)


def _profile(settings: Settings) -> Profile:
    return read_profile(settings.profile.path, expected_fingerprint=settings.profile.fingerprint)


@contextmanager
def _known_errors() -> Iterator[None]:
    """Give what the user can put right the reason that /metrics shows."""
    try:
        yield
    except ProfileError as error:
        raise KnownError("bad_profile", str(error)) from error
    except CanaryError as error:
        raise KnownError("canary_mismatch", str(error)) from error
    except EmbedderError as error:
        raise KnownError("bad_profile", str(error)) from error
    except CheckpointError as error:
        raise KnownError("bad_checkpoint_folder", str(error)) from error
