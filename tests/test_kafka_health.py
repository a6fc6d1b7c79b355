"""What needs no broker: options, codecs, the client's log, waiting."""

import logging
import re
import time
from contextlib import closing

import pytest

from agent.board import DOWN_REASONS
from agent.service import HEALTHY
from agent.sources import kafka as source_module
from agent.sources import kafka_source
from agent.sources.errors import SourceError
from agent.sources.kafka_health import STATUSES, Backoff, ClientLog
from agent.sources.kafka_options import KafkaOptions


def options(**changes):
    return KafkaOptions(**{"bootstrap_servers": ("b:1",), "topics": ("t",)} | changes)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"bootstrap_servers": ()}, "bootstrap_servers"),
        ({"topics": ()}, "topics, topic_pattern"),
        ({"topic_pattern": "t"}, "topics, topic_pattern"),
        ({"auto_offset_reset": "earlist"}, "auto_offset_reset: 'earlist' is none of earliest, latest"),
        ({"security_protocol": "TLS"}, "security_protocol"),
        ({"security_protocol": "SASL_SSL"}, "sasl_mechanism: None is none of PLAIN"),
    ],
)
def test_a_word_that_the_client_would_misunderstand_is_refused(changes, problem):
    with pytest.raises(ValueError, match=re.escape(problem)):
        options(**changes)


def test_a_broken_pattern_is_refused():
    with pytest.raises(re.error):
        options(topics=(), topic_pattern="(")


@pytest.mark.parametrize("session", [1, 6, 30, 45, 1800])
def test_the_client_accepts_every_session_timeout(session):
    settings = options(session_timeout_seconds=session).client_settings()
    assert settings["heartbeat_interval_ms"] * 3 <= settings["session_timeout_ms"] == session * 1000
    assert settings["session_timeout_ms"] < settings["request_timeout_ms"] < settings["connections_max_idle_ms"]


@pytest.mark.parametrize("missing", ["has_snappy", "has_lz4", "has_zstd"])
def test_a_missing_codec_is_told_before_its_first_message(monkeypatch, missing):
    monkeypatch.setattr(source_module, missing, lambda: False)
    with pytest.raises(SourceError, match=f"without .*{missing[4:7]}"):
        source_module.assert_codecs()


def test_slow_checksums_count_as_missing(monkeypatch):
    monkeypatch.setattr(source_module, "crc32c_c", None)
    with pytest.raises(SourceError, match="crc32c"):
        source_module.assert_codecs()


def test_each_complaint_is_let_through_once_a_minute(caplog, monkeypatch):
    logger = logging.getLogger("kafka.conn")
    with closing(ClientLog()):
        for port in range(100):
            logger.error("no answer from %d", port)
        logger.error("something else")
        logger.info("a detail")
        assert caplog.messages == ["no answer from 0", "something else"]
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 61)
        logger.error("no answer from %d", 7)
        assert caplog.messages[2:] == ["no answer from 7"]


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("SaslAuthenticate error: SaslAuthenticationFailedError (Authentication failed: Invalid username)", True),
        ("<BrokerConnection <authenticating>>: Closing connection. KafkaConnectionError: socket disconnected", True),
        ("<BrokerConnection <connected>>: Closing connection. KafkaConnectionError: socket disconnected", False),
    ],
)
def test_a_refusal_is_heard_and_forgotten(monkeypatch, line, refused):
    with closing(ClientLog()) as client_log:
        assert not client_log.refused
        logging.getLogger("kafka.conn").error(line)
        assert client_log.refused is refused
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 11)
        assert not client_log.refused


def test_the_clients_log_is_left_as_it_was_by_the_last_source(caplog):
    logger = logging.getLogger("kafka.conn")
    first, second = ClientLog(), ClientLog()
    first.close()
    logger.error("once")
    logger.error("once")
    second.close()
    logger.error("twice")
    logger.error("twice")
    assert caplog.messages == ["once", "twice", "twice"]


def test_waiting_doubles_up_to_a_quarter_of_a_minute():
    backoff = Backoff()
    assert [backoff.failed(now) for now in range(8)] == [0.5, 1, 2, 4, 8, 15, 15, 15]
    assert backoff.failed(7 + 15 + 61) == 0.5


def test_a_wait_is_never_longer_than_asked():
    backoff = Backoff()
    assert backoff.wait(10)
    for _ in range(3):
        backoff.failed(time.monotonic())
    start = time.monotonic()
    assert not backoff.wait(0.05)
    assert time.monotonic() - start < 0.5


def test_every_status_is_a_reason_that_the_agent_can_show():
    assert set(STATUSES) - set(HEALTHY) <= set(DOWN_REASONS)
    assert set(HEALTHY) <= set(STATUSES)


class Deaf:
    """A client that reaches no broker."""

    crash = None

    def connected(self):
        return False

    def topic_missing(self):
        return False

    def poll(self):
        return {}

    def lag(self):
        return {}

    def assignment(self):
        return ()

    def in_group(self):
        return False

    def close(self):
        pass


class Nobody:
    """Does not care about partitions."""

    def assigned(self, _partitions):
        return {}

    def lost(self, _partitions):
        pass

    revoked = lost


@pytest.mark.parametrize(("protocol", "made"), [("SSL", 3), ("PLAINTEXT", 1)])
def test_over_tls_a_client_that_reaches_nobody_is_made_anew(protocol, made, monkeypatch):
    """Its certificates may have run out, and it would not look at the files again."""
    clients, clock = [], [1000.0]
    monkeypatch.setattr(source_module, "KafkaClient", lambda *_: clients.append(Deaf()) or clients[-1])
    monkeypatch.setattr(kafka_source.time, "monotonic", lambda: clock[0])
    with closing(kafka_source.KafkaSource(options(security_protocol=protocol), Nobody())) as source:
        for _ in range(150):
            clock[0] += 1.0
            source.poll()
        assert source.status == "broker_unreachable"
    assert len(clients) == made
