"""Where a model fails and whether its judge can be believed: on public answers, through `fit` and `replay`."""

import json
import random
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.exchange_watchers import make_exchange_watchers, make_settlement
from agent.intake import Item
from agent.join import JoinBuffer
from agent.model_families import ModelFamilies
from agent.profile import read_profile
from agent.records import Exchange
from agent.tally import Tally
from agent.watch import SideScores
from benchmarks.commands import offmap
from benchmarks.embedded import read
from benchmarks.table import Row, data_file
from config import load_settings
from detectors.failure_ratio import FEWEST_FAILURES, ratio_bounds
from detectors.loops import ends_in_loop
from detectors.refusals import HARD, NONE, refusal_level

STREAMS, LENGTH, FIRST, LOOKS, ALPHA = 900, 50_000, 300, 60, 0.05
UNCOVERED = 0.1
FAILING = (0.02, 0.05, 0.2)
NORMAL = ("alpaca_random9k", "dolly", "gsm8k", "humaneval_mbpp")
PLANTED, SAID = 2_000, (4, 20)
JUDGE = "gpt-4"
START = 1_700_000_000.0

Found = dict[str, float]


def rows() -> Iterable[Row]:
    """Bounds on streams without a difference; rules on texts; ratio and canaries through the commands; the price."""
    yield from null_streams()
    yield from loops()
    yield from refusals()
    with tempfile.TemporaryDirectory(prefix="offmap-outcomes-") as folder:
        profile = Path(folder, "alpaca.offmap")
        offmap("fit", data_file("alpaca_random9k.jsonl.gz"), "--output", profile)
        yield from through_replay(Path(folder), profile)
        yield price(profile)


def through_replay(folder: Path, profile: Path) -> Iterable[Row]:
    """Replay Arena's answers, AlpacaEval's and a constant answerer's, each with its judge's scores."""
    arena = [row for row in read("arena_bench_judged") if row["score"] is not None]
    found = replayed(folder, profile, "arena", [(row, float(row["score"])) for row in arena], "score<=4")
    beside = (
        f"{found['lower']:.2f} to {found['upper']:.2f}, {found['uncovered']:.0f} of {found['exchanges']:.0f} at p ≤ .2"
    )
    yield Row("Arena, judge ≤ 4: failures at p ≤ .2 over others, lower bound", found["lower"], 1.0, reference=beside)
    yield Row("the same, the ratio", found["ratio"], 1.37, 1.57, reference="measured before 1.47")
    yield pass_rate("Arena's judge", found, 0.01, 0.11)
    answers = [row for row in read("alpaca_eval") if row["model"] == "alpaca-7b"]
    scored = [(row, float(row["pref_vs_text_davinci_003"])) for row in answers]
    found = replayed(folder, profile, "alpaca-7b", scored, "score<=0.5")
    beside = f"{found['lower']:.2f} to {found['upper']:.2f}, ratio {found['ratio']:.2f}"
    yield Row("AlpacaEval, alpaca-7b: claims that p ≤ .2 fails more", found["brittle"], at_most=0, reference=beside)
    constant = [row for row in read("alpaca_eval") if row["model"] == "NullModel"]
    scored = [(row, float(row["pref_vs_gpt4_1106_preview"])) for row in constant]
    found = replayed(folder, profile, "null", scored, "score<=0.5")
    yield pass_rate("AlpacaEval's judge, NullModel", found, 0.79, 0.89)
    yield Row("the same, alarm", found["alarm"], at_least=1, at_most=1, reference="lower bound above ½")


def pass_rate(what: str, found: Found, low: float, high: float) -> Row:
    """Give the share of canaries that a judge passed."""
    beside = f"{found['canaries']:.0f} canaries, {found['pass_lower']:.2f} to {found['pass_upper']:.2f}"
    return Row(f"canary pass rate, {what}", found["pass"], at_least=low, at_most=high, reference=beside)


