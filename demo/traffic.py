"""When production writes, in which shape it is logged, and the truth about it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 7
NEW_FROM = datetime(2026, 3, 5, 9, tzinfo=UTC)
NEW_SHARE = 0.25
MIX_FROM = datetime(2026, 3, 6, 12, tzinfo=UTC)
DOUBLED, VANISHED = "outages", "moving"
PAIR_SHARE = 0.2
MODEL = "brindle-assist-3"
SYSTEM = "You are the assistant of Brindlewick Energy. Answer in at most four sentences."
HOURS = [1, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 9, 9, 8, 8, 8, 9, 10, 11, 10, 8, 6, 4, 2]  # how busy each hour of a day is


@dataclass(frozen=True)
class Row:
    """One exchange: `topic`, `group`, `refused` are the truth about it, `time` is None in the training data."""

    prompt: str
    response: str
    topic: str
    group: str
    time: datetime | None = None
    refused: bool = False


def draw_times(n: int, random: Random) -> list[datetime]:
    """Return n moments in order, few of them at night."""
    hours = random.choices(range(24), HOURS, k=n)
    days = random.choices(range(DAYS), k=n)
    return sorted(
        START + timedelta(days=day, hours=hour, seconds=random.randrange(3600))
        for day, hour in zip(days, hours, strict=True)
    )


def write_iso(moment: datetime) -> str:
    """Write as 2026-03-02T00:00:00Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def plain_row(row: Row, name: str, _: Random) -> dict[str, Any]:
    """Log as a flat object."""
    return {
        "id": name,
        "time": write_iso(row.time or START),
        "prompt": row.prompt,
        "response": row.response,
        "model": MODEL,
    }


def pair_row(row: Row, name: str, random: Random) -> dict[str, Any]:
    """Log as a chat completion's request and response; a third of the chats had a turn before this one."""
    earlier = [
        {"role": "user", "content": "Hello, is anybody there?"},
        {
            "role": "assistant",
            "content": "This is the assistant of Brindlewick Energy. What can I do for you?",
        },
    ]
    messages = [{"role": "system", "content": SYSTEM}, *(earlier if random.random() < 1 / 3 else [])]
    messages.append({"role": "user", "content": row.prompt})
    choice = {"index": 0, "message": {"role": "assistant", "content": row.response}, "finish_reason": "stop"}
    response = {"id": name, "object": "chat.completion", "created": int((row.time or START).timestamp())}
    return {
        "request": {"model": "brindle-assist", "messages": messages},
        "response": {**response, "model": MODEL, "choices": [choice]},
    }


def write_json(value: object) -> str:
    """Write on one line, with every letter as itself."""
    return json.dumps(value, ensure_ascii=False)


def break_lines(lines: list[str]) -> list[dict[str, object]]:
    """Put three lines that nothing can be made of among the good ones; say where, counting from 0."""
    half_written = lines[len(lines) // 2][:60]
    early, late = write_iso(START + timedelta(hours=40)), write_iso(START + timedelta(hours=120))
    no_prompt = write_json({"id": "empty", "time": early, "prompt": "", "response": ""})
    heartbeat = write_json({"event": "heartbeat", "time": late})
    broken = []
    bad = (("empty prompt", no_prompt), ("cut off", half_written), ("no exchange", heartbeat))
    for part, (kind, line) in enumerate(bad, start=1):
        position = len(lines) * part // 4
        lines.insert(position, line)
        broken.append({"line": position, "kind": kind})
    return broken


def log_traffic(rows: Sequence[Row], random: Random) -> tuple[list[str], dict[str, Row], list[dict[str, object]]]:
    """Return the log's lines, the rows by id, and the broken lines."""
    lines, by_id = [], {}
    for number, row in enumerate(rows):
        paired = random.random() < PAIR_SHARE
        name = f"{'chatcmpl-' if paired else 'chat-'}{number:05d}"
        by_id[name] = row
        lines.append(write_json((pair_row if paired else plain_row)(row, name, random)))
    return lines, by_id, break_lines(lines)


def count_groups(rows: Iterable[Row]) -> dict[str, int]:
    """Count rows by group, in alphabetic order."""
    return dict(sorted(Counter(row.group for row in rows).items()))


def count_refused(rows: Iterable[Row]) -> dict[str, int]:
    """Count rows, and those of them that were refused."""
    refused = [row.refused for row in rows]
    return {"rows": len(refused), "refused": sum(refused)}


def tell_truth(by_id: dict[str, Row], broken: list[dict[str, object]], new_topics: Sequence[str]) -> dict[str, Any]:
    """Say what a monitor ought to find in the traffic."""
    rows = list(by_id.values())
    before = [row for row in rows if row.time and row.time < NEW_FROM]
    after = [row for row in rows if row.time and row.time >= NEW_FROM]
    new_ids = [name for name, row in by_id.items() if row.topic in new_topics]
    return {
        "start": write_iso(START),
        "end": write_iso(START + timedelta(days=DAYS)),
        "new_topics": {
            "from": write_iso(NEW_FROM),
            "drawn_share": NEW_SHARE,
            "topics": list(new_topics),
            "ids": new_ids,
        },
        "mix_change": {"from": write_iso(MIX_FROM), "doubled": DOUBLED, "vanished": VANISHED},
        "before": {"rows": len(before), "new": 0, "share": 0.0, "groups": count_groups(before)},
        "after": {
            "rows": len(after),
            "new": len(new_ids),
            "share": round(len(new_ids) / len(after), 4),
            "groups_before_mix_change": count_groups(row for row in after if row.time and row.time < MIX_FROM),
            "groups_after_mix_change": count_groups(row for row in after if row.time and row.time >= MIX_FROM),
        },
        "refused": {
            "new": count_refused(row for row in after if row.topic in new_topics),
            "known": count_refused(row for row in rows if row.topic not in new_topics),
        },
        "broken_lines": broken,
        "topic_by_id": {name: row.topic for name, row in by_id.items()},
    }
