"""The image: its steps run for real, and the agent in it reads a real broker with nothing to write to but its state."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent_process import parse_samples
from tests.image import USER, Image, require_image_programs
from tests.kafka_broker import Broker
from tests.kafka_traffic import new_topic, produce
from tests.needs import require_program
from tests.server_process import free_port
from tests.small import sentences, small_profile

pytestmark = pytest.mark.timeout(1_200)  # the first test of them waits for Debian and for the image

ROOT = Path(__file__).parents[1]
MESSAGES = 300


def test_hadolint_finds_nothing_to_say() -> None:
    """Not marked: it needs nothing."""
    hadolint = shutil.which("hadolint", path=Path(sys.executable).parent) or require_program("hadolint", "make install")
    done = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    require_image_programs()
    folder = tmp_path_factory.mktemp("image")
    built = Image(folder)
    try:
        built.build()
        yield built
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.image
def test_the_image_says_what_it_is_and_who_runs_it(image: Image) -> None:
    config = image.config()["config"]
    assert config["User"] == f"{USER}:{USER}"
    assert config["Entrypoint"] == ["/opt/offmap/bin/offmap"]
    assert config["Labels"]["org.opencontainers.image.title"] == "offmap"
    assert config["ExposedPorts"] == {"9469/tcp": {}}


@pytest.mark.image
def test_the_image_holds_the_runtime_alone(image: Image) -> None:
    (packages,) = (image.bundle / "rootfs/opt/offmap/lib").glob("python3*/site-packages")
    names = {path.name for path in packages.iterdir()}
    assert {"agent", "onnxruntime", "numpy"} <= names
    assert not names & {"torch", "sklearn", "scipy", "sentence_transformers", "pip", "tests", "demo", "hf_xet"}
    assert list(packages.glob("agent/__pycache__/*.pyc"))
    size = image.installed_bytes() / 1e6
    sys.stdout.write(f"installed beside the base: {size:.0f} MB\n")
    assert size < 250


@pytest.mark.image
@pytest.mark.kafka
def test_the_agent_in_the_image_scores_on_a_read_only_root(image: Image, broker: Broker, tmp_path: Path) -> None:
    topic, port = new_topic(broker), free_port()
    produce(broker, topic, [json.dumps({"prompt": text}).encode() for text in sentences(MESSAGES, seed=3)])
    settings = {
        "profile": {"path": "/profile/small.offmap"},
        "kafka": {"bootstrap_servers": [broker.bootstrap], "topics": [topic], "group_id": topic},
        "checkpoint": {"path": "/var/lib/offmap/state", "interval_seconds": 0.5},
        "server": {"host": "127.0.0.1", "port": port},
    }
    config, profile, state = tmp_path / "offmap.yaml", tmp_path / "small.offmap", tmp_path / "state"
    config.write_text(json.dumps(settings))
    shutil.copy(small_profile(), profile)
    state.mkdir()
    os.chown(state, USER, USER)
    for path in (config, profile):
        path.chmod(0o644)
    mounts = {"/etc/offmap/offmap.yaml": config, "/profile/small.offmap": profile, "/var/lib/offmap": state}
    with image.running(topic, ["run", "--config", "/etc/offmap/offmap.yaml"], mounts) as process:
        end = time.monotonic() + 60
        while scored(port) < MESSAGES and time.monotonic() < end and process.poll() is None:
            time.sleep(0.2)
        assert scored(port) == MESSAGES
    assert process.returncode == 0
    assert (state / "state" / "offmap.checkpoint.npz").stat().st_uid == USER


@pytest.mark.image
def test_a_sidecar_runs_as_whatever_user_the_cluster_gives(image: Image, tmp_path: Path) -> None:
    """With nothing to write to but its state, as on OpenShift: a number that nobody knows, in the group of root."""
    user, port = 1_000_710_000, free_port()
    settings = {
        "profile": {"path": "/profile/small.offmap"},
        "kafka": {"bootstrap_servers": ["127.0.0.1:9"], "topics": ["t"]},
        "checkpoint": {"path": "/var/lib/offmap/state"},
        "server": {"port": port},
    }
    config, profile, state = tmp_path / "offmap.yaml", tmp_path / "small.offmap", tmp_path / "state"
    config.write_text(json.dumps(settings))
    shutil.copy(small_profile(), profile)
    state.mkdir()
    state.chmod(0o777)  # an emptyDir
    for path in (config, profile):
        path.chmod(0o644)
    mounts = {"/etc/offmap/offmap.yaml": config, "/profile/small.offmap": profile, "/var/lib/offmap": state}
    arguments = ["run", "--stay-up", "--config", "/etc/offmap/offmap.yaml"]
    unreachable = ("offmap_down", (("reason", "broker_unreachable"),))
    with image.running("anybody", arguments, mounts, user) as process:
        end = time.monotonic() + 60
        while samples(port).get(unreachable) != 1.0 and time.monotonic() < end and process.poll() is None:
            time.sleep(0.2)
        assert samples(port)[unreachable] == 1.0
    assert process.returncode == 0
    assert (state / "state").stat().st_uid == user


def scored(port: int) -> float:
    return samples(port).get(("offmap_texts_total", (("side", "prompt"), ("status", "scored"))), 0.0)


def samples(port: int) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What is shown; nothing where nothing is yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return parse_samples(answer.read().decode())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return {}
