"""For JSON that no shape fits: where its prompt, response, id, time and model most likely stand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.payloads.times import to_seconds
from agent.sniff_paths import leaves

MOST_DOCUMENTS = 200
"""Messages that a proposal looks at."""

_ENOUGH = {"prompt": 2.0, "response": 4.0, "id": 3.0, "time": 3.5, "model": 3.5}
"""What a place must weigh: only a prompt is known by its content alone."""
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")

_NAMES: Mapping[str, frozenset[str]] = {
    "prompt": frozenset(
        {
            "ask",
            "asked",
            "client",
            "customer",
            "human",
            "input",
            "instruction",
            "prompt",
            "query",
            "question",
            "request",
            "search",
            "user",
            "utterance",
        }
    ),
    "response": frozenset(
        {
            "agent",
            "answer",
            "answered",
            "assistant",
            "bot",
            "completion",
            "generated",
            "generation",
            "output",
            "prediction",
            "reply",
            "response",
            "result",
        }
    ),
    "id": frozenset({"guid", "id", "key", "ref", "reference", "uuid"}),
    "time": frozenset({"at", "created", "date", "occurred", "sent", "started", "time", "timestamp", "ts", "when"}),
    "model": frozenset({"deployment", "engine", "llm", "model"}),
}
"""Words that speak for a place."""
_OTHERS = {
    "prompt": _NAMES["response"],
    "response": _NAMES["prompt"],
    "id": frozenset({"user", "session", "conversation", "parent", "trace", "tenant", "customer"}),
}
"""Words that speak against a place."""
_TEXTS = frozenset({"text", "content", "message", "body", "value"})


def propose(documents: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Propose a mapping for messages of one shape.

    Parameters
    ----------
    documents : sequence of dict
        Parsed messages; of several shapes the commonest is looked at.

    Returns
    -------
    dict of str to str
        "prompt", "response", "id", "time", "model" → expression; what is not likely anywhere is absent.

    Examples
    --------
    >>> documents = [{"ticket_id": i, "ask": {"said": f"Where is card {i}?"}, "sent": 1.7e9 + i} for i in range(3)]
    >>> propose(documents)
    {'time': 'sent', 'prompt': 'ask.said', 'id': 'ticket_id'}
    """
    values: dict[str, list[Any]] = {}
    alike = _commonest(documents)[:MOST_DOCUMENTS]
    for document in alike:
        for expression, value in leaves(document).items():
            values.setdefault(expression, []).append(value)
    chosen: dict[str, str] = {}
    for field, judge in _JUDGES.items():
        scored = [
            (judge(found) + _name_score(field, expression) + len(found) / len(alike), -i, expression)
            for i, (expression, found) in enumerate(values.items())
            if expression not in chosen.values() and judge(found) > 0
        ]
        if scored and max(scored)[0] >= _ENOUGH[field]:
            chosen[field] = max(scored)[2]
    return chosen


def _commonest(documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages with the commonest set of keys."""
    keys = Counter(frozenset(document) for document in documents)
    common = keys.most_common(1)[0][0] if keys else frozenset()
    return [document for document in documents if frozenset(document) == common]


def _name_score(field: str, expression: str) -> float:
    """Weigh how a place is called: the last key most, the keys above it less."""
    steps = [set(map(str.lower, _WORDS.findall(step))) for step in expression.split(".")]
    own, other = _NAMES[field], _OTHERS.get(field, frozenset())
    score = 3.0 * bool(steps[-1] & own) - 3.0 * bool(steps[-1] & other)
    for above in steps[:-1]:
        score += 1.5 * bool(above & own) - 1.5 * bool(above & other)
    return score + 0.5 * bool(field in {"prompt", "response"} and steps[-1] & _TEXTS)


def _judge_text(found: Sequence[Any]) -> float:
    """Weigh whether these are texts: several words, and not the same ones each time."""
    texts = [value for value in found if isinstance(value, str) and value.strip()]
    if not texts or len(texts) < 0.5 * len(found):
        return 0.0
    worded = sum(len(text.split()) >= 2 for text in texts) / len(texts)
    dated = sum(to_seconds(text) is not None for text in texts) / len(texts)
    return max(0.0, 0.25 + worded * (1.25 + len(set(texts)) / len(texts)) - 2 * dated)


def _judge_id(found: Sequence[Any]) -> float:
    names = [str(value) for value in found if isinstance(value, str | int) and not isinstance(value, bool)]
    short = [name for name in names if 0 < len(name) <= 100 and " " not in name]
    if not found or len(short) < len(found) or len(set(short)) < len(short):
        return 0.0
    dated = all(_judge_time([value]) for value in found)
    return 0.0 if dated else 1.0


def _judge_time(found: Sequence[Any]) -> float:
    times = [to_seconds(value) for value in found]
    return float(bool(times) and all(time is not None for time in times))


def _judge_model(found: Sequence[Any]) -> float:
    return float(bool(found) and all(isinstance(v, str) and 0 < len(v) <= 100 and " " not in v for v in found))


_JUDGES: Mapping[str, Callable[[Sequence[Any]], float]] = {
    "time": _judge_time,
    "model": _judge_model,
    "response": _judge_text,
    "prompt": _judge_text,
    "id": _judge_id,
}
