"""Lines of a plain, gzip or zstd file, one after the other, in bounded memory."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import TYPE_CHECKING

import zstandard

from agent.sources.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer

GZIP, ZSTD, PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError)
BUFFER = 1 << 18


def read_lines(file: io.BufferedReader, longest: int) -> Iterator[bytes | None]:
    r"""Yield each line of `file` without its end, or None for one of more than `longest` bytes, which is not held.

    Compression is told by content: a gzip file may well be called `.jsonl`.

    Parameters
    ----------
    file : io.BufferedReader
        Open at its start; need not be seekable.
    longest : int

    Raises
    ------
    SourceError
        Where the file is damaged, after the lines before the damage; for a Parquet file.

    Examples
    --------
    >>> list(read_lines(io.BufferedReader(io.BytesIO(gzip.compress(b"a\n\ntoo long\nb"))), longest=3))
    [b'a', b'', None, b'b']
    """
    number = 0
    try:
        stream = _decompressed(file)
        # two bytes more than a line may have: its end may be \r\n
        while line := stream.readline(longest + 2):
            cut = len(line) == longest + 2 and not line.endswith(b"\n")
            if cut:
                _skip_line(stream)
            number += 1
            body = line.rstrip(b"\r\n")
            yield None if cut or len(body) > longest else body
    except DAMAGE as error:
        what = "ends in the middle of its compressed data" if isinstance(error, EOFError) else f"damaged ({error})"
        raise SourceError(
            f"{file.name}: {what} after line {number}: copy it anew, or unpack what is left of it and read that"
        ) from error
    except OSError as error:
        raise SourceError(f"{file.name}: cannot be read after line {number}: {error.strerror}") from error


def _decompressed(file: io.BufferedReader) -> io.BufferedIOBase:
    head = file.peek(4)[:4]
    if head.startswith(GZIP):
        return gzip.GzipFile(fileobj=file)
    if head == ZSTD:
        return io.BufferedReader(_ZstdFrames(file), BUFFER)
    if head == PARQUET:
        raise SourceError(f"{file.name}: is a Parquet file: logs are JSON lines, plain or compressed (gzip, zstd)")
    if head.startswith(BYTE_ORDER_MARK):
        file.read(len(BYTE_ORDER_MARK))
    return file


def _skip_line(stream: io.BufferedIOBase) -> None:
    while (part := stream.readline(BUFFER)) and not part.endswith(b"\n"):
        pass


class _ZstdFrames(io.RawIOBase):
    """Frames of zstd, one after the other. Unlike zstandard's own stream, it says when the last one is cut off."""

    # A block of 4 bytes may stand for 128 KiB: so much input brings at most 16 MiB at once.
    INPUT = 512

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._inside = False
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not self._ready and self._fill():
            pass
        target = memoryview(buffer)
        size = min(len(self._ready), len(target))
        target[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _fill(self) -> bool:
        part = b""
        if self._frame.eof:
            part = self._frame.unused_data
            self._frame, self._inside = zstandard.ZstdDecompressor().decompressobj(), False
        part = part or self._file.read(self.INPUT)
        if not part and self._inside:
            raise EOFError
        if part:
            self._inside = True
            self._ready = memoryview(self._frame.decompress(part))
        return bool(part)
