"""Where a model fails and whether its judge can be believed: on public answers, through `fit` and `replay`."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.commands import Series, offmap, remembered, replay
from benchmarks.embedded import read
from benchmarks.exchanges import Verdict, write_log
from benchmarks.outcome_bounds import null_streams
from benchmarks.outcome_price import price
from benchmarks.outcome_texts import text_rows
from benchmarks.table import Row, data_file

JUDGE = "gpt-4"
BANDS = ("0.01", "0.05", "0.2", "1")

Judged = Sequence[tuple[dict[str, Any], float]]


def rows() -> Iterable[Row]:
    """Bounds on streams without a difference; rules on texts; ratio and canaries through the commands; the price."""
    yield from null_streams()
    with tempfile.TemporaryDirectory(prefix="offmap-outcomes-") as name, remembered() as store:
        folder, profile = Path(name), Path(name, "alpaca.offmap")
        offmap("fit", data_file("alpaca_random9k.jsonl.gz"), "--output", profile)
        yield from text_rows(folder, profile, store)
        yield from arena(folder, profile)
        yield from alpaca_eval(folder, profile)
        yield price(profile)


def arena(folder: Path, profile: Path) -> Iterable[Row]:
    """Replay Arena's answers, each with its judge's score from 1 to 10."""
    judged = [(row, float(row["score"])) for row in read("arena_bench_judged") if row["score"] is not None]
    found = judged_series(folder, profile, judged, "score<=4")
    n = [found.get(("outcome_exchanges_total", f'band="{end}",kind="judge"'), 0) for end in BANDS]
    lower, upper, ratio = (value(found, f"failure_ratio{end}", 'kind="judge"') for end in ("_lower", "_upper", ""))
    beside = f"{lower:.2f} to {upper:.2f}, {sum(n[:3]):.0f} of {sum(n):.0f} at p ≤ .2"
    yield Row("Arena, judge ≤ 4: failures at p ≤ .2 over others, lower bound", lower, 1.0, reference=beside)
    yield Row("the same, the ratio", ratio, 1.37, 1.57, reference="measured before 1.47")
    yield pass_rate("Arena's judge", found, 0.01, 0.11)


def alpaca_eval(folder: Path, profile: Path) -> Iterable[Row]:
    """Replay AlpacaEval's answers of Alpaca, then a constant answerer's, each with its judge's preference."""
    answers = [row for row in read("alpaca_eval") if row["model"] == "alpaca-7b"]
    judged = [(row, float(row["pref_vs_text_davinci_003"])) for row in answers]
    found = judged_series(folder, profile, judged, "score<=0.5")
    lower, upper, ratio = (value(found, f"failure_ratio{end}", 'kind="judge"') for end in ("_lower", "_upper", ""))
    beside, claim = f"{lower:.2f} to {upper:.2f}, ratio {ratio:.2f}", value(found, "brittle", 'kind="judge"')
    yield Row("AlpacaEval, alpaca-7b: claims that p ≤ .2 fails more", claim, at_most=0, reference=beside)
    constant = [row for row in read("alpaca_eval") if row["model"] == "NullModel"]
    judged = [(row, float(row["pref_vs_gpt4_1106_preview"])) for row in constant]
    found = judged_series(folder, profile, judged, "score<=0.5")
    yield pass_rate("AlpacaEval's judge, NullModel", found, 0.79, 0.89)
    alarm = value(found, "canary_alarm")
    yield Row("the same, alarm", alarm, at_least=1, at_most=1, reference="lower bound above ½")
    told, n = value(found, "answer_signs_total", 'sign="recycled"'), value(found, "compared_answers_total")
    others = max(1.0, n - 1)  # the first one came before no other
    yield Row(
        "NullModel, one answer for all: recycled", told / others, at_least=0.995, reference=f"{told:.0f} of {n:.0f}"
    )


def judged_series(folder: Path, profile: Path, judged: Judged, rule: str) -> Series:
    """Replay exchanges, each with its judge's score; a failure by this rule, uncovered at p ≤ .2."""
    bodies = ({"model": row["model"], "input": row["prompt"], "output": row["response"]} for row, _ in judged)
    log = write_log(folder / "judged.jsonl", bodies, ((Verdict("score", score, JUDGE),) for _, score in judged))
    return replay(log, profile, {"outcomes": {"failing_scores": [rule], "uncovered_level": 0.2}})


def pass_rate(what: str, found: Series, low: float, high: float) -> Row:
    """Give the share of canaries that a judge passed."""
    n = sum(found.get(("canary_verdicts_total", f'canary="any",outcome="{each}"'), 0) for each in ("passed", "failed"))
    bounds = (value(found, f"canary_pass_rate_{end}") for end in ("lower", "upper"))
    beside = f"{n:.0f} canaries, {' to '.join(f'{bound:.2f}' for bound in bounds)}"
    return Row(f"canary pass rate, {what}", value(found, "canary_pass_rate"), low, high, reference=beside)


def value(found: Series, metric: str, labels: str = "") -> float:
    """Return a sample; NaN where there is none."""
    return found.get((metric, labels), float("nan"))
