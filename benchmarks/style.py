"""The style channel through `offmap fit` and `offmap replay`: who tells another source, at what false alarms and price.

Beside it the first channel, in the same replay of the same texts.
"""

import json
import tempfile
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from threadpoolctl import threadpool_limits

from agent.embedding.runtime import OnnxEmbedder
from agent.profile import STYLE, read_profile
from benchmarks.baselines import told_apart
from benchmarks.clinc import seconds, split
from benchmarks.commands import offmap, write_lines
from benchmarks.embedded import read
from benchmarks.sources import CALIBRATED_ON, FITTED_ON, LEVEL
from benchmarks.table import Row
from detectors.style import StyleReference

ELSEWHERE = {"Dolly": "dolly", "Arena": "arena_prompts", "GSM8K": "gsm8k"}
ASKED = {"Arena": 0.95, "GSM8K": 0.97}
MOST = 2_000
LENGTHS = (12, 60)
TIMED = 256

Scored = dict[str, npt.NDArray[np.float64]]
"""The columns of a file of scores."""


def rows() -> Iterable[Row]:
    """Fit on Alpaca; replay held-out Alpaca, Dolly, Arena and GSM8K. Then CLINC150, whose new topics it barely sees."""
    with tempfile.TemporaryDirectory(prefix="offmap-style-") as name:
        folder, parts = Path(name), alpaca()
        train, calibration, fresh = (written(folder / f"{part}.jsonl", texts) for part, texts in parts.items())
        profile = folder / "alpaca.offmap"
        offmap("fit", train, "--calibration", calibration, "--style-channel", "--output", profile)
        known = replayed(fresh, profile)
        for source, file in ELSEWHERE.items():
            yield from told(source, known, replayed(written(folder / f"{file}.jsonl", drawn(file)), profile))
        yield false_alarms("calibrated on 2,100 others", known)
        crossed = folder / "crossed.offmap"
        offmap("fit", train, calibration, "--style-channel", "--output", crossed)
        yield false_alarms("by cross-fitting", replayed(fresh, crossed))
        yield from price(profile, parts["train"])
        yield from new_topics(folder)


def told(source: str, known: Scored, new: Scored) -> Iterable[Row]:
    """How well both channels tell prompts from elsewhere, and how many of them they count as off the map."""
    style, first = (told_apart(known[name], new[name])[0] for name in ("style_novelty", "novelty"))
    beside = f"the first channel {first:.3f}"
    yield Row(f"style channel, Alpaca → {source}: AUROC", style, at_least=ASKED.get(source), reference=beside)
    style, first = ((new[name] <= LEVEL).mean() for name in ("style_p_value", "p_value"))
    measure = f"style channel, Alpaca → {source}: share with p ≤ {LEVEL}"
    yield Row(measure, float(style), reference=f"the first channel {first:.3f}")


def false_alarms(how: str, known: Scored) -> Row:
    """Realised share at the level on held-out Alpaca; calibration and fresh texts together scatter by .007."""
    style, first = ((known[name] <= LEVEL).mean() for name in ("style_p_value", "p_value"))
    measure = f"style channel, held-out Alpaca: share with p ≤ {LEVEL}, {how}"
    return Row(measure, float(style), at_least=0.03, at_most=0.07, reference=f"the first channel {first:.3f}")


def price(profile: Path, texts: Sequence[str]) -> Iterable[Row]:
    """Measure what the channel adds to embedding on one thread, on and switched off, by the length of texts."""
    content = read_profile(profile)
    reference = StyleReference.from_arrays(content.references[STYLE])
    never = onnx.load_from_string(content.embedder_onnx)
    del never.graph.output[1]
    graphs = {"never": never.SerializeToString(), "off": content.embedder_onnx, "on": content.embedder_onnx}
    tried = {
        name: (OnnxEmbedder(graph, content.tokenizer, content.embedder_spec, threads=1), reducer)
        for (name, graph), reducer in zip(graphs.items(), (None, None, reference.of_chunk), strict=True)
    }
    words = " ".join(texts).split()
    for length in LENGTHS:
        chosen = [" ".join(words[i * length : (i + 1) * length]) for i in range(TIMED)]
        spent = dict.fromkeys(tried, np.inf)
        with threadpool_limits(1):
            for _ in range(5):
                for name, (embedder, reducer) in tried.items():
                    spent[name] = min(spent[name], seconds(partial(embedder.encode, chosen, 1, reducer)))
        never_, off, on = (each / TIMED * 1e6 for each in spent.values())
        beside = (
            f"embedding {off:,.0f} µs a text, {on - off:,.0f} µs more; by a graph that gives no states {never_:,.0f} µs"
        )
        measure = f"style channel, {reference.prototypes.n_cells:,} prototypes: price on {length} words, of embedding"
        yield Row(measure, 100 * (on / off - 1), unit="%", reference=beside)


def new_topics(folder: Path) -> Iterable[Row]:
    """Tell CLINC150's out-of-scope texts, which are written as the others are."""
    files, profile = split(folder), folder / "clinc.offmap"
    offmap("fit", files.train, "--calibration", files.val, "--style-channel", "--output", profile)
    found = replayed(files.test, profile)
    style, first = (
        told_apart(found[name][~files.strange], found[name][files.strange])[0] for name in ("style_novelty", "novelty")
    )
    yield Row("style channel, new topics of CLINC150: AUROC", style, reference=f"the first channel {first:.3f}")


def alpaca() -> dict[str, list[str]]:
    """Return Alpaca's prompts in the parts that `sources` uses too."""
    prompts = [row["prompt"] for row in read("alpaca_random9k")]
    shuffled = [prompts[i] for i in np.random.default_rng(0).permutation(len(prompts))]
    ends = FITTED_ON, FITTED_ON + CALIBRATED_ON
    return {"train": shuffled[: ends[0]], "calibration": shuffled[ends[0] : ends[1]], "fresh": shuffled[ends[1] :]}


def drawn(file: str) -> list[str]:
    """Return at most `MOST` prompts of a file, drawn at random."""
    prompts = [row["prompt"] for row in read(file)]
    return [prompts[i] for i in np.random.default_rng(0).permutation(len(prompts))[:MOST]]


def written(path: Path, texts: Sequence[str]) -> Path:
    """Write texts as prompts."""
    write_lines(path, ({"prompt": text} for text in texts))
    return path


def replayed(logs: Path, profile: Path) -> Scored:
    """Return what both channels say of each text that has something to embed."""
    scores = logs.with_suffix(".scores")
    offmap("replay", logs, "--profile", profile, "--scores", scores)
    lines: list[dict[str, Any]] = [json.loads(line) for line in scores.read_text(encoding="utf-8").splitlines()]
    scored = [row for row in lines if row["status"] == "scored"]
    return {
        name: np.array([row[name] for row in scored])
        for name in ("novelty", "p_value", "style_novelty", "style_p_value")
    }