def replayed(folder: Path, profile: Path, name: str, scored: Sequence[tuple[Any, float]], rule: str) -> Found:
    """Replay exchanges, each followed by its judge's score; return what the metrics say of kind `judge`, p ≤ .2."""
    log, config, metrics = (folder / f"{name}.{kind}" for kind in ("jsonl", "yaml", "metrics"))
    log.write_text("".join(json.dumps(line) + "\n" for line in messages(scored)), encoding="utf-8")
    outcomes = {"failing_scores": [rule], "uncovered_level": 0.2}
    config.write_text(json.dumps({"outcomes": outcomes}), encoding="utf-8")
    offmap("replay", log, "--profile", profile, "--config", config, "--metrics", metrics)
    values = dict(samples(metrics.read_text(encoding="utf-8")))

    def value(metric: str, labels: str = "") -> float:
        return values.get((f"offmap_{metric}", labels), float("nan"))

    bands = {
        end: value("outcome_exchanges_total", f'band="{end}",kind="judge"') for end in ("0.01", "0.05", "0.2", "1")
    }
    canaries = (value("canary_verdicts_total", f'canary="any",outcome="{each}"') for each in ("passed", "failed"))
    return {
        "ratio": value("failure_ratio", 'kind="judge"'),
        "lower": value("failure_ratio_lower", 'kind="judge"'),
        "upper": value("failure_ratio_upper", 'kind="judge"'),
        "brittle": value("brittle", 'kind="judge"'),
        "exchanges": float(np.nansum(list(bands.values()))),
        "uncovered": float(np.nansum(list(bands.values())[:3])),
        "canaries": float(np.nansum(list(canaries))),
        "pass": value("canary_pass_rate"),
        "pass_lower": value("canary_pass_rate_lower"),
        "pass_upper": value("canary_pass_rate_upper"),
        "alarm": value("canary_alarm"),
    }


def messages(scored: Sequence[tuple[Any, float]]) -> Iterator[dict[str, Any]]:
    """Yield an exchange and its score, in turn."""
    for i, (row, score) in enumerate(scored):
        exchange = {"id": f"e{i}", "time": START + i, "model": row["model"]}
        yield exchange | {"prompt": row["prompt"], "response": row["response"]}
        body = {"name": "score", "value": score, "observationId": f"e{i}", "metadata": {"model": JUDGE}}
        yield {"type": "score-create", "timestamp": START + i + 0.5, "body": body}


def samples(text: str) -> Iterator[tuple[tuple[str, str], float]]:
    """Yield the samples of an exposition, by name and labels as they are written."""
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            metric, _, labels = name.removesuffix("}").partition("{")
            yield (metric, labels), float(value)


