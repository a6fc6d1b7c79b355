"""From settings to what works for `offmap run`: the profile, the pipeline, its state, and the loop over Kafka."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING

from agent.assembly import build_pipeline
from agent.checkpoint import CheckpointError, CheckpointStore
from agent.embedding.runtime import CanaryError
from agent.embedding.session import EmbedderError
from agent.fetch import PlaceError, UnreachableError, WrongFileError, fetch, forget_others
from agent.intake import Clocks
from agent.pager import SECONDS_A_DAY
from agent.profile import Profile, ProfileError, read_profile
from agent.reading import attend, dead_letters
from agent.sampling import FractionControl, HashSampler
from agent.service import Service, ServiceOptions
from agent.supervisor import KnownError, PassingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.board import Board
    from agent.pipeline import Pipeline
    from agent.seams import PartitionListener, Source, Stop
    from config import Settings

MakeSource = Callable[["Settings", "PartitionListener"], "Source"]


def make_worker(settings: Settings, board: Board, make_source: MakeSource, stop: Stop) -> Callable[[], None]:
    """Build a worker with the state of the last checkpoint; called, it works until its stream ends or `stop` is set.

    Raises
    ------
    KnownError
        The profile or the folder cannot be used.
    """
    with known_errors():
        pipeline, store = _load(settings, board, stop)
    attend(pipeline.intake.schemas, board, stop)
    control = settings.sampling
    follow = FractionControl(control.min_fraction, control.max_fraction, control.target_lag_seconds)
    service = Service(pipeline, store, board, ServiceOptions(settings.checkpoint.interval_seconds, follow))
    service.restore()

    def work() -> None:
        if settings.profile.sha256 is not None:
            forget_others(settings.profile.path, settings.profile.sha256)
        letters = dead_letters(settings, board)
        pipeline.intake.unread = letters.send if letters is not None else None
        try:
            service.run(make_source(settings, service), stop)
        finally:
            if letters is not None:
                letters.close()

    return work


def profile_of(settings: Settings, going_on: Callable[[], bool] = lambda: True) -> Profile:
    """Read the profile, fetched where the settings have an address."""
    return read_profile(_place_of(settings, going_on), expected_fingerprint=settings.profile.fingerprint)


def fetch_profile(settings: Settings, going_on: Callable[[], bool]) -> None:
    """Have the profile where `profile_of` finds it without asking anybody.

    Raises
    ------
    KnownError
        It does not come, or is not the one that is meant.
    """
    with known_errors():
        _place_of(settings, going_on)


def _place_of(settings: Settings, going_on: Callable[[], bool]) -> Path:
    own = settings.profile
    if own.url is None or own.sha256 is None:
        return own.path
    return fetch(own.url.get_secret_value(), own.sha256, own.path, going_on)


@contextmanager
def known_errors() -> Iterator[None]:
    """Give what the user can put right the reason that /metrics shows."""
    try:
        yield
    except UnreachableError as error:
        raise PassingError("profile_unreachable", str(error)) from error
    except CanaryError as error:
        raise KnownError("canary_mismatch", str(error)) from error
    except (ProfileError, WrongFileError, PlaceError, EmbedderError) as error:
        raise KnownError("bad_profile", str(error)) from error
    except CheckpointError as error:
        raise KnownError("bad_checkpoint_folder", str(error)) from error


def _load(settings: Settings, board: Board, stop: Stop) -> tuple[Pipeline, CheckpointStore]:
    """Build what works from the profile, whose own bytes are let go of: they would stay in memory for nothing."""

    def going_on() -> bool:
        board.beat()
        return not stop.is_set()

    profile = profile_of(settings, going_on)
    pipeline = build_pipeline(settings, profile, Clocks(), HashSampler(settings.sampling.max_fraction))
    store = CheckpointStore(settings.checkpoint.path, profile.fingerprint)
    _show_profile(board, profile, pipeline)
    board.show("offmap_profile_max_age_seconds", settings.profile.max_age_days * SECONDS_A_DAY)
    board.show("offmap_target_lag_seconds", settings.sampling.target_lag_seconds)
    return pipeline, store


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
