"""`make demo-kafka`: the demo through a real Kafka broker, and a real Prometheus if there is one.

Starts a broker, fits a profile, runs `offmap run`, produces a week of traffic in two parts, and asks Prometheus (or
/metrics, where there is none) what became of it. In a terminal it serves until Ctrl-C; without one it ends by itself.
"""

import contextlib
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from kafka import KafkaProducer

from demo.answers import TOLERATED, show
from demo.found import LEVEL, NOTHING, Count, Part, fit_profile, read_count, split_traffic
from tests.agent_process import AgentProcess
from tests.kafka_broker import Broker, running_broker
from tests.prometheus_server import PrometheusServer

TOPIC = "chat"
QUESTION = f'sum(offmap_p_value_bucket{{side="prompt",le="{LEVEL}"}}) / sum(offmap_p_value_count{{side="prompt"}})'


def main() -> None:
    """Run the demo."""
    with tempfile.TemporaryDirectory(prefix="offmap-demo-") as name, contextlib.suppress(KeyboardInterrupt):
        folder = Path(name)
        profile = fit_profile(folder)
        print("\nStarting a Kafka broker, the agent, and Prometheus if there is one", flush=True)
        with running_broker() as broker, running_agent(profile, broker) as agent, prometheus(agent) as server:
            parts, counts, before = split_traffic(folder), [], NOTHING
            for part in parts:
                produce(broker, part)
                now = wait_for(agent, before, part)
                counts.append(now.since(before))
                before = now
                if server:
                    show_answer(server, part, now)
            show(parts, counts, f"http://127.0.0.1:{agent.port}")
            serve(agent, server)


@contextlib.contextmanager
def running_agent(profile: Path, broker: Broker) -> Iterator[AgentProcess]:
    """Run `offmap run` on the topic until the block ends."""
    broker.create_topic(TOPIC, 3)
    agent = AgentProcess(
        profile.parent,
        {
            "profile": {"path": str(profile)},
            "kafka": {"bootstrap_servers": [broker.bootstrap], "topics": [TOPIC]},
            "sampling": {"min_fraction": 1.0},
            "checkpoint": {"interval_seconds": 1},
            "pager": {"tolerated_share": TOLERATED},
        },
    )
    try:
        agent.start().wait_until(lambda it: it.get("/readyz")[0] == 200)
        yield agent
        agent.end()
    finally:
        agent.stop()


@contextlib.contextmanager
def prometheus(agent: AgentProcess) -> Iterator[PrometheusServer | None]:
    """Scrape the agent, where Prometheus is installed."""
    if shutil.which("prometheus") is None:
        print("  no `prometheus` on PATH: reading the agent's /metrics instead")
        yield None
        return
    with PrometheusServer(f"127.0.0.1:{agent.port}") as server:
        yield server


def produce(broker: Broker, part: Part) -> None:
    """Send a part's lines, keyed as a gateway would key them: by nothing."""
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, compression_type="zstd")
    for line in part.path.read_bytes().splitlines():
        producer.send(TOPIC, line)
    producer.close()
    print(f"  produced {part.lines:,} messages: {part.name}", flush=True)


def wait_for(agent: AgentProcess, before: Count, part: Part, seconds: float = 900) -> Count:
    """Wait until /metrics shows all of a part."""
    deadline = time.monotonic() + seconds
    while (now := read_count(f"http://127.0.0.1:{agent.port}")).since(before).records < part.lines:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{now.since(before).records} of {part.lines} messages after {seconds:.0f} s")
        time.sleep(0.5)
    return now


def show_answer(server: PrometheusServer, part: Part, now: Count) -> None:
    """Print what Prometheus answers once it has scraped the same counters."""
    server.wait_for(f'sum(offmap_p_value_count{{side="prompt"}}) == {now.scored}')
    print(f"  Prometheus, since the start and until {part.name}:\n    {QUESTION}\n    = {server.value(QUESTION):.4f}")


def serve(agent: AgentProcess, server: PrometheusServer | None) -> None:
    """Serve until Ctrl-C where somebody can press it."""
    print(f"\n/metrics: http://127.0.0.1:{agent.port}/metrics" + (f"   Prometheus: {server.url}" if server else ""))
    if sys.stdin.isatty() and sys.stdout.isatty():
        print("serving until Ctrl-C", flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
