"""Lists as they are written in YAML or, on one line, in an environment variable."""

from __future__ import annotations

from pydantic import BeforeValidator


def split_commas(value: object) -> object:
    """Split a text at commas; anything else is left as it is.

    Examples
    --------
    >>> split_commas("a, b"), split_commas(["a"])
    (['a', 'b'], ['a'])
    """
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


commas_or_list = BeforeValidator(split_commas)