def null_streams() -> Iterable[Row]:
    """Give the share of streams whose interval ever misses a ratio of 1, and of Wald's beside it."""
    rng, looks = np.random.default_rng(0), np.geomspace(FIRST, LENGTH, LOOKS).astype(np.int64)
    rates = np.repeat(FAILING, STREAMS // len(FAILING))
    failed, n = np.zeros((2, STREAMS), dtype=np.int64), np.zeros((2, STREAMS), dtype=np.int64)
    missed, wald = np.zeros(STREAMS, dtype=np.bool_), np.zeros(STREAMS, dtype=np.bool_)
    for size in np.diff(looks, prepend=0):
        uncovered = rng.binomial(size, UNCOVERED, STREAMS)
        steps = np.stack([uncovered, size - uncovered])
        n += steps
        failed += rng.binomial(steps, rates)
        enough = failed[0] >= FEWEST_FAILURES
        lower, upper = ratio_bounds((failed[0], n[0]), (failed[1], n[1]), ALPHA)
        missed |= enough & ((lower > 1) | (upper < 1))
        wald |= (failed > 0).all(axis=0) & wald_misses(failed, n)
    beside = f"Wald {wald.mean():.0%}, with α = {ALPHA}"
    measure = f"ratio bounds missed in {STREAMS} null streams of {LENGTH:,}, {LOOKS} looks"
    yield Row(measure, 100 * missed.mean(), at_most=1, unit="%", reference=beside)


def wald_misses(failed: npt.NDArray[np.int64], n: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether Wald's interval of the logarithm of the ratio leaves 0 out."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log((failed[0] / n[0]) / (failed[1] / n[1]))
        spread = np.sqrt((1 / failed - 1 / n).sum(axis=0))
        found: npt.NDArray[np.bool_] = np.abs(ratio) > 1.96 * spread
    return found


def loops() -> Iterable[Row]:
    """Plant phrases and sentences, said over and over, behind public answers; look for loops in those themselves."""
    normal = [row["response"] for name in NORMAL for row in read(name)]
    draw = random.Random(0)
    texts = [text for text in normal if len(text.split()) > 30]
    for what, words in (("phrases of 4–10 words", (4, 10)), ("sentences of 11–30", (11, 30))):
        caught = 0
        for _ in range(PLANTED):
            text, source = draw.choice(texts), draw.choice(texts).split()
            start, length = draw.randrange(len(source) - 5), draw.randint(*words)
            piece = " ".join(source[start : start + length]) + " "
            whole = text + " " + piece * draw.randint(*SAID)
            caught += ends_in_loop(whole[: len(whole) - draw.randrange(len(piece))])
        said = f"said {SAID[0]}–{SAID[1]} times, cut anywhere"
        yield Row(f"planted {what}: loops caught", 100 * caught / PLANTED, at_least=90, unit="%", reference=said)
    false = sum(map(ends_in_loop, normal))
    beside = f"{false} of {len(normal):,}"
    yield Row("loops found in public answers", 100 * false / len(normal), at_most=0.02, unit="%", reference=beside)


def refusals() -> Iterable[Row]:
    """Compare with XSTest's human labels, partial refusals among refusals; and look at ordinary answers."""
    labelled = [row for row in read("xstest") if row.get("response")]
    truth = np.array([row["label"] != "1_full_compliance" for row in labelled])
    level = np.array([refusal_level(row["response"]) for row in labelled])
    precision, recall = score(truth, level > NONE)
    hard = "hard alone {:.3f} / {:.3f}".format(*score(truth, level == HARD))
    yield Row("XSTest refusals, hard and soft: precision", precision, at_least=0.97, reference=hard)
    yield Row("the same: recall", recall, at_least=0.84)
    levels = np.array([refusal_level(row["response"]) for name in NORMAL for row in read(name)])
    beside = f"soft {100 * (levels == 1).mean():.3f} %"
    yield Row(
        "hard refusals found in public answers", 100 * (levels == HARD).mean(), at_most=0.06, unit="%", reference=beside
    )


def score(truth: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Precision and recall."""
    both = (truth & found).sum()
    return float(both / found.sum()), float(both / truth.sum())


def price(profile: Path) -> Row:
    """Measure what a whole exchange costs apart from embedding, all its watchers included: the median of batches."""
    settings, content = load_settings(None, {"profile": {"path": str(profile)}}), read_profile(profile)
    families = ModelFamilies(settings.outcomes.families)
    settlement = make_settlement(settings, content, families)
    watchers, tally = make_exchange_watchers(settings, content), Tally()
    texts, rng = read("arena_bench_judged")[:4_096], np.random.default_rng(0)
    buffer, spent = JoinBuffer(10_000, 3_600.0, families), list[float]()
    for start in range(0, len(texts), 512):
        part = [
            Exchange(id=f"{start + i}", prompt=row["prompt"], response=row["response"], model=row["model"])
            for i, row in enumerate(texts[start : start + 512])
        ]
        visits = [buffer.visit(Item(str(one.id), START, one, "kept", START)) for one in part]
        scored = {side: drawn(rng, len(part), content.embedder_spec.dim) for side in ("prompt", "response")}
        began = time.process_time()
        known = settlement.settle(visits, scored)
        for watcher in watchers.values():
            watcher.update(known, tally)
        spent.append((time.process_time() - began) / len(part))
    beside = f"{len(texts)} answers of {np.mean([len(row['response']) for row in texts]):,.0f} characters"
    return Row(
        "price of an exchange, embedding excluded",
        float(np.median(spent)) * 1e6,
        at_most=150,
        unit="µs",
        reference=beside,
    )


def drawn(rng: np.random.Generator, n: int, dim: int) -> SideScores:
    """Draw scores and unit vectors."""
    vectors = rng.normal(size=(n, dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cells = rng.integers(64, size=n).astype(np.int32)
    return SideScores(rng.normal(size=n), rng.uniform(size=n), cells, vectors.astype(np.float16))
