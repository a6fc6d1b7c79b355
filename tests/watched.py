"""A profile with everything in it that a fit can find, and traffic in which everything happens; without torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.baseline import record_baseline
from agent.fitting.fit import fit_profile
from agent.fitting.options import FitOptions, Silent
from agent.fitting.rows import RowFields
from config import load_settings
from tests.fitting import use_letters
from tests.small import ODD, sentences

START = 1_750_000_000.0
STEP = 150.0
"""Seconds of event time between exchanges: some hundred of them take a day."""

LOOP = "It is done. " + "I would say that again and again. " * 20


def answered(n: int, seed: int) -> list[str]:
    """n random answers that end as a sentence does."""
    return [f"{text}, and so it is done." for text in sentences(n, seed)]


def profile(folder: Path) -> Path:
    """Fit it on 1,500 pairs of random words, and accept 1,500 prompts of the same kind, ten minutes apart."""
    prompts, answers = sentences(1_500, 70), answered(1_500, 71)
    accepted = [{"time": START - 600 * i, "prompt": text} for i, text in enumerate(sentences(1_500, 72))]
    pairs = [
        {"prompt": prompt, "response": answer, "made": i % 3 == 0}
        for i, (prompt, answer) in enumerate(zip(prompts, answers, strict=True))
    ]
    fitted, output = folder / "fitted.offmap", folder / "watched.offmap"
    options = FitOptions(
        train=(_jsonl(folder / "train.jsonl", pairs),),
        output=fitted,
        model="letters",
        fields=RowFields(synthetic="made"),
        threads=1,
        mix_run_length=2_000,
    )
    with pytest.MonkeyPatch.context() as patch:
        use_letters(patch)
        fit_profile(options, Silent())
    settings = load_settings(None, {"profile": {"path": str(fitted)}, "embedding": {"threads": 1}})
    record_baseline(settings, [_jsonl(folder / "accepted.jsonl", accepted)], output)
    return output


def traffic(first: int, n: int, odd: float) -> list[bytes]:
    """Make n exchanges, a share `odd` of them about something new.

    Of these every other answer is a loop, which two judges pass. Every tenth exchange comes in two halves; every 25th
    answer is cut off.
    """
    known, strange, answers = sentences(n, first + 1), sentences(n, first + 2, ODD), answered(n, first + 3)
    made: list[dict[str, Any]] = []
    for i in range(n):
        new = (i * 7) % 100 < 100 * odd
        looped = new and i % 2 == 0
        answer = LOOP if looped else answers[i]
        made += _exchange(first + i, strange[i] if new else known[i], answer)
        made += _verdicts(first + i) if looped or i % 5 == 0 else []
    return [json.dumps(one).encode() for one in made]


def _exchange(i: int, prompt: str, answer: str) -> Iterator[dict[str, Any]]:
    model = "big" if i % 3 else "small"
    head = {"id": f"m{i}", "time": START + STEP * i, "trace_id": f"{i:032x}"}
    request = {"model": model, "messages": [{"role": "user", "content": prompt}]}
    choice = {"message": {"content": answer}, "finish_reason": "stop" if i % 25 else "length"}
    response = {"model": model, "choices": [choice]}
    if i % 10:
        yield head | {"request": request, "response": response}
    else:
        yield head | {"request": request}
        yield head | {"response": response}


def _verdicts(i: int) -> Iterator[dict[str, Any]]:
    for judge in ("gpt-4", "claude-3"):
        body = {"name": "quality", "value": "good", "observationId": f"m{i}", "metadata": {"model": judge}}
        yield {"type": "score-create", "timestamp": START + STEP * i, "body": body}


def _jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
