"""Sentences from the hand-written pools, put together into prompts and responses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

POOLS = Path(__file__).parent / "pools"
BRACES = re.compile(r"\{([^{}]*)\}")
VOWEL = re.compile(r"\b([Aa]) (?=[aeio](?!ne\b))")  # "a air fryer", but not "a one-rate tariff"
PROMPT_SHAPES = {  # the parts of a prompt in order -> how often: S tells, A asks, P is a persona, E a detail
    "A": 8,
    "SA": 37,
    "AS": 20,
    "SSA": 23,
    "PSA": 6,
    "SAE": 6,
}
RESPONSE_SHAPES = {"": 8, "M": 30, "MM": 34, "MC": 22, "C": 6}  # after the answer: M goes on, C closes


@dataclass
class Topic:
    """What may be said about one subject: the lines of one `[name]` block of a pool file."""

    name: str
    group: str
    weight: int
    asks: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    tells: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)


def read_blocks(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield (what follows the "[", the lines below it) for each block of a pool file."""
    for block in ("\n" + path.read_text(encoding="utf-8")).split("\n[")[1:]:
        head, *lines = block.splitlines()
        yield head, [line for line in lines if line]


def read_topics(folder: Path) -> list[Topic]:
    """Read all topics of a folder, in the order of file names; the file's name is the topic's group."""
    topics = []
    for path in sorted(folder.glob("*.txt")):
        for head, lines in read_blocks(path):
            name, weight = head.split("]")
            topic = Topic(name, path.stem, int(weight))
            kinds = {"?": topic.asks, "=": topic.answers, "-": topic.tells, "+": topic.steps}
            for line in lines:
                kinds[line[0]].append(line[2:])
            topics.append(topic)
    return topics


def read_shared(path: Path) -> dict[str, list[str]]:
    """Read the pools that every topic shares: an alternative a line, or all on one line between bars."""
    shared = {head.rstrip("]"): lines for head, lines in read_blocks(path)}
    return {name: lines[0].split(" | ") if len(lines) == 1 else lines for name, lines in shared.items()}


class Writer:
    """Writes prompts and responses about a topic, drawing from one stream of random numbers."""

    def __init__(self, shared: Mapping[str, list[str]], random: Random) -> None:
        self.shared = shared
        self.random = random

    def expand(self, line: str) -> str:
        """Choose among `{a|b}` and fill `{name}` from the shared pools, the innermost braces first."""
        while match := BRACES.search(line):
            inner = match[1]
            options = inner.split("|") if "|" in inner else self.shared[inner]
            line = line[: match.start()] + self.random.choice(options) + line[match.end() :]
        line = VOWEL.sub(r"\1n ", line)
        return line[0].upper() + line[1:]

    def pick_lines(self, shapes: Mapping[str, int], pools: Mapping[str, Sequence[str]]) -> list[str]:
        """Draw a shape, then for each of its letters a line of that pool, never the same line twice."""
        (shape,) = self.random.choices(list(shapes), list(shapes.values()))
        drawn = {letter: iter(self.random.sample(pools[letter], shape.count(letter))) for letter in sorted(set(shape))}
        return [next(drawn[letter]) for letter in shape]

    def pick_prompt(self, topic: Topic) -> tuple[str, ...]:
        """Draw the lines of a message of a customer: questions and circumstances, braces still in them."""
        pools = {"A": topic.asks, "S": topic.tells, "P": self.shared["persona"], "E": self.shared["extra"]}
        return tuple(self.pick_lines(PROMPT_SHAPES, pools))

    def write_prompt(self, lines: Sequence[str]) -> str:
        """Fill the braces, then give the text the manners of people who type."""
        text = " ".join(self.expand(line) for line in lines)
        if self.random.random() < 0.2:
            hello = self.random.choice(self.shared["hello"])
            small = hello.endswith(",") and text[1].islower()
            text = f"{hello} {text[0].lower() if small else text[0]}{text[1:]}"
        if self.random.random() < 0.12:
            text = f"{text} {self.random.choice(self.shared['thanks'])}"
        if self.random.random() < 0.12:
            text = text.lower()
        return text.rstrip(".?") if self.random.random() < 0.1 else text

    def write_response(self, topic: Topic, prompt: Sequence[str]) -> str:
        """Answer the question among the lines of a prompt, and add up to two sentences."""
        (answer,) = (answer for ask, answer in zip(topic.asks, topic.answers, strict=True) if ask in prompt)
        more = self.pick_lines(RESPONSE_SHAPES, {"M": topic.steps, "C": self.shared["closing"]})
        return " ".join(self.expand(line) for line in (answer, *more))
