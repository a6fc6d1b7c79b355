"""In which script a text is written: a hint at its language that costs a microsecond. Context, never an alarm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

SCRIPTS = (
    *("latin", "greek", "cyrillic", "hebrew", "arabic", "devanagari", "thai", "hangul", "kana", "han"),
    *("other", "none"),
)
"""Values of the label `script`. "other" is any other script of letters, "none" a text without letters. In this order
they stand in profiles: new ones go to the end."""

_LETTERS = 24
"""Characters that are looked at, evenly spaced: a text is hardly ever of two scripts in equal parts."""

_STARTS = (
    (0x00, None), (0x41, "latin"), (0x5B, None), (0x61, "latin"), (0x7B, None), (0xC0, "latin"), (0x2B0, None),
    (0x370, "greek"), (0x400, "cyrillic"), (0x530, "other"), (0x590, "hebrew"), (0x600, "arabic"), (0x700, "other"),
    (0x750, "arabic"), (0x780, "other"), (0x870, "arabic"), (0x900, "devanagari"), (0x980, "other"), (0xE00, "thai"),
    (0xE80, "other"), (0x1100, "hangul"), (0x1200, "other"), (0x1C80, "cyrillic"), (0x1C90, "other"), (0x1D00, None),
    (0x1E00, "latin"), (0x1F00, "greek"), (0x2000, None), (0x2C00, "other"), (0x2E00, None), (0x2E80, "han"),
    (0x3000, None), (0x3040, "kana"), (0x3100, "other"), (0x3130, "hangul"), (0x3190, None), (0x31F0, "kana"),
    (0x3200, None), (0x3400, "han"), (0x4DC0, None), (0x4E00, "han"), (0xA000, "other"), (0xAC00, "hangul"),
    (0xD7B0, None), (0xF900, "han"), (0xFB00, "other"), (0xFB1D, "hebrew"), (0xFB50, "arabic"), (0xFE00, None),
    (0xFE70, "arabic"), (0xFF00, None), (0xFF21, "latin"), (0xFF3B, None), (0xFF41, "latin"), (0xFF5B, None),
    (0xFF66, "kana"), (0xFFA0, "hangul"), (0xFFE0, None), (0x10000, "other"), (0x1F000, None), (0x20000, "han"),
    (0x32000, None),
)  # fmt: skip
"""Where in Unicode blocks of a script begin, up to the next; None: signs, digits, emoji."""

_NONE = len(SCRIPTS) - 1
_KANA = SCRIPTS.index("kana")


def _table() -> npt.NDArray[np.uint8]:
    """Return the script of every character up to the last block, as its place in `SCRIPTS`."""
    firsts = np.array([first for first, _ in _STARTS])
    places = [_NONE if name is None else SCRIPTS.index(name) for _, name in _STARTS]
    return np.repeat(np.array(places, dtype=np.uint8), np.diff(firsts, append=firsts[-1] + 1))


_SCRIPT_OF = _table()


def scripts_of(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the script of most letters of each text, shape (n,), as its place in `SCRIPTS`.

    Japanese, which is mostly Han, is "kana".

    Examples
    --------
    >>> texts = ["Où est ma carte?", "Где моя карта?", "我的卡在哪里", "カードはどこ", "404 🙂"]
    >>> [SCRIPTS[place] for place in scripts_of(texts)]
    ['latin', 'cyrillic', 'han', 'kana', 'none']
    """
    seen = "".join([text[:: len(text) // _LETTERS + 1].ljust(_LETTERS) for text in texts])
    codes = np.frombuffer(seen.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).reshape(-1, _LETTERS)
    of = _SCRIPT_OF[np.minimum(codes, len(_SCRIPT_OF) - 1)]
    places = of + len(SCRIPTS) * np.arange(len(of))[:, None]
    counts = np.bincount(places.ravel(), minlength=of.shape[0] * len(SCRIPTS)).reshape(-1, len(SCRIPTS))
    counts[:, _NONE] = 0
    counts[:, _KANA] *= _LETTERS  # where there is any, it is Japanese
    most: npt.NDArray[np.int64] = counts.argmax(axis=1)
    most[~counts.any(axis=1)] = _NONE
    return most


def script_shares(counts: npt.NDArray[np.integer[Any]]) -> dict[str, float]:
    """Return the share of each script, given what `count_scripts` gave; nothing where there was no text.

    Raises
    ------
    ValueError
        If these are no counts by script.
    """
    if counts.shape != (len(SCRIPTS),):
        raise ValueError(f"counts of shape {counts.shape} for {len(SCRIPTS)} scripts")
    total = int(counts.sum())
    return {script: count / total for script, count in zip(SCRIPTS, counts.tolist(), strict=True)} if total else {}


def count_scripts(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """Count texts by script, in the order of `SCRIPTS`."""
    return np.bincount(scripts_of(texts), minlength=len(SCRIPTS))
