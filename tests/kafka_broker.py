"""A real Apache Kafka (KRaft, one node) in seconds, without Docker: for the tests, the demo and the benchmarks.

The jars come from Maven once, into `.cache/kafka` (env OFFMAP_CACHE puts the cache elsewhere). Everything listens on
127.0.0.1, keeps its data in one folder, and is stopped by its own process id.

Run by hand: `python -m tests.kafka_broker [--secure] [--topic NAME:PARTITIONS ...]` prints the bootstrap address and
serves until Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from kafka.admin import KafkaAdminClient, NewTopic

from tests.kafka_listeners import PASSWORD, SCRAM_USER, Listeners

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = "4.1.1"
CLUSTER_ID = "b2ZmbWFwLXRlc3QtYnJva2"  # any 22 characters of base64
READY = b"Kafka Server started"
# The first tier of the compiler only: starts in half the time, and nobody measures the broker's own speed.
JAVA = ("java", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-Dlog4j2.level=INFO")


class BrokerError(RuntimeError):
    """The broker could not be fetched, formatted or started; says what its log says."""


def cache() -> Path:
    """Return the folder that keeps what was fetched."""
    return Path(os.environ.get("OFFMAP_CACHE") or Path(__file__).parent.parent / ".cache") / "kafka"


def fetch_jars() -> Path:
    """Return the folder of the broker's jars, fetched by Maven the first time (about 15 s, 43 MB)."""
    if missing := [program for program in ("java", "mvn") if shutil.which(program) is None]:
        raise BrokerError(f"no {' and no '.join(missing)} here: install a JDK (17 or newer) and Maven")
    jars = cache() / f"libs-{VERSION}"
    if jars.is_dir():
        return jars
    cache().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache()) as scratch:
        fetched = Path(scratch) / "libs"
        command = ["mvn", "-q", "-B", "-ntp", "-f", str(Path(__file__).parent / "kafka" / "pom.xml")]
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={fetched}", "-DincludeScope=runtime"]
        done = subprocess.run(command + goal, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BrokerError(f"Maven could not fetch Kafka {VERSION}:\n{(done.stdout + done.stderr)[-2000:]}")
        with contextlib.suppress(OSError):  # another process was quicker: its copy is as good
            fetched.rename(jars)
    return jars


def _class_archive() -> Path:
    return cache() / f"classes-{VERSION}.jsa"


class Broker:
    """One broker on its own data folder; may be stopped or killed, and started again on the same data.

    Parameters
    ----------
    folder : Path
        An empty folder, or that of an earlier broker.
    secure : bool
        Listen with SASL PLAIN, SCRAM and TLS too (see `kafka_listeners`).
    """

    def __init__(self, folder: Path, *, secure: bool = False) -> None:
        self.folder = folder
        self.listeners = Listeners(folder, secure=secure)
        self._jars = fetch_jars()
        self._new_archive = folder / "classes.jsa"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address of the listener without encryption or authentication."""
        return self.address("PLAINTEXT")

    def address(self, listener: str) -> str:
        """Return `127.0.0.1:port` of one listener."""
        return f"127.0.0.1:{self.listeners.ports[listener]}"

    def start(self, timeout: float = 90.0) -> Self:
        """Format the folder if it is new, start, and return once an admin client is answered."""
        new = not (self.folder / "data").exists()
        for attempt in range(3):
            if new:
                self._format()
            self._launch()
            if self._wait(timeout):
                return self
            self.kill()
            if not new or attempt == 2:  # a port may have been taken since it was chosen: only a new broker may move
                break
            shutil.rmtree(self.folder / "data")
        raise BrokerError(f"Kafka did not start:\n{self.log[-3000:]}")

    def stop(self, timeout: float = 30.0) -> None:
        """SIGTERM: a clean shutdown."""
        self._end(signal.SIGTERM, timeout)
        with contextlib.suppress(OSError):
            shutil.move(self._new_archive, _class_archive())

    def kill(self) -> None:
        """SIGKILL: a crash."""
        self._end(signal.SIGKILL, 10.0)

    @property
    def log(self) -> str:
        """What the broker printed so far."""
        return (self.folder / "broker.log").read_text(errors="replace")

    def admin(self) -> contextlib.closing[KafkaAdminClient]:
        """Return an admin client, to be used in a `with`."""
        return contextlib.closing(KafkaAdminClient(bootstrap_servers=self.bootstrap))

    def create_topic(self, name: str, partitions: int = 1, **settings: str) -> str:
        """Create a topic and return its name."""
        with self.admin() as admin:
            admin.create_topics([NewTopic(name, partitions, 1, topic_configs=settings)])
        return name

    def _format(self) -> None:
        self.listeners.choose()
        properties = self.folder / "server.properties"
        properties.write_text("\n".join(f"{k}={v}" for k, v in self._settings().items()) + "\n")
        command = [*JAVA, "-cp", f"{self._jars}/*", "kafka.tools.StorageTool", "format"]
        command += ["-t", CLUSTER_ID, "-c", str(properties)]
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512") if self.listeners.secure else ():
            command += ["--add-scram", f"{mechanism}=[name={SCRAM_USER},password={PASSWORD}]"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BrokerError(f"the data folder could not be formatted:\n{(done.stdout + done.stderr)[-2000:]}")

    def _settings(self) -> dict[str, str]:
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "log.dirs": str(self.folder / "data"),
            "controller.quorum.voters": f"1@{self.address('CONTROLLER')}",
            "controller.listener.names": "CONTROLLER",
            **self.listeners.settings(),
            "auto.create.topics.enable": "false",
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "broker.session.timeout.ms": "4000",  # so long a killed broker's own registration keeps it from coming back
            "broker.heartbeat.interval.ms": "1000",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "message.max.bytes": "10485760",
            "log.cleaner.dedupe.buffer.size": "4194304",  # the default does not fit a small heap
        }

    def _launch(self) -> None:
        # Java starts in half the time from an archive of loaded classes, which the first clean stop writes.
        archive = _class_archive()
        sharing = f"SharedArchiveFile={archive}" if archive.exists() else f"ArchiveClassesAtExit={self._new_archive}"
        command = [*JAVA, f"-XX:{sharing}", "-cp", f"{self._jars}/*", "kafka.Kafka"]
        command.append(str(self.folder / "server.properties"))
        with (self.folder / "broker.log").open("wb") as log:
            # a session of its own, so that Ctrl-C in a terminal reaches whoever started it first
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def _wait(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self._process and self._process.poll() is None:
            if READY in (self.folder / "broker.log").read_bytes() and self._answers():
                return True
            time.sleep(0.1)
        return False

    def _answers(self) -> bool:
        with contextlib.suppress(Exception), self.admin() as admin:
            admin.list_topics()
            return True
        return False

    def _end(self, how: signal.Signals, timeout: float) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(how)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process = None


@contextlib.contextmanager
def running_broker(*, secure: bool = False) -> Iterator[Broker]:
    """Serve from a temporary folder until the block ends."""
    with tempfile.TemporaryDirectory(prefix="offmap-kafka-") as folder:
        broker = Broker(Path(folder), secure=secure)
        try:
            yield broker.start()
        finally:
            broker.stop()


def main() -> None:
    """Start a broker by hand."""
    parser = argparse.ArgumentParser(description="Serve a throw-away Kafka on 127.0.0.1 until Ctrl-C.")
    parser.add_argument("--secure", action="store_true", help="also listen with SASL PLAIN, SCRAM and TLS")
    parser.add_argument("--topic", action="append", default=[], metavar="NAME:PARTITIONS")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with running_broker(secure=options.secure) as broker, contextlib.suppress(KeyboardInterrupt):
        for topic in options.topic:
            name, _, partitions = topic.partition(":")
            broker.create_topic(name, int(partitions or 1))
        for name in broker.listeners.ports:
            print(name, broker.address(name), flush=True)  # noqa: T201
        signal.pause()


if __name__ == "__main__":
    main()
