"""What an answer's text alone tells, through `replay`: loops and refusals, by the counters that it exports.

Vectors play no part in either, so no text is embedded: one vector stands for all. Each exchange is a session of its own
and counts.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agent.embedding.spec import EmbedderSpec
from agent.profile import read_profile
from benchmarks.commands import Series, replay
from benchmarks.embedded import read
from benchmarks.exchanges import write_log
from benchmarks.table import Row
from benchmarks.text_store import Embedded, TextStore

NORMAL = ("alpaca_random9k", "dolly", "gsm8k", "humaneval_mbpp")
PLANTED, SAID = 2_000, (4, 20)


class Told(NamedTuple):
    """How many of n answers loop, refuse, and refuse softly."""

    n: int
    loops: int
    hard: int
    soft: int


def text_rows(folder: Path, profile: Path, store: TextStore) -> Iterable[Row]:
    """Plant loops behind public answers; look for them in those themselves; compare refusals with human labels."""
    replayed = Replayed(folder, profile, store)
    normal = [row["response"] for name in NORMAL for row in read(name)]
    for what, words in (("phrases of 4–10 words", (4, 10)), ("sentences of 11–30", (11, 30))):
        told = replayed.told(list(planted(normal, words)))
        said = f"said {SAID[0]}–{SAID[1]} times, cut anywhere"
        yield Row(f"planted {what}: loops caught", 100 * told.loops / told.n, at_least=90, unit="%", reference=said)
    told = replayed.told(normal)
    beside = f"{told.loops} of {told.n:,}"
    yield Row("loops found in public answers", 100 * told.loops / told.n, at_most=0.02, unit="%", reference=beside)
    yield from refusals(replayed)
    beside = f"soft {100 * told.soft / told.n:.3f} %"
    measure = "hard refusals found in public answers"
    yield Row(measure, 100 * told.hard / told.n, at_most=0.06, unit="%", reference=beside)


class Replayed:
    """Replays answers, none of them embedded.

    Parameters
    ----------
    folder, profile : Path
    store : TextStore
    """

    def __init__(self, folder: Path, profile: Path, store: TextStore) -> None:
        self._folder, self._profile, self._store = folder, profile, store
        self._one = any_text(read_profile(profile).embedder_spec)

    def told(self, answers: Sequence[str]) -> Told:
        """Replay answers to made-up prompts.

        Raises
        ------
        LookupError
            If not all of them count.
        """
        prompts = [f"Question {i}" for i in range(len(answers))]
        self._store.stand_ins.update(dict.fromkeys([*prompts, *answers], self._one))
        bodies = (
            {"model": "any", "sessionId": asked, "input": asked, "output": given}
            for asked, given in zip(prompts, answers, strict=True)
        )
        found = replay(write_log(self._folder / "texts.jsonl", bodies), self._profile)
        self._store.stand_ins.clear()
        if (n := counted(found, "outcome_exchanges_total", "any")) != len(answers):
            raise LookupError(f"{n} of {len(answers)} answers counted")
        return Told(n, *(counted(found, "outcomes_total", kind) for kind in ("loop", "refused", "refused_softly")))


def any_text(spec: EmbedderSpec) -> Embedded:
    """Return a vector to stand for any text."""
    layers = np.full((1, spec.n_layers, spec.dim), spec.dim**-0.5, dtype=np.float32)
    return Embedded(layers, np.array([24], dtype=np.int32), truncated=False)


def counted(series: Series, name: str, kind: str) -> int:
    """Add up the bands of one of the counters."""
    return int(
        sum(value for (metric, labels), value in series.items() if metric == name and f'kind="{kind}"' in labels)
    )


def planted(normal: list[str], words: tuple[int, int]) -> Iterator[str]:
    """Yield public answers behind which a piece of another one is said over and over."""
    draw = random.Random(words[0])
    texts = [text for text in normal if len(text.split()) > 30]
    for _ in range(PLANTED):
        text, source = draw.choice(texts), draw.choice(texts).split()
        start, length = draw.randrange(len(source) - 5), draw.randint(*words)
        piece = " ".join(source[start : start + length]) + " "
        whole = text + " " + piece * draw.randint(*SAID)
        yield whole[: len(whole) - draw.randrange(len(piece))]


def refusals(replayed: Replayed) -> Iterable[Row]:
    """Compare with XSTest's human labels, partial refusals among refusals."""
    labelled = [row for row in read("xstest") if row.get("response")]
    parts = [[row["response"] for row in labelled if (row["label"] == "1_full_compliance") == full] for full in (0, 1)]
    refused, complied = map(replayed.told, parts)
    precision = (refused.hard + refused.soft) / (refused.hard + refused.soft + complied.hard + complied.soft)
    hard = f"hard alone {refused.hard / (refused.hard + complied.hard):.3f} / {refused.hard / refused.n:.3f}"
    yield Row("XSTest refusals, hard and soft: precision", precision, at_least=0.97, reference=hard)
    yield Row("the same: recall", (refused.hard + refused.soft) / refused.n, at_least=0.84)
