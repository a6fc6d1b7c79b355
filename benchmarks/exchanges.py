"""Exchanges of public data with what they embed to, written as logs; and answers that are mixed of others."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.embedding.runtime import OnnxEmbedder
from agent.profile import Profile
from benchmarks.commands import write_lines
from benchmarks.text_store import Embedded, TextStore, apart

START = 1_700_000_000.0
JUDGE, JUDGE_FAILS, PEOPLE_FAIL = "gpt-4", 0.7, 0.1
CHUNKS = {"prompt": 6, "response": 2}

Words = npt.NDArray[np.object_]
Rows = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]

_numbers = count()


class Verdict(NamedTuple):
    """A score by its name; `judge` is the model that gave it, None for people."""

    name: str
    value: float
    judge: str | None = None


class Exchanges(NamedTuple):
    """n exchanges: texts (n,), unit vectors of the prompts (n, d), and of the answers in all layers (n, L, d)."""

    prompts: Words
    responses: Words
    asked: Rows
    given: Rows

    @classmethod
    def of(cls, texts: list[tuple[str, str]], profile: Profile) -> "Exchanges":
        """Embed texts as the profile does."""
        embedder = OnnxEmbedder(profile.embedder_onnx, profile.tokenizer, profile.embedder_spec)
        prompts, responses = (np.array(side, dtype=np.object_) for side in zip(*texts, strict=True))
        vectors = []
        for side, whole in zip(CHUNKS, (prompts, responses), strict=True):
            found = apart(embedder.encode(list(whole), CHUNKS[side]), len(whole))
            vectors.append(_unit(np.array([one.layers.mean(axis=0) for one in found])))
        embedder.close()
        return cls(prompts, responses, vectors[0][:, -1], vectors[1])

    def take(self, chosen: npt.NDArray[Any]) -> "Exchanges":
        """Return some of them."""
        return Exchanges(*(part[chosen] for part in self))

    def joined(self, other: "Exchanges") -> "Exchanges":
        """Return these, then others."""
        return Exchanges(*(np.concatenate(both) for both in zip(self, other, strict=True)))

    def put(self, places: Places, others: "Exchanges", chosen: Places) -> "Exchanges":
        """Return these with answers of others at some places."""
        responses, given = self.responses.copy(), self.given.copy()
        responses[places], given[places] = others.responses[chosen], others.given[chosen]
        return self._replace(responses=responses, given=given)

    def put_mixed(self, places: Places, layers: Rows, store: TextStore) -> "Exchanges":
        """Return these with vectors (m, L, d) in place of some answers; a text that is never embedded stands for each.

        A mixture of answers has a direction and no wording, so what a text alone tells (its hash, a loop, a refusal) is
        that of the stand-in: new, complete, and neither.
        """
        responses, given = self.responses.copy(), self.given.copy()
        given[places] = _unit(layers)
        for place in places:
            responses[place] = f"Answer {next(_numbers):09d} stands for a vector that no text has."
            store.stand_ins[responses[place]] = Embedded(given[place][None], np.array([24], np.int32), truncated=False)
        return self._replace(responses=responses, given=given)

    def write(self, path: Path, verdicts: Iterable[Sequence[Verdict]] = repeat(())) -> Path:
        """Write a log, with what people and judges say of each."""
        texts = zip(self.prompts, self.responses, strict=True)
        return write_log(path, ({"model": "any", "input": asked, "output": given} for asked, given in texts), verdicts)


def write_log(
    path: Path, exchanges: Iterable[Mapping[str, Any]], verdicts: Iterable[Sequence[Verdict]] = repeat(())
) -> Path:
    """Write exchanges as Langfuse's ingestion has them, one a second, each with its verdicts in one message."""
    return write_lines(path, (_message(i, *each) for i, each in enumerate(zip(exchanges, verdicts, strict=False))))


def at_random(n: int, rng: np.random.Generator) -> Iterator[tuple[Verdict, Verdict]]:
    """Yield what a judge and somebody say of n exchanges, whatever these are: both fail some."""
    for _ in range(n):
        yield Verdict("correct", rng.random() >= JUDGE_FAILS, JUDGE), Verdict("thumbs", rng.random() >= PEOPLE_FAIL)


def _message(i: int, exchange: Mapping[str, Any], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    body = {"id": f"e{i}", "startTime": START + i, **exchange}
    events: list[dict[str, Any]] = [{"type": "generation-create", "body": body}]
    for name, value, judge in verdicts:
        found = {"name": name, "value": float(value), "observationId": f"e{i}", "metadata": {"model": judge}}
        events.append({"type": "score-create", "timestamp": START + i, "body": found})
    return {"batch": events}


def _unit(rows: Rows) -> Rows:
    found: Rows = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return found.astype(np.float32)
