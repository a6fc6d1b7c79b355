"""Write the demo's training data, its traffic and the truth about it: `python demo/make_data.py [--check]`.

Everything is drawn from the pools in `demo/pools` with one seed, so the files can be made again to the byte. Training
rows and known traffic are exchangeable: all rows of a topic are drawn together, then dealt out at random.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from random import Random

from demo.grammar import POOLS, Topic, Writer, read_shared, read_topics
from demo.refusals import refuse_some
from demo.traffic import (
    DOUBLED,
    MIX_FROM,
    NEW_FROM,
    NEW_SHARE,
    VANISHED,
    Row,
    draw_times,
    log_traffic,
    tell_truth,
    write_json,
)

HERE = Path(__file__).parent
SEED = 20260302
TRAINING_ROWS = 1800
TRAFFIC_ROWS = 2400
Moment = datetime | None
"""When a message was sent; None for a training row."""


def weigh(topic: Topic, moment: Moment) -> int:
    """How often people write about a known topic at that moment."""
    if moment is None or moment < MIX_FROM:
        return topic.weight
    return {DOUBLED: 2 * topic.weight, VANISHED: 0}.get(topic.group, topic.weight)


def draw_topics(known: Sequence[Topic], new: Sequence[Topic], moments: Sequence[Moment], random: Random) -> list[Topic]:
    """Choose what each message is about; the stated share of those from NEW_FROM on is about something new."""
    after = [place for place, moment in enumerate(moments) if moment is not None and moment >= NEW_FROM]
    drawn = [random.choices(known, [weigh(topic, moment) for topic in known])[0] for moment in moments]
    for place in random.sample(after, round(NEW_SHARE * len(after))):
        drawn[place] = random.choice(new)
    return drawn


def write_rows(topic: Topic, n: int, writer: Writer) -> list[tuple[str, str]]:
    """N prompts about a topic, no two made of the same lines, with their responses, in random order.

    Shuffled because the later draws had to avoid the earlier ones: dealing them in order would make training rows and
    traffic differ.
    """
    rows: dict[frozenset[str], tuple[str, str]] = {}
    while len(rows) < n:
        lines = writer.pick_prompt(topic)
        if frozenset(lines) not in rows:
            rows[frozenset(lines)] = (writer.write_prompt(lines), writer.write_response(topic, lines))
    dealt = list(rows.values())
    writer.random.shuffle(dealt)
    return dealt


def fill_rows(drawn: Sequence[Topic], moments: Sequence[Moment], writer: Writer) -> list[Row]:
    """Write a row for each message."""
    places: dict[str, list[int]] = {}
    for place, topic in enumerate(drawn):
        places.setdefault(topic.name, []).append(place)
    rows: dict[int, Row] = {}
    for wanted in places.values():
        topic = drawn[wanted[0]]
        for place, (prompt, response) in zip(wanted, write_rows(topic, len(wanted), writer), strict=True):
            rows[place] = Row(prompt, response, topic.name, topic.group, moments[place])
    return [rows[place] for place in range(len(drawn))]


def make_files(seed: int = SEED) -> dict[str, bytes]:
    """Return the content of each file by its name."""
    random = Random(seed)
    known, new = read_topics(POOLS / "known"), read_topics(POOLS / "new")
    moments: list[Moment] = [*([None] * TRAINING_ROWS), *draw_times(TRAFFIC_ROWS, random)]
    drawn = draw_topics(known, new, moments, random)
    shared, new_topics = read_shared(POOLS / "shared.txt"), [topic.name for topic in new]
    rows = fill_rows(drawn, moments, Writer(shared, random))
    logged = refuse_some(rows[TRAINING_ROWS:], new_topics, Writer(shared, Random(seed)))
    train = [{"prompt": row.prompt, "response": row.response, "topic": row.topic} for row in rows[:TRAINING_ROWS]]
    lines, by_id, broken = log_traffic(logged, random)
    truth = tell_truth(by_id, broken, new_topics)
    return {
        "train.jsonl": "".join(write_json(row) + "\n" for row in train).encode(),
        "traffic.jsonl": "".join(line + "\n" for line in lines).encode(),
        "truth.json": (json.dumps(truth, indent=1) + "\n").encode(),
    }


def read_old(path: Path) -> bytes | None:
    """Return what a file holds, None if there is none."""
    return path.read_bytes() if path.exists() else None


def main() -> int:
    """Write the files, or with --check say which of them differ."""
    parser = argparse.ArgumentParser(description="Write the demo's data from its pools.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file would change")
    check = parser.parse_args().check
    changed = {name: content for name, content in make_files().items() if read_old(HERE / name) != content}
    for name, content in changed.items():
        if check:
            print(f"demo/{name} is not what demo/make_data.py makes", file=sys.stderr)
        else:
            (HERE / name).write_bytes(content)
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
