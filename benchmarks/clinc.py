"""CLINC150 through `offmap fit` and `offmap replay`: how well new topics are told, how often known ones are.

One seed, or the mean of as many as `OFFMAP_BENCH_SEEDS` says: five take some quarter of an hour.
"""

import gzip
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from agent.embedding.runtime import OnnxEmbedder
from agent.profile import read_profile
from benchmarks.baselines import MEASURES, in_words, strangeness, told_apart
from benchmarks.commands import offmap, remembered, write_lines
from benchmarks.embedded import clinc
from benchmarks.table import Row, data_file
from detectors.reference import Reference

Floats = npt.NDArray[np.float64]

WORDS = 12
TIMED = 512
LEVELS = ((0.05, 0.04, 0.06, ".064"), (0.01, 0.007, 0.013, ".015"))
"""Level, the bounds of the share at it, and what a plain random split gives."""

VARIANTS: dict[str, tuple[tuple[str, ...], tuple[float, float, float]]] = {
    "the mix": ((), (0.978, 0.928, 0.10)),
    "with the local term": (("--local-term",), (0.980, 0.934, 0.095)),
    "with labels and the local term": (("--local-term", "--label-field", "label"), (0.984, 0.944, 0.075)),
}
"""What `offmap fit` is given, and what AUROC, AUPR and the false positives at 95 % true ones must reach."""

ENSEMBLE = (".973", ".910", "–")
"""By measure, as published."""

CROSSED = 1
"""Seeds for cross-fitting: it fits six times, and its false alarms hardly depend on the seed."""


class Files(NamedTuple):
    """The parts of CLINC150 as files of prompts with their labels; which test texts are out of scope."""

    train: Path
    val: Path
    test: Path
    strange: npt.NDArray[np.bool_]


class Replayed(NamedTuple):
    """Novelty and p-value of each test text."""

    novelty: Floats
    p_values: Floats


def rows() -> Iterable[Row]:
    """Fit on the training texts, calibrated on the validation texts and by cross-fitting; replay the test texts."""
    seeds = range(int(os.environ.get("OFFMAP_BENCH_SEEDS") or 1))
    with tempfile.TemporaryDirectory(prefix="offmap-clinc-") as folder, remembered():
        files, profile = split(Path(folder)), Path(folder, "clinc.offmap")
        others = baselines()
        for what, (options, bounds) in VARIANTS.items():
            found = [replayed(files, profile, seed, "--calibration", files.val, *options) for seed in seeds]
            yield from accuracy(what, files.strange, found, bounds, others)
            yield from false_alarms(f"{what}, calibrated on validation", files.strange, found)
        crossed = [replayed(files, profile, seed) for seed in seeds[:CROSSED]]
        yield from false_alarms("the mix, by cross-fitting", files.strange, crossed)
        yield price(files, profile)


def baselines() -> list[str]:
    """Write what others reach by each measure: on the same embeddings, and an ensemble trained with labels."""
    data = clinc()
    found = strangeness(data.train.vectors, np.concatenate([data.test.vectors, data.strange.vectors]))
    n = len(data.test.owner)
    reached = {name: told_apart(strange[:n], strange[n:]) for name, strange in found.items()}
    words = [in_words({name: values[k] for name, values in reached.items()}) for k in range(len(MEASURES))]
    return [f"SNGP ensemble trained with labels {ENSEMBLE[k]}, {words[k]}" for k in range(len(MEASURES))]


def accuracy(
    what: str,
    strange: npt.NDArray[np.bool_],
    found: list[Replayed],
    bounds: tuple[float, float, float],
    others: list[str],
) -> Iterable[Row]:
    """Tell out-of-scope from in-scope test texts by their score; out-of-scope counts as positive."""
    reached = np.array([told_apart(each.novelty[~strange], each.novelty[strange]) for each in found])
    for k, measure in enumerate(MEASURES):
        low, high = (None, bounds[k]) if k == 2 else (bounds[k], None)
        reference = f"{others[k]}; {_spread(reached[:, k])}"
        yield Row(f"CLINC150, {what}: {measure}", float(reached[:, k].mean()), low, high, reference=reference)


