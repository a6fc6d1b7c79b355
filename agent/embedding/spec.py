"""What the runtime must know about a compiled embedder besides its two files: plain data, stored in the profile."""

from __future__ import annotations

import base64
import binascii
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

import numpy as np
import numpy.typing as npt

POOLINGS = ("mean", "cls", "last_token")
"""How the last layer's token states become one vector. Inner layers are always averaged."""

CANARY_TEXTS = (
    "Please move my dentist appointment to Thursday afternoon.",
    "def area(radius): return 3.14159 * radius ** 2",
    "Die Lieferung kam zu spät, und zwei Gläser waren zerbrochen.",
    "The tide turned at noon; by one o'clock the lower steps of the quay were under water, and Marten was looking on.",
)
"""Fixed texts whose vectors a machine must reproduce before its scores are believed."""


class SpecError(ValueError):
    """A stored description of an embedder that cannot be used; the message names the field."""


@dataclass(frozen=True, slots=True)
class EmbedderSpec:
    """A compiled embedder, described.

    Attributes
    ----------
    model : str
        The name or folder's name the model was compiled from; for people only.
    dim : int
        Length d of a vector.
    taps : tuple of int
        The layers the graph returns, in order of depth, the last of them the model's last: L = len(taps).
    max_tokens : int
        Word pieces in a chunk at most, special ones included.
    prefix_ids, suffix_ids : tuple of int
        The special word pieces set before and behind the word pieces of every chunk, as the tokenizer's own template
        has them (for BERT [CLS] and [SEP]).
    unknown_id : int or None
        The word piece that stands for "not in the vocabulary"; a text of nothing else is not embedded.
    pooling : str
        One of `POOLINGS`.
    quantisation : str
        How the weights are stored, `"dynamic-int8-per-channel"` for instance.
    opset : int
        ONNX operator set of the graph.
    canary_texts : tuple of str
    canary_bytes : bytes
        Their vectors, float32 little-endian, shape (len(canary_texts), L, d): see `canary_vectors`.
    """

    model: str
    dim: int
    taps: tuple[int, ...]
    max_tokens: int
    prefix_ids: tuple[int, ...]
    suffix_ids: tuple[int, ...]
    unknown_id: int | None
    pooling: str
    quantisation: str
    opset: int
    canary_texts: tuple[str, ...] = ()
    canary_bytes: bytes = b""

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise SpecError(f"embedder description: {problem}")

    @property
    def n_layers(self) -> int:
        """Layers a chunk gets vectors of."""
        return len(self.taps)

    @property
    def body_tokens(self) -> int:
        """Word pieces of the text itself in a chunk at most."""
        return self.max_tokens - len(self.prefix_ids) - len(self.suffix_ids)

    @property
    def canary_vectors(self) -> npt.NDArray[np.float32]:
        """The canary texts' vectors, shape (n, L, d)."""
        vectors = np.frombuffer(self.canary_bytes, dtype="<f4").astype(np.float32)
        return vectors.reshape(len(self.canary_texts), self.n_layers, self.dim)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; the vectors become base64.

        Examples
        --------
        >>> canary = {"canary_texts": ("a",), "canary_bytes": bytes(32)}
        >>> spec = EmbedderSpec("m", 8, (2,), 256, (101,), (102,), 100, "mean", "none", 18, **canary)
        >>> EmbedderSpec.from_dict(spec.to_dict()) == spec
        True
        """
        data = dataclasses.asdict(self)
        data["canary_bytes"] = base64.b64encode(self.canary_bytes).decode("ascii")
        return {key: list(value) if isinstance(value, tuple) else value for key, value in data.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> EmbedderSpec:
        """Build it back from `to_dict`'s form.

        Raises
        ------
        SpecError
            A field is missing, unknown, of another type or out of range, or there is no canary text.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(data, Mapping) or set(data) != names:
            got = sorted(map(str, data)) if isinstance(data, Mapping) else type(data).__name__
            raise SpecError(f"embedder description: expected the fields {sorted(names)}, got {got}")
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
        }
        values["canary_bytes"] = _decoded(values["canary_bytes"])
        spec = cls(**values)
        if not spec.canary_texts:
            raise SpecError("embedder description: canary_texts is empty, so that no machine could be checked")
        return spec


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(str(text).encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SpecError(f"embedder description: canary_bytes is not base64 ({error})") from None


def _problem(spec: EmbedderSpec) -> str | None:
    """Return what is wrong with it, or None. The values may come from a hostile file, so types are checked too."""
    hints = get_type_hints(EmbedderSpec)
    for field in dataclasses.fields(spec):
        if not _fits(getattr(spec, field.name), hints[field.name]):
            return f"{field.name} must be {field.type}, not {getattr(spec, field.name)!r:.80}"
    limits = {"dim": (1, 65_536), "max_tokens": (1, 65_536), "opset": (1, 1_000)}
    for name, (low, high) in limits.items():
        if not low <= getattr(spec, name) <= high:
            return f"{name} must lie in {low}..{high}, not {getattr(spec, name)}"
    if not 1 <= len(spec.taps) <= 16 or list(spec.taps) != sorted(set(spec.taps)) or spec.taps[0] < 1:
        return f"taps must be 1 to 16 layer numbers from 1, ascending, not {spec.taps!r:.80}"
    if spec.body_tokens < 1:
        return f"max_tokens = {spec.max_tokens} leaves no room beside the special word pieces"
    if spec.pooling not in POOLINGS:
        return f"pooling must be one of {', '.join(POOLINGS)}, not {spec.pooling!r:.80}"
    return _canary_problem(spec)


def _canary_problem(spec: EmbedderSpec) -> str | None:
    expected = 4 * len(spec.canary_texts) * spec.n_layers * spec.dim
    if len(spec.canary_bytes) != expected:
        return f"canary_bytes must hold {expected} bytes, not {len(spec.canary_bytes)}"
    if not np.isfinite(spec.canary_vectors).all():
        return "canary_bytes holds numbers that are not finite"
    return None


def _fits(value: object, hint: object) -> bool:
    if hint in {tuple[int, ...], tuple[str, ...]}:
        item = int if hint == tuple[int, ...] else str
        return isinstance(value, tuple) and all(isinstance(one, item) and not isinstance(one, bool) for one in value)
    return isinstance(value, hint) and not isinstance(value, bool)  # type: ignore[arg-type]
