"""Halves on two topics, feedback on a third, some of it twice, and an agent that is killed: all is joined once."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent_process import AgentProcess
from tests.kafka_broker import Broker
from tests.kafka_traffic import new_topic, produce
from tests.small import sentences, small_settings

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PAIRS, TWICE, JUDGED = 1_500, 100, 300


def parts() -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Requests, responses in another order with some repeated, and feedback."""
    prompts, replies, draw = sentences(PAIRS, 41), sentences(PAIRS, 42), random.Random(1)

    def line(i: int, **more: Any) -> bytes:
        return json.dumps({"id": f"secret-{i}", "time": 1_750_000_000 + i} | more).encode()

    asked = [line(i, request={"messages": [{"role": "user", "content": prompts[i]}]}) for i in range(PAIRS)]
    answered = [line(i, response={"choices": [{"message": {"content": replies[i]}}]}) for i in range(PAIRS)]
    answered += draw.sample(answered, TWICE)
    draw.shuffle(answered)
    scores = [{"name": "thumbs", "value": 1, "observationId": f"secret-{i}"} for i in range(JUDGED)]
    judged = [json.dumps({"type": "score-create", "timestamp": 1_750_000_500, "body": each}) for each in scores]
    return asked, answered, [each.encode() for each in judged]


@pytest.fixture
def agent(broker: Broker, tmp_path: Path) -> Iterator[AgentProcess]:
    topics = [new_topic(broker, partitions=2) for _ in range(3)]
    for topic, values in zip(topics, parts(), strict=True):
        produce(broker, topic, values)
    kafka = {"bootstrap_servers": [broker.bootstrap], "topics": topics, "group_id": topics[0]}
    settings = small_settings(
        kafka=kafka | {"session_timeout_seconds": 6},
        checkpoint={"interval_seconds": 0.3},
        sampling={"min_fraction": 1.0},
    )
    agent = AgentProcess(tmp_path, settings)
    yield agent
    agent.stop()


def test_killed_again_and_again_it_joins_every_half_once(agent: AgentProcess, tmp_path: Path) -> None:
    total = 2 * PAIRS + TWICE + JUDGED
    waited = []
    for share, how in ((0.2, signal.SIGKILL), (0.5, signal.SIGTERM), (0.8, signal.SIGKILL)):
        agent.start().wait_until(lambda a, n=share * total: a.total("offmap_records_total") >= n)
        waited.append(agent.total("offmap_join_pending"))
        agent.end(how)
        state = (tmp_path / "state" / "offmap.checkpoint.npz").read_bytes()
        assert not any(word in state for word in (b"secret-", b"meter", b"thumbs"))
    agent.start().wait_until(lambda a: a.total("offmap_records_total") == total)
    agent.wait_until(lambda a: a.total("offmap_join_pending") == 0, 10)
    outcomes = {
        labels: agent.total("offmap_joins_total", part=labels[0], outcome=labels[1])
        for labels in (("half", "joined"), ("half", "duplicate"), ("feedback", "joined"))
    }
    assert outcomes == {("half", "joined"): PAIRS, ("half", "duplicate"): TWICE, ("feedback", "joined"): JUDGED}
    assert agent.total("offmap_joins_total") == PAIRS + TWICE + JUDGED
    assert agent.total("offmap_exchanges_total") == PAIRS
    for side in ("prompt", "response"):
        assert agent.total("offmap_texts_total", side=side, status="scored") == PAIRS
        assert agent.total("offmap_texts_total", side=side) == PAIRS
    assert max(waited) > 0
    assert agent.end() == 0
    log = agent.log.read_text()
    assert "secret-" not in log
    assert "meter" not in log
