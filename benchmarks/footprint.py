"""What the sidecar costs its neighbour: memory after long traffic from a real Kafka, time to ready, time to help."""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from kafka import KafkaProducer

from benchmarks.table import Row
from tests.agent_process import AgentProcess
from tests.kafka_broker import Broker, running_broker

EXCHANGES = 10_000
WORDS = 380
"""About 512 word pieces."""
TOPIC = "footprint"
STARTS = 3
OFFMAP = str(Path(sys.executable).with_name("offmap"))
DEMO = Path(__file__).parents[1] / "demo" / "train.jsonl"
HEAVY = {"torch", "sentence_transformers", "sklearn", "onnxruntime"}


def rows() -> Iterable[Row]:
    """Measure the command line first, then the running agent."""
    yield from command_line()
    with tempfile.TemporaryDirectory(prefix="offmap-footprint-") as folder, running_broker() as broker:
        profile = Path(folder) / "demo.offmap"
        subprocess.run([OFFMAP, "fit", str(DEMO), "-o", str(profile)], check=True, capture_output=True)
        broker.create_topic(TOPIC, 4)
        produce(broker)
        settings = {
            "profile": {"path": str(profile)},
            "kafka": {"bootstrap_servers": [broker.bootstrap], "topics": [TOPIC]},
            "sampling": {"min_fraction": 1.0},  # however far behind, every exchange is embedded
            "checkpoint": {"interval_seconds": 1},
        }
        yield from running_agent(Path(folder), settings)


def command_line() -> Iterable[Row]:
    """Measure what importing `agent.cli` loads and takes, and how long `--help` takes."""
    program = "import sys, agent.cli; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", program], text=True).split())
    yield Row("heavy libraries that importing agent.cli loads", len(loaded & HEAVY), at_most=0)
    yield Row("import agent.cli", _median_seconds([sys.executable, "-c", "import agent.cli"]), at_most=0.5, unit="s")
    yield Row("offmap --help", _median_seconds([OFFMAP, "--help"]), at_most=0.5, unit="s")


def running_agent(folder: Path, settings: dict[str, dict[str, object]]) -> Iterable[Row]:
    """Measure the time from start to ready, and the peak memory once every exchange is counted."""
    waits, works = [], []
    for _ in range(STARTS):
        agent = AgentProcess(folder, settings)
        started = time.monotonic()
        try:
            agent.start().wait_until(lambda it: it.get("/readyz")[0] == 200)
            waits.append(time.monotonic() - started)
            works.append(processor_seconds(agent.pid))
            if len(waits) == STARTS:
                answers = wait_for_exchanges(agent)
                peak = peak_megabytes(agent.pid)
            agent.end()
        finally:
            agent.stop()
    reference = f"{statistics.median(works):.2g} CPU-s; torch in process: 19 CPU-s"
    yield Row("start to ready", statistics.median(waits), at_most=3, unit="s", reference=reference)
    measure = f"peak resident memory after {EXCHANGES:,} exchanges of up to 512 tokens"
    yield Row(measure, peak, at_most=250, unit="MB", reference="torch in process: 885 MB")
    measure = f"99 % of {len(answers)} answers of /metrics, /livez, /readyz while embedding"
    reference = f"the slowest: {max(answers):.3g} s"
    yield Row(measure, statistics.quantiles(answers, n=100)[-1], at_most=0.1, unit="s", reference=reference)


def wait_for_exchanges(agent: AgentProcess, minutes: float = 60) -> list[float]:
    """Wait until the agent shows every exchange as scored; return the seconds that each answer took meanwhile."""
    answers: list[float] = []
    deadline = time.monotonic() + minutes * 60
    while (done := agent.total("offmap_texts_total", side="prompt", status="scored")) < EXCHANGES:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{done:.0f} of {EXCHANGES} exchanges after {minutes:.0f} minutes")
        for path in ("/metrics", "/livez", "/readyz"):
            started = time.perf_counter()
            agent.get(path)
            answers.append(time.perf_counter() - started)
        time.sleep(1)
    return answers


def produce(broker: Broker) -> None:
    """Fill the topic."""
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, compression_type="zstd")
    for number, (prompt, response) in enumerate(exchanges()):
        producer.send(TOPIC, json.dumps({"id": str(number), "prompt": prompt, "response": response}).encode())
    producer.close()


def exchanges() -> Iterator[tuple[str, str]]:
    """Make prompts and responses of the demo's words, of 1 to 512 word pieces each; the first are the longest."""
    chance = random.Random(0)
    words = DEMO.read_text(encoding="utf-8").split()
    for number in range(EXCHANGES):
        lengths = [WORDS if number == 0 else round(WORDS ** chance.random()) for _ in range(2)]
        starts = [chance.randrange(len(words) - length) for length in lengths]
        prompt, response = (" ".join(words[at : at + n]) for at, n in zip(starts, lengths, strict=True))
        yield prompt, response


def peak_megabytes(pid: int) -> float:
    """Return the largest resident size that a process ever had (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _median_seconds(command: list[str], times: int = 5) -> float:
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        spent.append(time.perf_counter() - started)
    return statistics.median(spent)
