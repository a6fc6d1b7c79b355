"""The profile: one file with everything that production needs to score.

Format, version 1: a zip file (members stored or deflated, sorted, dated 1980-01-01) of

- `manifest.json`: one object of five keys. `format`: "offmap-profile". `version`: 1. `facts`: what the fit wants known
  (settings, counts, how it was calibrated), plain JSON. `embedder`: the form of `EmbedderSpec.to_dict`.
  `members`: for every other member its `bytes` and `sha256`.
- `references/NAME.npz`, NAME being `prompt`, `response` or `style`: the fitted arrays, little-endian numbers in npy
  format 1.0, stored; no pickle can be in there.
- `embedder.onnx` and `tokenizer.json`: the compiled embedder, all of it inside (no external data).
- `examples.json`, only where the user asked for it: training texts, as plain JSON. Nothing else in the file is text of
  the training data; but vectors can be partly inverted, so a profile is as confidential as the data it was fitted on.

The fingerprint is the SHA-256 of `manifest.json`, which holds the SHA-256 of everything else: the same content gives
the same fingerprint and, written by the same Python, the same bytes.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from agent.durable import replace_file
from agent.embedding.spec import EmbedderSpec
from agent.profile_archive import Archive, ArchiveError, pack
from agent.profile_members import Content, decode, encode, fingerprint

STYLE = "style"
"""The reference of the second channel, the source and style of prompts, and the value of the label `side` for it."""


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
        For `"prompt"` and, where the training data has them, `"response"`, and where it was asked for `"style"`, the
        fitted arrays: integers and finite floats. Read-only after reading.
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
        """SHA-256 (hex) of the manifest as it is, or would be, written."""
        return fingerprint(encode(_content(self)))


def write_profile(path: str | os.PathLike[str], profile: Profile) -> None:
    """Write the file whole or not at all.

    Raises
    ------
    ProfileError
        The profile cannot be stored, or the place not be written to.
    """
    with _explained(Path(path)):
        replace_file(Path(path), pack(encode(_content(profile))))


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
    with _explained(Path(path)), Path(path).open("rb") as file:
        found, content = decode(Archive(file, os.fstat(file.fileno()).st_size))
        if expected_fingerprint is not None and found != expected_fingerprint.lower():
            problem = f"its fingerprint is {found}, but {expected_fingerprint} is pinned"
            raise ArchiveError(problem, "use the profile that is meant, or pin this one")
    profile = Profile(*content)
    profile.__dict__["fingerprint"] = found  # where cached_property keeps it
    return profile


def _content(profile: Profile) -> Content:
    return Content(**{name: getattr(profile, name) for name in Content._fields})


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what went wrong into one message that names the file and what to do."""
    try:
        yield
    except OSError as error:
        raise ProfileError(f"profile {path}: {error.strerror or error}") from error
    except ArchiveError as error:
        raise ProfileError(f"profile {path}: {error}; {error.remedy}") from error
    except ValueError as error:
        raise ProfileError(f"profile {path}: {error}; {ArchiveError.remedy}") from error
