"""The profile: one file with everything that production needs to score.

Format, version 1: a zip file (members stored or deflated, sorted, dated 1980-01-01) of

- `manifest.json`: one object of five keys. `format`: "offmap-profile". `version`: 1. `facts`: what the fit wants known
  (settings, counts, how it was calibrated), plain JSON. `embedder`: the form of `EmbedderSpec.to_dict`.
  `members`: for every other member its `bytes` and `sha256`.
- `references/NAME.npz`, NAME being `prompt` or `response`: the fitted arrays, little-endian numbers in npy format 1.0,
  stored; no pickle can be in there.
- `embedder.onnx` and `tokenizer.json`: the compiled embedder, all of it inside (no external data).
- `examples.json`, only where the user asked for it: training texts, as plain JSON. Nothing else in the file is text of
  the training data; but vectors can be partly inverted, so a profile is as confidential as the data it was fitted on.

The fingerprint is the SHA-256 of `manifest.json`, which holds the SHA-256 of everything else: the same content gives
the same fingerprint and, written by the same Python, the same bytes.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from agent.embedding.onnx_scan import has_external_data
from agent.embedding.spec import EmbedderSpec
from agent.profile_archive import Archive, ArchiveError, pack
from agent.profile_arrays import pack_arrays, unpack_arrays

FORMAT = "offmap-profile"
VERSION = 1
MANIFEST, EMBEDDER, TOKENIZER, EXAMPLES = "manifest.json", "embedder.onnx", "tokenizer.json", "examples.json"

_REFERENCE = re.compile(r"references/([a-z]{1,32})\.npz")
_MOST_BYTES = {MANIFEST: 16 << 20, EMBEDDER: 2 << 30, TOKENIZER: 64 << 20, EXAMPLES: 256 << 20}
_MOST_REFERENCE_BYTES = 512 << 20


class ProfileError(ValueError):
    """The file cannot be used as a profile, or a profile not be written; the message says what to do."""


@dataclass(frozen=True, eq=False)
class Profile:
    """A fitted profile.

    Attributes
    ----------
    manifest : dict
        The fit's facts: plain JSON data, no numbers that are not finite.
    references : dict of dict of arrays
        For `"prompt"` and, where the training data has them, `"response"` the fitted arrays: integers and finite
        floats. Read-only after reading.
    embedder_onnx, tokenizer : bytes
    embedder_spec : EmbedderSpec
        The three parts of `agent.embedding.runtime.OnnxEmbedder`.
    examples : plain JSON data, optional
        Training texts, only where the user asked to keep them.
    """

    manifest: dict[str, Any]
    references: dict[str, dict[str, npt.NDArray[Any]]] = field(repr=False)
    embedder_onnx: bytes = field(repr=False)
    tokenizer: bytes = field(repr=False)
    embedder_spec: EmbedderSpec = field(repr=False)
    examples: Any = field(default=None, repr=False)

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the manifest as it is written."""
        return hashlib.sha256(_members(self)[MANIFEST]).hexdigest()


def write_profile(path: str | os.PathLike[str], profile: Profile) -> None:
    """Write the file whole or not at all.

    Raises
    ------
    ProfileError
        The profile cannot be stored, or the place not be written to.
    """
    target = Path(path)
    with _explained(target, "not written"):
        data = pack(_members(profile))
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            with suppress(OSError):
                temporary.unlink()
        _sync_folder(target.parent)


def read_profile(path: str | os.PathLike[str], *, expected_fingerprint: str | None = None) -> Profile:
    """Read and check a profile.

    Parameters
    ----------
    path : path
    expected_fingerprint : str, optional
        What the configuration pins.

    Raises
    ------
    ProfileError
        No such file, or a damaged, foreign, newer, hostile or other one than expected.
    """
    source = Path(path)
    with _explained(source, "copy it again, or fit it anew"), source.open("rb") as file:
        archive = Archive(file, source.stat().st_size)
        raw = archive.read(MANIFEST, _MOST_BYTES[MANIFEST])
        manifest = _parsed_manifest(source, raw)
        found = hashlib.sha256(raw).hexdigest()
        if expected_fingerprint is not None and found != expected_fingerprint.lower():
            raise ProfileError(f"profile {path}: its fingerprint is {found}, but {expected_fingerprint} is pinned")
        profile = _unpacked(manifest, _verified(archive, manifest["members"]))
    profile.__dict__["fingerprint"] = found  # as cached_property would store it
    return profile


