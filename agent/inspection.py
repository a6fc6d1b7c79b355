"""What is in a profile: for people, and as JSON for programs."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.inspection_baseline import baseline_facts, baseline_lines
from agent.profile import STYLE, Profile, ProfileError, read_profile
from detectors.style import StyleReference


def inspect_profile(path: Path) -> dict[str, Any]:
    """Facts of a profile: plain JSON data.

    Raises
    ------
    ProfileError
        The file cannot be used as a profile.
    """
    profile = read_profile(path)
    spec = profile.embedder_spec
    recorded = profile.manifest.get("baseline")
    sizes = {side: sum(array.nbytes for array in arrays.values()) for side, arrays in profile.references.items()}
    return {
        "path": str(path),
        "bytes": path.stat().st_size,
        "fingerprint": profile.fingerprint,
        **_with_price(profile),
        "embedder": {
            "model": spec.model,
            "dimensions": spec.dim,
            "layers": list(spec.taps),
            "max_tokens": spec.max_tokens,
            "pooling": spec.pooling,
            "quantisation": spec.quantisation,
            "bytes": len(profile.embedder_onnx) + len(profile.tokenizer),
            **profile.manifest.get("embedder", {}),
        },
        "references": {side: {"bytes": size} for side, size in sizes.items()},
        "kept_examples": len(profile.examples or ()),
        **({"baseline": baseline_facts(recorded, profile.references["prompt"])} if recorded else {}),
    }


def _with_price(profile: Profile) -> dict[str, Any]:
    """Return the manifest, and in it what the style channel costs on this machine: the fit does not write that down."""
    manifest = copy.deepcopy(profile.manifest)
    style = manifest.get("sides", {}).get("prompt", {}).get("style")
    if style is not None and STYLE in profile.references:
        try:
            reference = StyleReference.from_arrays(profile.references[STYLE])
        except ValueError as error:
            raise ProfileError(f"profile: the reference of style does not fit: {error}; fit it anew") from error
        states = np.ones((max(1, round(style["mean_word_pieces"])), reference.prototypes.dim), dtype=np.float32)
        style["microseconds"] = round(min(_seconds(reference, states) for _ in range(20)) * 1e6)
    return manifest


def _seconds(reference: StyleReference, states: npt.NDArray[np.float32]) -> float:
    started = time.perf_counter()
    reference.of_chunk(states)
    return time.perf_counter() - started


def as_json(facts: Mapping[str, Any]) -> str:
    """Return the facts as JSON."""
    return json.dumps(facts, indent=2, ensure_ascii=False)


def as_text(facts: Mapping[str, Any]) -> str:
    """Return the facts in a few readable lines; what an older or foreign profile does not say is left out."""
    return "\n".join(f"{label:<14}{text}" for label, text in _lines(facts))


def _lines(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    embedder = facts["embedder"]
    yield "profile", f"{facts['path']} ({_megabytes(facts['bytes'])})"
    yield "fingerprint", facts["fingerprint"]
    yield "made", f"{facts.get('created', 'at an unknown time')} by offmap {facts.get('offmap', '(unknown version)')}"
    yield "embedder", f"{embedder['model']}, {embedder['quantisation']} ({_megabytes(embedder['bytes'])})"
    size = f"{embedder['dimensions']} dimensions, layers {_list(embedder['layers'])}"
    yield "", f"{size}, {embedder['pooling']} pooling, {embedder['max_tokens']} tokens a chunk"
    if "int8_cosine_mean" in embedder:
        low, mean = embedder["int8_cosine_min"], embedder["int8_cosine_mean"]
        yield "", f"cosine to the original model {mean:.4f} on average, {low:.4f} at least"
    if training := facts.get("training"):
        yield from _training(facts.get("reference", "training"), training)
    if {"from", "to"} <= set(production := facts.get("production") or {}):
        yield "", f"from {production['from']} to {production['to']}"
    yield "prompt", f"{facts.get('prompt_part', 'last_user')} of a conversation"
    for side, found in facts.get("sides", {}).items():
        yield from _side(side, found, facts["references"].get(side, {}))
    if recorded := facts.get("baseline"):
        first, *more = baseline_lines(recorded)
        yield "baseline", first
        yield from (("", line) for line in more)
    elif "sides" in facts:
        yield "baseline", "none: the pager is off, unless pager.tolerated_share is set; see `offmap baseline`"
    yield from (("not told", line) for line in _lacking(facts))
    if facts["kept_examples"]:
        yield "text", f"holds {facts['kept_examples']} prompts as text"


def _lacking(facts: Mapping[str, Any]) -> Iterator[str]:
    """Say what a profile without responses, or with too few pairs, cannot tell of answers."""
    answers = "whether answers narrow, echo training, come again or lose their rare kinds "
    answers += " (offmap_answer…, offmap_collapse…)"
    if "response" not in facts["references"]:
        yield "irrelevant and recycled answers: there is no reference of responses, so none is embedded"
        yield f"{answers}: nor are there pairs to compare with"
    elif not facts.get("sides", {}).get("response", {}).get("pairs"):
        yield f"{answers}: too few pairs of training have different prompts, or it was fitted by an older offmap"


def _training(reference: str, training: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    shapes = _list(f"{name} ({count:,})" for name, count in training["shapes"].items())
    yield reference, f"{training['documents']:,} rows in {training['files']} file(s), read as {shapes}"
    if training["bad"]:
        yield "", "left out: " + _list(f"{count:,} {problem}" for problem, count in training["bad"].items())
    if training.get("synthetic_share") is not None:
        yield "", f"{training['synthetic_share']:.1%} synthetic"


_TERMS = (("local_rows", "rows to find the nearest among"), ("labels", "labels"))


def _side(side: str, found: Mapping[str, Any], stored: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield f"{side}s", f"{found['texts']:,} texts, {found['prototypes']:,} cells ({_megabytes(stored.get('bytes', 0))})"
    yield "", _list(f"{found[name]:,} {name}" for name in ("duplicates", "empty", "truncated"))
    scatter = _list(f"±{error:.4f} at {level}" for level, error in found["scatter"].items())
    yield (
        "",
        f"{found['method']} calibration on {found['calibration_texts']:,} texts; realised shares scatter by {scatter}",
    )
    if (style := found.get("style")) and "microseconds" in style:
        yield "", f"style channel: {_style(style)}"
    if terms := [f"{found[name]:,} {what}" for name, what in _TERMS if name in found]:
        yield "", f"sharpened by {_list(terms)}"
    if pairs := found.get("pairs"):
        yield "", f"{pairs:,} pairs with different prompts, to compare answers with"
    yield "", f"{len(found['length_bins'])} length bin(s), {found['twin_rate']:.1%} of texts have a near-duplicate"


def _style(found: Mapping[str, Any]) -> str:
    what = f"{found['prototypes']:,} word pieces in context, calibrated on {found['calibration_texts']:,} texts"
    return f"{what}; costs {found['microseconds']:,} µs a text of {found['mean_word_pieces']:g} word pieces here"


def _list(items: Any) -> str:
    return ", ".join(str(item) for item in items)


def _megabytes(size: float) -> str:
    return f"{size / 1e6:.1f} MB"
