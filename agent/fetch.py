"""A profile from an HTTP address: checked by its SHA-256, there whole or not at all."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib import request
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit

from agent.durable import sync_folder

if TYPE_CHECKING:
    from collections.abc import Generator
    from http.client import HTTPResponse

log = logging.getLogger(__name__)

MAX_BYTES = 2**30
SILENCE_SECONDS = 20.0
TOTAL_SECONDS = 900.0
_BLOCK = 2**18


class UnreachableError(Exception):
    """The file did not come; it may, another time. Names the host alone: the rest of an address may hold a secret."""


class WrongFileError(Exception):
    """What came is not the file that is meant."""


class PlaceError(Exception):
    """There is no place for the file; the message says why and what to do."""


def kept_at(path: Path, sha256: str) -> Path:
    """Return where a fetched file lies: each content has a name of its own, so that the one before it stays for now.

    Examples
    --------
    >>> kept_at(Path("state/shop.offmap"), "0123456789abcdef" * 4).name
    'shop-0123456789abcdef.offmap'
    """
    return path.with_name(f"{path.stem}-{sha256[:16]}{path.suffix}")


def fetch(url: str, sha256: str, path: Path, going_on: Callable[[], bool]) -> Path:
    """Return the file's place, fetched unless it is there already.

    Parameters
    ----------
    url : str
        http or https, with `user:password@` where it is asked for; a redirect may not leave https.
    sha256 : str
        Of the whole file, in hex.
    path : Path
        See `kept_at`.
    going_on : callable
        Asked again and again: false gives up.

    Raises
    ------
    UnreachableError, WrongFileError, PlaceError
        See there; the second also where more than 1 GiB comes.
    """
    place = kept_at(path, sha256)
    try:
        if not (place.exists() and _sum_of(place) == sha256):
            _fetch(url, sha256, place, going_on)
    except OSError as error:
        raise PlaceError(
            f"profile.path: {place.parent} cannot hold what profile.url gives ({error.strerror or error}); "
            "name a file in a folder that the agent's user may write, with space for it twice"
        ) from error
    return place


def _fetch(url: str, sha256: str, place: Path, going_on: Callable[[], bool]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f"{place.name}.tmp")
    try:
        with temporary.open("wb") as file:
            _download(url, sha256, file, going_on)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(place.parent)
    log.info("the profile was fetched from %s", _host(url))


def forget_others(path: Path, sha256: str) -> None:
    """Remove what was fetched before, in part or whole, now that it is not needed."""
    kept, names = kept_at(path, sha256).name, f"{path.stem}-{'[0-9a-f]' * 16}{path.suffix}"
    for other in (*path.parent.glob(names), *path.parent.glob(f"{names}.tmp")):
        if not other.name.startswith(kept):
            with suppress(OSError):
                other.unlink()


def _download(url: str, sha256: str, file: IO[bytes], going_on: Callable[[], bool]) -> None:
    digest = hashlib.sha256()
    with closing(_blocks(url, time.monotonic() + TOTAL_SECONDS)) as blocks:
        for block in blocks:
            if not going_on():
                raise UnreachableError(_why(url, "left off, there is something else to do"))
            digest.update(block)
            file.write(block)
            if file.tell() > MAX_BYTES:
                raise WrongFileError(f"what {_host(url)} gives is longer than {MAX_BYTES:,} bytes: no profile")
    if digest.hexdigest() != sha256:
        raise WrongFileError(
            f"what {_host(url)} gives has the SHA-256 {digest.hexdigest()}, not profile.sha256 ({sha256}); "
            "name the file's own, or put that file there"
        )


def _blocks(url: str, end: float) -> Generator[bytes, None, None]:
    try:
        with _open(url) as response:
            while block := response.read1(_BLOCK):
                yield block
                if time.monotonic() > end:
                    raise UnreachableError(_why(url, f"not there after {TOTAL_SECONDS:g} s"))
            missing = response.length
    except HTTPError as error:
        with error:
            raise UnreachableError(_why(url, f"HTTP status {error.code}")) from None
    except (OSError, HTTPException) as error:  # their words may hold the address
        raise UnreachableError(_why(url, type(getattr(error, "reason", error)).__name__)) from None
    if missing:
        raise UnreachableError(_why(url, "the connection broke off"))


class _Redirect(request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        if not newurl.startswith(("https:", f"{req.type}:")):
            fp.close()
            raise UnreachableError(_why(req.full_url, "redirected away from http, or from https"))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


HANDLERS = (
    *(request.ProxyHandler, request.HTTPHandler, request.HTTPSHandler, _Redirect),
    *(request.HTTPDefaultErrorHandler, request.HTTPErrorProcessor),
)
"""All that is spoken: http and https, and not the files of this machine, which urllib would read too."""


def _open(url: str) -> HTTPResponse:
    opener = request.OpenerDirector()
    for handler in HANDLERS:
        opener.add_handler(handler())
    response: HTTPResponse = opener.open(_asked(url), timeout=SILENCE_SECONDS)
    return response


def _asked(url: str) -> request.Request:
    """Take user and password, which the standard library would look up as a host, out of an address."""
    user, at, _ = urlsplit(url).netloc.rpartition("@")
    found = request.Request(url.replace(f"{user}{at}", "", 1))  # noqa: S310 - HANDLERS speak http and https alone
    if at:
        pair = b64encode(unquote(user).encode()).decode()
        found.add_unredirected_header("Authorization", f"Basic {pair}")  # what is redirected to may be somebody else
    return found


def _why(url: str, reason: str) -> str:
    return f"the profile cannot be fetched from {_host(url)}: {reason}"


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
