"""Zip files written to the same bytes every time, and read as if an enemy had written them."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from typing import BinaryIO

MAX_MEMBERS = 1_024
MAX_EXPANSION = 20
SLACK_BYTES = 64 << 20
"""What the members of a file may unpack to: `MAX_EXPANSION` times its size, and this much more."""

_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16


class ArchiveError(ValueError):
    """The bytes are not a file that is whole, safe and understood; `remedy` says what to do."""

    remedy = "copy it again, or fit it anew"

    def __init__(self, problem: str, remedy: str = remedy) -> None:
        super().__init__(problem)
        self.remedy = remedy


def pack(members: Mapping[str, bytes], stored: Iterable[str] = ()) -> bytes:
    """Return a zip file of the members, sorted, dated 1980: the same members give the same bytes.

    Examples
    --------
    >>> pack({"b": b"2", "a": b"1"}) == pack({"a": b"1", "b": b"2"})
    True
    """
    plain = set(stored)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _DATE)
            info.external_attr, info.create_system = _MODE, 3
            info.compress_type = zipfile.ZIP_STORED if name in plain else zipfile.ZIP_DEFLATED
            archive.writestr(info, members[name], compresslevel=6)
    return buffer.getvalue()


class Archive:
    """An open zip file whose list of members has been checked: few, unique, plain, and not unpacking to a multiple.

    Parameters
    ----------
    file : binary file
        Seekable; not closed here.
    size : int
        Its length in bytes.

    Raises
    ------
    ArchiveError
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise ArchiveError(f"no offmap profile, or not a whole one ({error})") from error
        members = self._zip.infolist()
        self._members = {info.filename: info for info in members}
        if len(members) > MAX_MEMBERS:
            raise ArchiveError(f"{len(members)} members, at most {MAX_MEMBERS} are allowed")
        if len(self._members) < len(members):
            raise ArchiveError("two members have the same name")
        declared = sum(info.file_size for info in members)
        if declared > MAX_EXPANSION * size + SLACK_BYTES:
            raise ArchiveError(f"its {size} bytes claim to unpack to {declared}")

    @property
    def names(self) -> set[str]:
        """Names of the members, as the file has them: unchecked."""
        return set(self._members)

    def read(self, name: str, most: int) -> bytes:
        """Return one member.

        Raises
        ------
        ArchiveError
            It is missing, longer than `most` bytes, encrypted, packed in another way than deflate, or damaged.
        """
        info = self._members.get(name)
        if info is None:
            raise ArchiveError(f"{name} is missing")
        if info.file_size > most:
            raise ArchiveError(f"{name} claims {info.file_size} bytes, at most {most} are allowed")
        if info.flag_bits & 1 or info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise ArchiveError(f"{name} is encrypted or packed in a way that profiles never are")
        try:
            with self._zip.open(info) as member:
                data = member.read(info.file_size)  # with a bound, so that a lying size cannot unpack to more
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
            raise ArchiveError(f"{name} is damaged ({error})") from error
        if len(data) != info.file_size:
            raise ArchiveError(f"{name} is damaged ({len(data)} bytes of {info.file_size})")
        return data