def _members(profile: Profile) -> dict[str, bytes]:
    """Return every member's bytes, the manifest among them."""
    members = {f"references/{name}.npz": pack_arrays(arrays) for name, arrays in profile.references.items()}
    members |= {EMBEDDER: profile.embedder_onnx, TOKENIZER: profile.tokenizer}
    if profile.examples is not None:
        members[EXAMPLES] = _json(profile.examples)
    _check_content(members)
    listed = {name: _listing(data) for name, data in members.items()}
    head = {"format": FORMAT, "version": VERSION, "facts": profile.manifest, "members": listed}
    return members | {MANIFEST: _json(head | {"embedder": profile.embedder_spec.to_dict()})}


def _listing(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _parsed_manifest(path: Path, raw: bytes) -> dict[str, Any]:
    """Check the manifest's own form, the version first: of a newer one nothing else may be assumed."""
    manifest = _from_json(MANIFEST, raw)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ArchiveError("it is a zip file, but not an offmap profile")
    version = manifest.get("version")
    if isinstance(version, int) and version > VERSION:
        raise ProfileError(f"profile {path} is of the newer format {version}, this is {VERSION}: update offmap")
    shapes: dict[str, type] = {"version": int, "facts": dict, "members": dict, "embedder": dict}
    for key, kind in shapes.items():
        if not isinstance(manifest.get(key), kind):
            raise ArchiveError(f"{MANIFEST}: `{key}` is missing or malformed")
    if version != VERSION or len(manifest) != len(shapes) + 1:
        raise ArchiveError(f"{MANIFEST} is not of format {VERSION}")
    return manifest


def _verified(archive: Archive, listed: Mapping[str, Any]) -> dict[str, bytes]:
    """Read the members that the manifest lists, each with its hash checked; others must not be there."""
    unlisted = sorted((archive.names - {MANIFEST}) ^ set(listed))
    if unlisted:
        raise ArchiveError(f"members and manifest disagree about {', '.join(unlisted)!r:.200}")
    members = {}
    for name, listing in listed.items():
        most = _MOST_REFERENCE_BYTES if _REFERENCE.fullmatch(name) else _MOST_BYTES.get(name)
        if most is None or name == MANIFEST:
            raise ArchiveError(f"member {name!r:.80} does not belong into a profile")
        members[name] = archive.read(name, most)
        if listing != _listing(members[name]):
            raise ArchiveError(f"{name} is not what {MANIFEST} says it is")
    _check_content(members)
    return members


def _check_content(members: Mapping[str, bytes]) -> None:
    """Check what holds for a profile to be written as for one that was read."""
    for name in (EMBEDDER, TOKENIZER):
        if name not in members:
            raise ArchiveError(f"{name} is missing")
    names = [name for name in members if name.startswith("references/")]
    if not names or not all(_REFERENCE.fullmatch(name) for name in names):
        raise ArchiveError(f"references must have names of a to z, and there must be one: {names!r:.200}")
    if has_external_data(members[EMBEDDER]):
        raise ArchiveError(f"{EMBEDDER} keeps a part of its weights outside the file")


def _unpacked(manifest: Mapping[str, Any], members: Mapping[str, bytes]) -> Profile:
    arrays = {match[1]: unpack_arrays(members[name]) for name in members if (match := _REFERENCE.fullmatch(name))}
    examples = _from_json(EXAMPLES, members[EXAMPLES]) if EXAMPLES in members else None
    spec = EmbedderSpec.from_dict(manifest["embedder"])
    return Profile(manifest["facts"], arrays, members[EMBEDDER], members[TOKENIZER], spec, examples)


def _json(data: object) -> bytes:
    try:
        return json.dumps(data, sort_keys=True, allow_nan=False, ensure_ascii=False, indent=1).encode()
    except (TypeError, ValueError) as error:
        raise ArchiveError(f"facts and examples must be plain JSON data: {error}") from error


def _from_json(name: str, data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"{name} is not JSON ({error})") from error


@contextmanager
def _explained(path: Path, remedy: str) -> Iterator[None]:
    """Turn what went wrong into one message that names the file and what to do."""
    try:
        yield
    except ProfileError:
        raise
    except OSError as error:
        raise ProfileError(f"profile {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ProfileError(f"profile {path}: {error}: {remedy}") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
