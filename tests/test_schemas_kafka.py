"""A topic of Avro, and a registry that is away when the agent starts: nothing is lost, and it may be told to stop."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from agent import cli
from tests.agent_process import AgentProcess
from tests.kafka_broker import Broker
from tests.kafka_traffic import new_topic, produce
from tests.schema_registry import Registry
from tests.small import sentences, small_settings

COUNT = 200
FIELDS = [{"name": name, "type": "string"} for name in ("id", "prompt", "response")]
SCHEMA = {"type": "record", "name": "Chat", "fields": FIELDS}


def settings(broker: Broker, registry: Registry, **sections: Any) -> dict[str, Any]:
    topic = new_topic(broker)
    client = SchemaRegistryClient({"url": registry.url})
    serialize, place = AvroSerializer(client, json.dumps(SCHEMA)), SerializationContext(topic, MessageField.VALUE)
    texts = sentences(2 * COUNT, 51)
    chats = [{"id": str(i), "prompt": texts[i], "response": texts[-i - 1]} for i in range(COUNT)]
    produce(broker, topic, [serialize(chat, place) for chat in chats])
    kafka = {
        "bootstrap_servers": [broker.bootstrap],
        "topics": [topic],
        "group_id": topic,
        "session_timeout_seconds": 6,
    }
    return {"kafka": kafka, "schema_registry": {"url": registry.url}, **sections}


@pytest.mark.kafka
@pytest.mark.slow
def test_nothing_is_lost_while_the_registry_is_away(broker: Broker, tmp_path: Path) -> None:
    with Registry() as registry:
        sections = {"checkpoint": {"interval_seconds": 0.3}, "sampling": {"min_fraction": 1.0}}
        agent = AgentProcess(tmp_path, small_settings(**settings(broker, registry, **sections)))
        registry.status = 503
        try:
            agent.start().wait_until(lambda a: a.total("offmap_down", reason="registry_unreachable") == 1)
            assert agent.total("offmap_schema_registry_up") == 0
            assert agent.get("/livez")[0] == 200
            assert agent.end() == 0
            agent.start().wait_until(lambda a: a.total("offmap_down", reason="registry_unreachable") == 1)
            assert agent.total("offmap_records_total") == 0
            registry.status = 200
            agent.wait_until(lambda a: a.total("offmap_texts_total", side="prompt", status="scored") == COUNT)
            assert (
                agent.total("offmap_records_total") == agent.total("offmap_records_total", outcome="decoded") == COUNT
            )
            agent.wait_until(lambda a: a.total("offmap_up") == 1)
            assert agent.total("offmap_schema_registry_up") == 1
            assert agent.end() == 0
        finally:
            agent.stop()


@pytest.mark.kafka
def test_sniff_reads_it(broker: Broker, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with Registry() as registry:
        config = tmp_path / "offmap.yaml"
        config.write_text(json.dumps(settings(broker, registry)))
        monkeypatch.setattr(sys, "argv", ["offmap", "sniff", "--config", str(config), "--limit", "5"])
        with pytest.raises(SystemExit) as left:
            cli.main()
    assert not left.value.code
    assert capsys.readouterr().out.count("  plain  ") == 5