def false_alarms(how: str, strange: npt.NDArray[np.bool_], found: list[Replayed]) -> Iterable[Row]:
    """Give the share of in-scope texts at or below each level, and for information that of the out-of-scope ones."""
    for level, low, high, plain in LEVELS:
        shares = np.array([(each.p_values[~strange] <= level).mean() for each in found])
        reference = f"{level}; a plain random split {plain}; {_spread(shares)}"
        yield Row(f"in-scope texts with p ≤ {level}, {how}", float(shares.mean()), low, high, reference=reference)
    shares = np.array([(each.p_values[strange] <= LEVELS[0][0]).mean() for each in found])
    measure = f"out-of-scope texts with p ≤ {LEVELS[0][0]}, {how}"
    yield Row(measure, float(shares.mean()), reference=_spread(shares))


def price(files: Files, profile: Path) -> Row:
    """Measure what scoring in blocks adds to embedding, on texts of twelve words and one thread."""
    content = read_profile(profile)
    embedder = OnnxEmbedder(content.embedder_onnx, content.tokenizer, content.embedder_spec, threads=1)
    reference = Reference.from_arrays(content.references["prompt"])
    texts = [json.loads(line)["prompt"] for line in files.test.read_text(encoding="utf-8").splitlines()]
    chosen = [" ".join(text.split()[:WORDS]) for text in texts if len(text.split()) >= WORDS][:TIMED]
    encoded = embedder.encode(chosen, 1)
    with threadpool_limits(1):
        embedding = min(seconds(lambda k=k: embedder.encode([f"{text} {k}" for text in chosen], 1)) for k in range(3))
        scoring = min(seconds(lambda: reference.score(encoded.layers, encoded.owner, len(chosen))) for _ in range(10))
    n = len(chosen)
    beside = f"embedding {embedding / n * 1e6:,.0f} µs a text, scoring {scoring / n * 1e6:,.0f} µs"
    measure = f"scoring against {reference.n_cells} prototypes a seed and layer, of embedding {WORDS} words"
    return Row(measure, 100 * scoring / embedding, at_most=10, unit="%", reference=beside)


def seconds(work: Any) -> float:
    """Return the processor time that a call takes: this is about one core, however busy the machine is."""
    started = time.process_time()
    work()
    return time.process_time() - started


def split(folder: Path) -> Files:
    """Write each part as prompts with labels; out-of-scope ones in the test part only."""
    texts = list(read_clinc())
    paths = [write(folder / f"{name}.jsonl", texts, name) for name in ("train", "val", "test")]
    return Files(*paths, np.array([row["is_oos"] for row in texts if row["split"] == "test"]))


def read_clinc() -> Iterator[dict[str, Any]]:
    """Yield the rows that count."""
    with gzip.open(data_file("clinc150.jsonl.gz"), "rt", encoding="utf-8") as file:
        yield from (row for row in map(json.loads, file) if row["split"] == "test" or not row["is_oos"])


def write(path: Path, texts: list[dict[str, Any]], name: str) -> Path:
    """Write the texts of one part; `offmap fit` looks at the labels only where it is told to."""
    found = (row for row in texts if row["split"] == name)
    return write_lines(path, ({"prompt": row["text"], "label": row["label"]} for row in found))


def replayed(files: Files, profile: Path, seed: int, *options: str | Path) -> Replayed:
    """Fit a profile, replay the test texts."""
    scores = profile.with_suffix(".jsonl")
    offmap("fit", files.train, "--output", profile, "--seed", seed, *options)
    offmap("replay", files.test, "--profile", profile, "--scores", scores)
    found = [json.loads(line) for line in scores.read_text(encoding="utf-8").splitlines()]
    return Replayed(*(np.array([row[name] for row in found]) for name in ("novelty", "p_value")))


def _spread(values: Floats) -> str:
    return f"{len(values)} seeds, {values.min():.4f} to {values.max():.4f}" if len(values) > 1 else "one seed"
