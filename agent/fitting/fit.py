"""From training files to a profile: read twice, embed once, fit one reference a side, write one file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from agent.durable import keep_apart
from agent.embedding.runtime import OnnxEmbedder
from agent.fitting.corpus import Corpus, Reading, embed_corpus
from agent.fitting.errors import FitError
from agent.fitting.logs import rows_of
from agent.fitting.manifest import build_manifest, example_texts
from agent.fitting.options import FitOptions, Progress, Silent
from agent.fitting.rows import Readings
from agent.fitting.scan import SIDES, Selection, limit, scan
from agent.fitting.sides import FEWEST_HELD_OUT, check_labels, fit_sides
from agent.profile import Profile, write_profile
from detectors.conformal import FEWEST


class FitResult(NamedTuple):
    """What was written where. `manifest` is the profile's."""

    path: Path
    fingerprint: str
    manifest: dict[str, Any]


class _Data(NamedTuple):
    """The rows of the training files, or of the calibration files, after the first pass."""

    paths: tuple[Path, ...]
    readings: Readings
    selection: Selection


def fit_profile(options: FitOptions, progress: Progress | None = None) -> FitResult:
    """Fit a profile and write it.

    Parameters
    ----------
    options : FitOptions
    progress : Progress, optional

    Raises
    ------
    FitError
        The data cannot be used as asked.
    CompileError, ProfileError
        The model cannot be compiled; the profile cannot be written.
    """
    progress = progress or Silent()
    keep_apart([*options.train, *options.calibration], [options.output])
    _check_output(options.output)
    progress.step("reading")
    train = _scan(options, options.train, deduplicate=True)
    held_out = _scan(options, options.calibration, deduplicate=False) if options.calibration else None
    _check_rows(options, train, held_out, progress)
    check_labels(options.fields.label, train.selection)
    progress.step(f"compiling {options.model}")
    from agent.embedding.compile_model import compile_model  # noqa: PLC0415  torch takes seconds: bad data is told first

    compiled = compile_model(options.model)
    embedder = OnnxEmbedder(compiled.onnx, compiled.tokenizer, compiled.spec, threads=options.threads)
    with tempfile.TemporaryDirectory(prefix="offmap-fit-") as folder:
        corpora = _embed(options, train, embedder, Path(folder, "train"), progress)
        calibration = _embed(options, held_out, embedder, Path(folder, "held-out"), progress) if held_out else {}
        references, facts = fit_sides(options, train.selection, corpora, calibration, progress)
    progress.step("writing")
    manifest = build_manifest(options, train.readings, train.selection, facts)
    manifest["embedder"] = {
        "fp32_cosine_min": compiled.fp32_cosine_min,
        "int8_cosine_mean": compiled.int8_cosine_mean,
        "int8_cosine_min": compiled.int8_cosine_min,
    }
    examples = _examples(options, train.selection)
    profile = Profile(manifest, references, compiled.onnx, compiled.tokenizer, compiled.spec, examples)
    write_profile(options.output, profile)
    return FitResult(options.output, profile.fingerprint, manifest)


def _examples(options: FitOptions, selection: Selection) -> list[str] | None:
    if not options.keep_examples:
        return None
    return example_texts(rows_of(options.train, options), selection, options.keep_examples, options.seed)


def _check_output(path: Path) -> None:
    """Refuse before the work, not after it."""
    if path.is_dir():
        raise FitError(f"{path}: is a folder: name a file")
    if not path.absolute().parent.is_dir():
        raise FitError(f"{path}: cannot be written: there is no folder {path.parent}")
    if not os.access(path.absolute().parent, os.W_OK):
        raise FitError(f"{path}: cannot be written: no permission to write in {path.absolute().parent}")


def _scan(options: FitOptions, paths: tuple[Path, ...], *, deduplicate: bool) -> _Data:
    readings = Readings()
    selection = scan(rows_of(paths, options, readings), deduplicate=deduplicate)
    return _Data(paths, readings, limit(selection, options.limit if deduplicate else None, options.seed))


def _check_rows(options: FitOptions, train: _Data, held_out: _Data | None, progress: Progress) -> None:
    for data, what, least in ((train, options.reference, FEWEST), (held_out, "calibration", FEWEST_HELD_OUT)):
        if data is None:
            continue
        for place in data.readings.first_bad:
            progress.note(f"left out: {place}")
        count = data.selection.count("prompt")
        if count < least:
            bad, same = data.readings.bad.total(), data.selection.duplicates["prompt"]
            raise FitError(
                f"{count} {what} prompts in {_names(data.paths)}; at least {least} different ones are needed "
                f"({same} were duplicates, {bad} could not be read)"
            )
    if held_out is not None:
        _check_apart(options, train.selection, held_out.selection, progress)


def _check_apart(options: FitOptions, train: Selection, held_out: Selection, progress: Progress) -> None:
    """Calibration texts that the reference was fitted on score too low, and make everything else look strange.

    Production repeats itself, and will: there the same texts may come again.
    """
    both, known = len(train.keys["prompt"] & held_out.keys["prompt"]), len(held_out.keys["prompt"])
    told = f"{both} of {known} calibration prompts are {options.reference} prompts too"
    if 2 * both > known and options.logs is None:
        raise FitError(f"{told}: they are not held out")
    if both:
        progress.note(told)


def _names(paths: tuple[Path, ...]) -> str:
    return str(paths[0]) if len(paths) == 1 else f"{len(paths)} files"


def _embed(
    options: FitOptions, data: _Data, embedder: OnnxEmbedder, workspace: Path, progress: Progress
) -> dict[str, Corpus]:
    workspace.mkdir()
    progress.step("embedding", sum(data.selection.count(side) for side in SIDES))
    rows = rows_of(data.paths, options)
    reading = Reading(options.max_chunks, options.seed if options.style_channel else None)
    return embed_corpus(rows, data.selection, embedder, reading, workspace, progress.advance)
