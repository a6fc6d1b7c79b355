"""The section for the profile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from config.section import Contradiction, Section


def _address(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    with suppress(ValueError):  # of a port, or brackets of IPv6, that are none
        if re.fullmatch(r"https?://[^\s/?#]+/\S*", text) and urlsplit(text).port != 0:
            return value
    raise ValueError("must be an address like https://host/shop.offmap")


class ProfileSettings(Section):
    """Which profile production is compared with."""

    path: Path = Field(
        description="The .offmap file that `offmap fit` wrote; with profile.url, where what was fetched is kept."
    )
    url: Annotated[SecretStr, AfterValidator(_address)] | None = Field(
        default=None,
        description=(
            "Address to fetch the file from, http or https, tried again until it is there. One that holds a secret: "
            "better from the environment, OFFMAP_PROFILE__URL."
        ),
    )
    sha256: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description="SHA-256 of the file at profile.url (64 hex digits); any other is refused. Required with it.",
    )
    fingerprint: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description=(
            "SHA-256 of the profile's content (64 hex digits, `offmap inspect` shows it); another profile is"
            " refused. Unset: any."
        ),
    )
    max_age_days: int = Field(
        default=180,
        ge=1,
        description="A profile older than this is said to be old, by an alert; it is used all the same.",
    )

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield an address without checksum, and a checksum without address."""
        if self.url is not None and self.sha256 is None:
            yield Contradiction(
                ("sha256", "url"), "is missing: profile.url is set, and what comes from there is checked"
            )
        if self.sha256 is not None and self.url is None:
            yield Contradiction(
                ("sha256", "url"), "has no use without profile.url; profile.fingerprint pins a file's content"
            )
