"""Arrays to npz and back: no pickle, no more memory than the bytes that are there, no number that is not finite."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.profile_archive import Archive, ArchiveError, pack

Arrays = Mapping[str, npt.NDArray[Any]]

MAX_DIMENSIONS = 4

_KINDS = "iuf"
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")


def pack_arrays(arrays: Arrays) -> bytes:
    """Return an npz file that is the same bytes for the same arrays.

    Raises
    ------
    ArchiveError
        An array is of a kind or has a name that could not be read back, or holds numbers that are not finite.
    """
    members = {}
    for name, array in arrays.items():
        if not _NAME.fullmatch(name):
            raise ArchiveError(f"array name {name!r:.80} is not plain letters, digits and _")
        whole = np.array(array, order="C", copy=None)
        whole = whole.astype(whole.dtype.newbyteorder("<"), copy=False)
        _check(name, whole)
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, whole, version=(1, 0), allow_pickle=False)
        members[f"{name}.npy"] = buffer.getvalue()
    return pack(members, stored=members)


def unpack_arrays(data: bytes) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an npz file, read-only.

    Raises
    ------
    ArchiveError
    """
    archive = Archive(io.BytesIO(data), len(data))
    arrays = {}
    for member in sorted(archive.names):
        name = member.removesuffix(".npy")
        if name == member or not _NAME.fullmatch(name):
            raise ArchiveError(f"member {member!r:.80} is not an array's")
        arrays[name] = _array(name, archive.read(member, most=len(data)))  # its members are stored, so never longer
    return arrays


def _array(name: str, data: bytes) -> npt.NDArray[Any]:
    """Parse one npy file. numpy's own reader would first allocate whatever shape the header claims."""
    buffer = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(buffer)
        if version != (1, 0):
            raise ArchiveError(f"array {name}: npy format {version} is not used in profiles")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(buffer)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, OverflowError) as error:
        raise ArchiveError(f"array {name}: {error}") from error
    body = memoryview(data)[buffer.tell() :]
    if fortran or dtype.kind not in _KINDS or dtype.byteorder == ">":
        raise ArchiveError(f"array {name}: {dtype} in this order is not used in profiles (pickled objects never are)")
    if len(shape) > MAX_DIMENSIONS or any(length < 0 for length in shape):
        raise ArchiveError(f"array {name}: shape {shape!r:.80} is not used in profiles")
    if math.prod(shape) * dtype.itemsize != len(body):
        raise ArchiveError(f"array {name}: shape {shape!r:.80} of {dtype} does not fit its {len(body)} bytes")
    array = np.frombuffer(body, dtype=dtype).reshape(shape)
    _check(name, array)
    return array


def _check(name: str, array: npt.NDArray[Any]) -> None:
    if array.dtype.kind not in _KINDS or array.ndim > MAX_DIMENSIONS:
        raise ArchiveError(f"array {name}: {array.dtype} with {array.ndim} dimensions cannot be stored")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ArchiveError(f"array {name} holds numbers that are not finite")
