"""The section for what counts as a failure of the model, and for who judges it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from config.lists import commas_or_list
from config.section import Contradiction, Section

FailureKind = Literal[
    "error", "empty", "refused", "refused_softly", "truncated", "unfinished", "loop", "irrelevant", "recycled",
    "recycled_softly", "feedback", "judge",
]  # fmt: skip
Text = Annotated[str, Field(min_length=1, max_length=200)]

LEVELS = (0.01, 0.05, 0.2)
COMPARISON = re.compile(r"\s*(.+?)\s*(<=|>=)\s*(\S+)\s*")
FAMILY = re.compile(r"\s*([\w -]{1,40}?)\s*=\s*(.+?)\s*")


class OutcomeSettings(Section):
    """What counts as a failure of the model."""

    uncovered_level: float = Field(
        default=0.05,
        description="An exchange is uncovered when the p-value of its prompt is at most this: 0.01, 0.05 or 0.2.",
    )
    alpha: float = Field(
        default=0.05,
        gt=0,
        le=0.5,
        description="The bounds of a failure ratio, and of the canaries' pass rate, miss the truth with at most this "
        "probability, however often they are looked at.",
    )
    any_of: Annotated[tuple[FailureKind, ...], commas_or_list] = Field(
        default=("error", "empty", "refused", "truncated", "loop", "recycled", "feedback", "judge"),
        min_length=1,
        max_length=12,
        description=(
            "Kinds of failure that make up the kind `any`. Left out: what is too common or uncertain (`unfinished`, "
            "the soft ones) and `irrelevant`, which the embedding decides that decides what is off the map."
        ),
    )
    failing_scores: Annotated[tuple[Text, ...], commas_or_list] = Field(
        default=(
            "thumbs<=0", "thumbs_up<=0", "feedback<=0", "user_feedback<=0", "user-feedback<=0", "helpful<=0",
            "correct<=0", "correctness<=0", "toxicity>=0.5", "hallucination>=0.5",
        ),
        max_length=64,
        description=(
            "Which value of a score is a failure, by the score's name: `rating<=2`, `toxicity>=0.5` (labels true and "
            "yes are 1, false and no are 0). A rule with `>=` is of one fault: passing it says nothing of the rest of "
            "the answer, so it is no verdict on a canary. Of a score that is not named here only the label counts."
        ),
    )  # fmt: skip
    failing_labels: Annotated[tuple[Text, ...], commas_or_list] = Field(
        default=(
            "bad",
            "negative",
            "false",
            "fail",
            "failed",
            "incorrect",
            "no",
            "thumbs_down",
            "dislike",
            "unhelpful",
        ),
        max_length=64,
        description="Labels of feedback and of verdicts that say that the answer failed, in any case of letters.",
    )
    passing_labels: Annotated[tuple[Text, ...], commas_or_list] = Field(
        default=("good", "positive", "true", "pass", "passed", "correct", "yes", "thumbs_up", "like", "helpful"),
        max_length=64,
        description="Labels that say that it passed. Any other label says neither.",
    )
    judge_scores: Annotated[tuple[Text, ...], commas_or_list] = Field(
        default=(),
        max_length=64,
        description=(
            "Names of scores that a model gives though none is named beside them. Without such a name or a model, a "
            "score is people's feedback."
        ),
    )
    gold_scores: Annotated[tuple[Text, ...], commas_or_list] = Field(
        default=(),
        max_length=64,
        description="Names of scores that are the truth (an expert's): the errors of judges are counted against them.",
    )
    canary_tag: Text | None = Field(
        default=None,
        description=(
            "A path as in payload.tags, of what marks planted exchanges whose answer is bad on purpose (true, 1, yes): "
            "a judge should fail them. They count in nothing else of this section."
        ),
    )
    families: Annotated[tuple[Text, ...], commas_or_list] = Field(
        default=(
            r"openai=gpt|chatgpt|davinci|\bo[134]\b", "anthropic=claude", "google=gemini|gemma|palm|bison|bard",
            "meta=llama|vicuna|alpaca|koala|tulu", "mistral=mistral|mixtral|ministral|codestral|magistral|zephyr",
            "alibaba=qwen|qwq", "deepseek=deepseek", "microsoft=phi-|wizardlm", "cohere=command|aya", "xai=grok",
            "amazon=nova|titan", "nvidia=nemotron", "ibm=granite", "tii=falcon", "zhipu=glm", "01=\\byi-",
        ),
        max_length=64,
        description=(
            "Families of models, as `name=pattern`: the first whose regular expression is found in a model's name, in "
            "any case of letters, is its family. Says which judges are of their generator's family."
        ),
    )  # fmt: skip

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield what cannot be read, and labels that say both."""
        if self.uncovered_level not in LEVELS:
            yield Contradiction(("uncovered_level",), f"must be one of {', '.join(map(str, LEVELS))}")
        for text in self.failing_scores:
            match = COMPARISON.fullmatch(text)
            if match is None or not _is_number(match[3]):
                yield Contradiction(("failing_scores",), f"{text!r} is not like `name<=2` or `name>=0.5`")
        names = [match[1].casefold() for text in self.failing_scores if (match := COMPARISON.fullmatch(text))]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            yield Contradiction(("failing_scores",), f"more than one rule for {', '.join(twice)}")
        for text in self.families:
            match = FAMILY.fullmatch(text)
            if match is None or not _is_pattern(match[2]):
                yield Contradiction(("families",), f"{text!r} is not like `name=regular expression`")
        if both := {text.casefold() for text in self.failing_labels} & {
            text.casefold() for text in self.passing_labels
        }:
            yield Contradiction(("failing_labels", "passing_labels"), f"both name {', '.join(sorted(both))}")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError):
        return False
    return True
