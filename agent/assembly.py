"""From a profile and the settings to the path that a message takes: the same for Kafka and for replay."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from agent.context_watch import ReferenceContext
from agent.crowd_watch import make_crowd_watchers
from agent.embedding.runtime import OnnxEmbedder
from agent.exchange_watch import Watching
from agent.exchange_watchers import make_exchange_watchers, make_settlement
from agent.intake import Clocks, Intake
from agent.join import JoinBuffer
from agent.model_families import ModelFamilies
from agent.pager import make_pager
from agent.pipeline import Pipeline
from agent.profile import STYLE, Profile, ProfileError
from agent.reading import decode_options
from agent.regions import make_regions
from agent.schemas import SchemaCache, decoder
from agent.side import Side
from agent.slices import Slices, make_slices
from agent.style_watch import Style, make_style
from agent.watch import CellsVisited, Watcher
from agent.window_watch import AlphaPrecision, UncoveredShares, WindowSpec
from agent.words import RareWords
from config.durations import format_duration
from detectors.rarity import WordRarity
from detectors.reference import Reference

if TYPE_CHECKING:
    from agent.region_terms import RegionTerms
    from agent.sampling import HashSampler
    from config import Settings
    from detectors.style import StyleReference

log = logging.getLogger(__name__)


def build_pipeline(
    settings: Settings,
    profile: Profile,
    clocks: Clocks,
    sampler: HashSampler,
    more: Mapping[str, Watcher] = MappingProxyType({}),
    terms: Mapping[str, RegionTerms] = MappingProxyType({}),
) -> Pipeline:
    """Build the path that a message takes, from a profile and the settings.

    `more` watches the prompts too; `terms` collect the words of regions, by side, where the user asks for them.
    """
    options = decode_options(settings, str(profile.manifest.get("prompt_part", "last_user")))
    wanted = [settings.slices.field if settings.slices.values else "model", settings.outcomes.canary_tag]
    more_tags = [tag for tag in wanted if tag not in {None, "model", *options.tags}]
    options = replace(options, tags=(*options.tags, *map(str, more_tags)))
    embedder = OnnxEmbedder(
        profile.embedder_onnx, profile.tokenizer, profile.embedder_spec, threads=settings.embedding.threads
    )
    intake = Intake(decoder(options), sampler, clocks)
    intake.schemas = options.schemas if isinstance(options.schemas, SchemaCache) else None
    families = ModelFamilies(settings.outcomes.families)
    join = JoinBuffer(settings.join.max_pending, settings.join.ttl_seconds, families)
    settlement = make_settlement(settings, profile, families)
    watching = Watching(_slices(settings, profile), make_exchange_watchers(settings, profile), settlement)
    style = _style(settings, profile, embedder)
    return Pipeline(intake, embedder, make_sides(settings, profile, more, terms, style), join, clocks, watching)


def make_sides(
    settings: Settings,
    profile: Profile,
    more: Mapping[str, Watcher] = MappingProxyType({}),
    terms: Mapping[str, RegionTerms] = MappingProxyType({}),
    style: Style | None = None,
) -> dict[str, Side]:
    """Make the sides that are scored, with all that watches them; for `more` and `terms` see `build_pipeline`."""
    found = {}
    if "prompt" in profile.references:
        watchers = dict(more) if style is None else {STYLE: style.watcher, **more}
        reference = None if style is None else style.reference
        found["prompt"] = _side("prompt", settings, profile, watchers, terms.get("prompt"), reference)
    if "response" in profile.references and settings.embedding.score_responses:
        found["response"] = _side("response", settings, profile, {}, terms.get("response"))
    return found


def _style(settings: Settings, profile: Profile, embedder: OnnxEmbedder) -> Style | None:
    if not settings.embedding.style_channel:
        return None
    return make_style(profile, embedder, _windows(settings), settings.pager)


def _windows(settings: Settings) -> WindowSpec:
    windows = settings.windows
    lengths = {format_duration(length): length for length in windows.lengths}
    return WindowSpec(lengths, windows.levels, windows.alpha)


def _side(
    name: str,
    settings: Settings,
    profile: Profile,
    more: Mapping[str, Watcher],
    terms: RegionTerms | None,
    style: StyleReference | None = None,
) -> Side:
    reference, windows = _reference(profile, name), _windows(settings)
    watchers: dict[str, Watcher] = {
        "shares": UncoveredShares(name, windows),
        "precision": AlphaPrecision(name, windows.lengths),
        "cells": CellsVisited(name, reference.n_cells),
        "regions": make_regions(name, settings.regions, reference, terms),
        "context": _context(name, profile),
    }
    if name == "prompt":
        watchers |= _prompt_watchers(name, settings, profile, reference)
    why = None if terms is None else _rare_words(name, profile, settings.regions.level)
    return Side(name, reference, _max_chunks(settings, profile, name), watchers | dict(more), why, style)


def _context(name: str, profile: Profile) -> ReferenceContext:
    try:
        return ReferenceContext(name, profile.references[name])
    except ValueError as error:
        raise ProfileError(f"profile: the {name} reference does not fit: {error}; fit it anew") from error


def _slices(settings: Settings, profile: Profile) -> Slices | None:
    if not settings.slices.values or "prompt" not in profile.references:
        return None
    sizes = _reference(profile, "prompt").calibration_sizes
    return make_slices(settings.slices, settings.pager, profile.references["prompt"], sizes)


def _rare_words(name: str, profile: Profile, level: float) -> RareWords:
    try:
        rarity = WordRarity.from_arrays(profile.references[name])
    except ValueError as error:
        raise ProfileError(f"profile: {error}; fit it anew") from error
    if rarity is None:
        raise ProfileError(f"profile: has no word counts of {name}s, so no terms can be shown; fit it anew")
    return RareWords(rarity, level)


def _prompt_watchers(name: str, settings: Settings, profile: Profile, reference: Reference) -> dict[str, Watcher]:
    arrays, fitted_on = profile.references[name], str(profile.manifest.get("reference", "training"))
    found: dict[str, Watcher] = {}
    try:
        found["pager"] = make_pager(name, settings.pager, arrays, reference.calibration_sizes)
        found |= make_crowd_watchers(name, settings.pager, arrays, reference.n_cells, fitted_on)
    except ValueError as error:
        raise ProfileError(f"profile: no watchers can be made with it: {error}; fit it anew") from error
    return found


def _max_chunks(settings: Settings, profile: Profile, name: str) -> int:
    fitted: int = profile.manifest.get("max_chunks", {}).get(name, 6)
    wanted: int | None = getattr(settings.embedding, f"max_{name}_chunks")
    if wanted not in {None, fitted}:
        log.warning(
            "embedding.max_%s_chunks is %d, the profile was fitted with %d: p-values of long texts do not hold",
            name, wanted, fitted,
        )  # fmt: skip
    return wanted or fitted


def _reference(profile: Profile, name: str) -> Reference:
    """Build one side's reference: the file's hashes say that it is whole, not that its arrays belong together."""
    spec = profile.embedder_spec
    try:
        reference = Reference.from_arrays(profile.references[name])
        reference.score(np.zeros((1, spec.n_layers, spec.dim), np.float32), np.zeros(1, np.int32), 1)
    except (ValueError, IndexError) as error:
        raise ProfileError(f"profile: the {name} reference does not fit: {error}; fit it anew") from error
    return reference
