"""The number of CPUs under a cgroup's quota."""

import os

import pytest

from agent.embedding.cpu_limit import cpu_limit


@pytest.fixture(autouse=True)
def eight_cpus(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)


def files(root, content):
    for name, text in content.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def v1(folder, quota):
    return {f"{folder}/cpu.cfs_quota_us": quota, f"{folder}/cpu.cfs_period_us": "100000"}


@pytest.mark.parametrize(
    ("own", "content", "expected"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "250000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 8),
        ("0::/\n", {"cpu.max": "1600000 100000\n"}, 8),
        ("0::/a/b\n", {"cpu.max": "max 100000", "a/cpu.max": "300000 100000", "a/b/cpu.max": "500000 100000"}, 3),
        ("0::/not/visible/here\n", {"cpu.max": "400000 100000\n"}, 4),
        ("4:memory:/x\n1:cpu,cpuacct:/x\n", v1("cpu/x", "300000"), 3),
        ("1:cpu:/\n0::/\n", v1("cpu", "-1"), 8),
        ("4:cpuset:/x\n", v1("cpu/x", "100000"), 8),
        ("1:cpu,cpuacct:/x\n", v1("cpu,cpuacct", "200000"), 2),
        ("0::/\n", {"cpu.max": "nonsense"}, 8),
        ("0::/\n", {"cpu.max": "100000 0"}, 8),
        ("0::/../../etc\n", {}, 8),
        ("", {}, 8),
    ],
)  # fmt: skip
def test_the_tightest_quota_binds(tmp_path, own, content, expected):
    root, listing = tmp_path / "cgroup", tmp_path / "own"
    files(root, content)
    listing.write_text(own)
    assert cpu_limit(root, listing) == expected


def test_no_cgroups_at_all(tmp_path):
    assert cpu_limit(tmp_path / "none", tmp_path / "none either") == 8


def test_this_machine():
    assert 1 <= cpu_limit() <= 8
