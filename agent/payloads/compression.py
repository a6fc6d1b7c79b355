"""gzip and zstd, inflated no further than a message may be long: a bomb costs what a message costs."""

from __future__ import annotations

import zlib
from io import BytesIO

import zstandard

from agent.payloads.reasons import UnreadableError

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
_MOST_MEMBERS = 64  # each costs a copy of what is left
_GZIP_WINDOW = 31  # zlib's code for "with a gzip header"
_LARGEST_WINDOW = 8 * 2**20  # what RFC 8878 asks every decoder to support; more would be memory at the sender's whim


def inflate(data: bytes, most: int) -> bytes:
    """Decompress gzip or zstd, also several gzip members one after another.

    Parameters
    ----------
    data : bytes
        Begins with `GZIP` or `ZSTD`.
    most : int
        Bytes that may come out.

    Raises
    ------
    UnreadableError
        With reason "bad_compression" or "oversized".

    Examples
    --------
    >>> import gzip
    >>> inflate(gzip.compress(b"Hi"), most=10)
    b'Hi'
    """
    try:
        inflated = _gunzip(data, most) if data.startswith(GZIP) else _unzstd(data, most)
    except (zlib.error, zstandard.ZstdError):
        raise UnreadableError("bad_compression") from None
    if len(inflated) > most:
        raise UnreadableError("oversized")
    return inflated


def _gunzip(data: bytes, most: int) -> bytes:
    inflated = b""
    for _ in range(_MOST_MEMBERS):
        member = zlib.decompressobj(_GZIP_WINDOW)
        inflated += member.decompress(data, most + 1 - len(inflated))
        if len(inflated) > most or (member.eof and not member.unused_data):
            return inflated
        data = member.unused_data
        if not member.eof or not data.startswith(GZIP):
            break
    raise UnreadableError("bad_compression")


def _unzstd(data: bytes, most: int) -> bytes:
    stated = zstandard.get_frame_parameters(data).content_size
    if most < stated != zstandard.CONTENTSIZE_UNKNOWN:
        raise UnreadableError("oversized")
    reader = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
    try:
        whole: bytes = reader.decompress(data, max_output_size=most, allow_extra_data=False)
    except zstandard.ZstdError:
        with reader.stream_reader(BytesIO(data)) as stream:  # tells too much from damaged, which the error does not
            whole = stream.read(most + 1)
        if len(whole) <= most:
            raise
    return whole
