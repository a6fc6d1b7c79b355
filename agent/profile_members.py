"""What lies in a profile's file: the manifest and the members it lists, made and checked."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy.typing as npt

from agent.embedding.onnx_scan import has_external_data
from agent.embedding.spec import EmbedderSpec
from agent.profile_archive import Archive, ArchiveError
from agent.profile_arrays import pack_arrays, unpack_arrays

FORMAT = "offmap-profile"
VERSION = 1
MANIFEST, EMBEDDER, TOKENIZER, EXAMPLES = "manifest.json", "embedder.onnx", "tokenizer.json", "examples.json"

_REFERENCE = re.compile(r"references/([a-z]{1,32})\.npz")
_MOST_BYTES = {MANIFEST: 16 << 20, EMBEDDER: 2 << 30, TOKENIZER: 64 << 20, EXAMPLES: 256 << 20}
_MOST_REFERENCE_BYTES = 512 << 20
_KEYS: dict[str, type] = {"format": str, "version": int, "facts": dict, "members": dict, "embedder": dict}


class Content(NamedTuple):
    """A profile's parts: see `agent.profile.Profile`."""

    manifest: dict[str, Any]
    references: dict[str, dict[str, npt.NDArray[Any]]]
    embedder_onnx: bytes
    tokenizer: bytes
    embedder_spec: EmbedderSpec
    examples: Any


def encode(content: Content) -> dict[str, bytes]:
    """Return every member's bytes, the manifest among them.

    Raises
    ------
    ArchiveError
        It could not be read back.
    """
    members = {f"references/{name}.npz": pack_arrays(arrays) for name, arrays in content.references.items()}
    members |= {EMBEDDER: content.embedder_onnx, TOKENIZER: content.tokenizer}
    if content.examples is not None:
        members[EXAMPLES] = _json(content.examples)
    _check(members)
    listed = {name: _listing(data) for name, data in members.items()}
    head = {"format": FORMAT, "version": VERSION, "facts": content.manifest, "members": listed}
    return members | {MANIFEST: _json(head | {"embedder": content.embedder_spec.to_dict()})}


def decode(archive: Archive) -> tuple[str, Content]:
    """Return the fingerprint and the parts of an opened file.

    Raises
    ------
    ArchiveError, SpecError
        It is not to be trusted, or not readable here.
    """
    raw = archive.read(MANIFEST, _MOST_BYTES[MANIFEST])
    manifest = _checked_manifest(_from_json(MANIFEST, raw))
    members = _verified(archive, manifest["members"])
    arrays = {match[1]: unpack_arrays(members[name]) for name in members if (match := _REFERENCE.fullmatch(name))}
    examples = _from_json(EXAMPLES, members[EXAMPLES]) if EXAMPLES in members else None
    spec = EmbedderSpec.from_dict(manifest["embedder"])
    content = Content(manifest["facts"], arrays, members[EMBEDDER], members[TOKENIZER], spec, examples)
    return fingerprint({MANIFEST: raw}), content


def fingerprint(members: Mapping[str, bytes]) -> str:
    """Return the SHA-256 (hex) of the manifest, which holds the SHA-256 of all other members."""
    return hashlib.sha256(members[MANIFEST]).hexdigest()


def _checked_manifest(manifest: Any) -> dict[str, Any]:
    """Check the manifest's own form, the version first: of a newer one nothing else may be assumed."""
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ArchiveError("it is a zip file, but not an offmap profile")
    version = manifest.get("version")
    if isinstance(version, int) and version > VERSION:
        raise ArchiveError(f"it is of the newer format {version}, this offmap reads {VERSION}", "update offmap")
    for key, kind in _KEYS.items():
        if not isinstance(manifest.get(key), kind):
            raise ArchiveError(f"{MANIFEST}: `{key}` is missing or malformed")
    if version != VERSION or set(manifest) != set(_KEYS):
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
    _check(members)
    return members


def _check(members: Mapping[str, bytes]) -> None:
    """Check what holds for a profile to be written as for one that was read."""
    for name in (EMBEDDER, TOKENIZER):
        if name not in members:
            raise ArchiveError(f"{name} is missing")
    names = [name for name in members if name.startswith("references/")]
    if not names or not all(_REFERENCE.fullmatch(name) for name in names):
        raise ArchiveError(f"references must have names of a to z, and there must be one: {names!r:.200}")
    if has_external_data(members[EMBEDDER]):
        raise ArchiveError(f"{EMBEDDER} keeps a part of its weights outside the file")


def _listing(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


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
