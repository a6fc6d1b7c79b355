"""How large a profile is beside the training data it stands for, embedder and kept examples not counted."""

import gzip
import json
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.fitting.fit import fit_profile
from agent.fitting.options import FitOptions
from agent.profile import read_profile, write_profile
from agent.profile_members import EMBEDDER, EXAMPLES, TOKENIZER
from benchmarks.table import Row, data_file
from detectors.fit_reference import fit_reference

MODEL = "all-MiniLM-L6-v2"
MANY = 1_000_000
TOPICS = 5_000
BLOCK = 50_000
LAYERS, DIM = 3, 384


def rows() -> Iterable[Row]:
    """Measure the profile of CLINC150's training texts, then that of a million made-up vectors."""
    with tempfile.TemporaryDirectory(prefix="offmap-size-") as folder:
        clinc, many = Path(folder) / "clinc.offmap", Path(folder) / "many.offmap"
        texts = Path(folder) / "clinc.jsonl"
        texts.write_text("".join(clinc_rows()), encoding="utf-8")
        fit_profile(FitOptions((texts,), clinc, MODEL))
        reference = f"training text {texts.stat().st_size / 1e6:.1f} MB"
        yield Row("profile of CLINC150, 15,000 texts", megabytes(clinc), at_most=4, unit="MB", reference=reference)
        fitted = fit_reference(million(Path(folder) / "vectors"))
        write_profile(many, replace(read_profile(clinc), references={"prompt": fitted.reference.to_arrays()}))
        reference = "its fp32 vectors 1,536 MB"
        yield Row(f"profile of {MANY:,} given vectors", megabytes(many), at_most=32, unit="MB", reference=reference)


class Vectors(NamedTuple):
    """Embedded texts of one chunk each."""

    layers: npt.NDArray[np.float16]
    tokens: npt.NDArray[np.int32]
    owner: npt.NDArray[np.int32]


def million(path: Path) -> Vectors:
    """Make unit vectors around many topics of unequal size, the inner layers noisy images of the last, on disk."""
    rng = np.random.default_rng(0)
    topics = rng.standard_normal((TOPICS, DIM), dtype=np.float32)
    shares = rng.dirichlet(np.full(TOPICS, 0.5))
    turns = [rng.standard_normal((DIM, DIM), dtype=np.float32) / np.sqrt(DIM) for _ in range(LAYERS - 1)]
    layers = np.memmap(path, dtype=np.float16, mode="w+", shape=(MANY, LAYERS, DIM))
    for start in range(0, MANY, BLOCK):
        last = topics[rng.choice(TOPICS, BLOCK, p=shares)] + _noise(rng)
        found = [last @ turn + _noise(rng) for turn in turns] + [last]
        stacked = np.stack(found, axis=1)
        layers[start : start + BLOCK] = stacked / np.linalg.norm(stacked, axis=2, keepdims=True)
    return Vectors(layers, rng.integers(4, 60, MANY, dtype=np.int32), np.arange(MANY, dtype=np.int32))


def clinc_rows() -> Iterator[str]:
    """Yield CLINC150's in-scope training texts as JSON lines, without their labels."""
    with gzip.open(data_file("clinc150.jsonl.gz"), "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row["split"] == "train" and not row["is_oos"]:
                yield json.dumps({"text": row["text"]}) + "\n"


def megabytes(profile: Path) -> float:
    """Return the size of a profile in its file, without the embedder and kept examples."""
    left_out = {EMBEDDER, TOKENIZER, EXAMPLES}
    with zipfile.ZipFile(profile) as archive:
        return sum(member.compress_size for member in archive.infolist() if member.filename not in left_out) / 1e6


def _noise(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    return rng.standard_normal((BLOCK, DIM), dtype=np.float32)
