"""CLINC150 through `offmap fit` and `offmap replay`: how well new topics are told, how often known ones are."""

import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score
from threadpoolctl import threadpool_limits

from agent.embedding.runtime import OnnxEmbedder
from agent.profile import read_profile
from benchmarks.table import Row, data_file
from detectors.reference import Reference

OFFMAP = str(Path(sys.executable).with_name("offmap"))
WORDS = 12
TIMED = 512
LEVELS = ((0.05, 0.04, 0.06, ".064"), (0.01, 0.007, 0.013, ".015"))
"""Level, the bounds of the share at it, and what a plain random split gives."""


def rows() -> Iterable[Row]:
    """Fit on the training texts, calibrated on the validation texts and by cross-fitting; replay the test texts."""
    texts = list(read_clinc())
    with tempfile.TemporaryDirectory(prefix="offmap-clinc-") as folder:
        split = {name: write(Path(folder, f"{name}.jsonl"), texts, name) for name in ("train", "val", "test")}
        held_out, crossed = Path(folder, "held-out.offmap"), Path(folder, "crossed.offmap")
        run("fit", split["train"], "--calibration", split["val"], "--output", held_out)
        strange = np.array([row["is_oos"] for row in texts if row["split"] == "test"])
        novelty, p_values = replay(split["test"], held_out)
        yield from accuracy(strange, novelty)
        yield from false_alarms("calibrated on validation", strange, p_values)
        run("fit", split["train"], "--output", crossed)
        yield from false_alarms("by cross-fitting", strange, replay(split["test"], crossed)[1])
        yield price([row["text"] for row in texts], held_out)


def accuracy(strange: npt.NDArray[np.bool_], novelty: npt.NDArray[np.float64]) -> Iterable[Row]:
    """Tell out-of-scope from in-scope test texts by their score; out-of-scope counts as positive."""
    threshold = np.quantile(novelty[strange], 0.05)
    ensemble, nearest = "SNGP ensemble trained with labels", "nearest neighbour"
    auroc, precision = roc_auc_score(strange, novelty), average_precision_score(strange, novelty)
    false_positives = float((novelty[~strange] >= threshold).mean())
    yield Row("CLINC150 AUROC", auroc, at_least=0.976, reference=f"{ensemble} .973, {nearest} .9625")
    yield Row("CLINC150 AUPR", precision, at_least=0.92, reference=f"{ensemble} .910")
    yield Row("CLINC150 FPR at 95 % TPR", false_positives, at_most=0.105, reference="10 nearest neighbours .163")


def false_alarms(how: str, strange: npt.NDArray[np.bool_], p_values: npt.NDArray[np.float64]) -> Iterable[Row]:
    """Give the share of in-scope texts at or below each level, and for information that of the out-of-scope ones."""
    for level, low, high, plain in LEVELS:
        measure, reference = f"in-scope texts with p ≤ {level}, {how}", f"{level}; a plain random split {plain}"
        share = float((p_values[~strange] <= level).mean())
        yield Row(measure, share, at_least=low, at_most=high, reference=reference)
    power = float((p_values[strange] <= LEVELS[0][0]).mean())
    yield Row(f"out-of-scope texts with p ≤ {LEVELS[0][0]}, {how}", power)


def price(texts: list[str], profile: Path) -> Row:
    """Measure what scoring in blocks adds to embedding, on texts of twelve words and one thread."""
    content = read_profile(profile)
    embedder = OnnxEmbedder(content.embedder_onnx, content.tokenizer, content.embedder_spec, threads=1)
    reference = Reference.from_arrays(content.references["prompt"])
    chosen = [" ".join(text.split()[:WORDS]) for text in texts if len(text.split()) >= WORDS][:TIMED]
    encoded = embedder.encode(chosen, 1)
    with threadpool_limits(1):
        embedding = min(seconds(lambda: embedder.encode(chosen, 1)) for _ in range(3))
        scoring = min(seconds(lambda: reference.score(encoded.layers, encoded.owner, TIMED)) for _ in range(10))
    beside = f"embedding {embedding / TIMED * 1e6:,.0f} µs a text, scoring {scoring / TIMED * 1e6:,.0f} µs"
    measure = f"scoring against {reference.n_cells} prototypes a seed and layer, of embedding {WORDS} words"
    return Row(measure, 100 * scoring / embedding, at_most=10, unit="%", reference=beside)


def seconds(work: Any) -> float:
    """Return the processor time that a call takes: this is about one core, however busy the machine is."""
    started = time.process_time()
    work()
    return time.process_time() - started


def read_clinc() -> Iterator[dict[str, Any]]:
    """Yield the rows that count: out-of-scope ones in the test part only."""
    with gzip.open(data_file("clinc150.jsonl.gz"), "rt", encoding="utf-8") as file:
        yield from (row for row in map(json.loads, file) if row["split"] == "test" or not row["is_oos"])


def write(path: Path, texts: list[dict[str, Any]], split: str) -> Path:
    """Write the texts of one part as prompts, without their labels."""
    lines = (json.dumps({"prompt": row["text"]}) + "\n" for row in texts if row["split"] == split)
    path.write_text("".join(lines), encoding="utf-8")
    return path


def replay(logs: Path, profile: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return novelty and p-value of each text."""
    scores = profile.with_suffix(".jsonl")
    run("replay", logs, "--profile", profile, "--scores", scores)
    found = [json.loads(line) for line in scores.read_text(encoding="utf-8").splitlines()]
    return np.array([row["novelty"] for row in found]), np.array([row["p_value"] for row in found])


def run(*arguments: str | Path) -> None:
    """Run `offmap`."""
    subprocess.run([OFFMAP, *map(str, arguments)], check=True, capture_output=True)
