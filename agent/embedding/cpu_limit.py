"""How many CPUs this process may use: a container's limit is a cgroup quota, which `os.cpu_count` does not see."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_CGROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def cpu_limit(root: Path = _CGROUPS, own: Path = _OWN) -> int:
    """Return the number of threads worth starting.

    The smaller of the CPUs that this process may run on and the tightest quota of its cgroup and the cgroups above
    it, rounded down (a thread more than the quota only gets the others throttled), at least 1.

    Parameters
    ----------
    root : Path
        Where the cgroup file system is mounted; version 2 (`cpu.max`) and version 1 (`cpu.cfs_quota_us`) are read.
    own : Path
        The kernel's list of this process's cgroups.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min([float(allowed), *_quotas(root, own)])))


def _quotas(root: Path, own: Path) -> Iterator[float]:
    """Yield every quota that binds, in CPUs. Inside a container its own cgroup is usually mounted as the root."""
    for folder in _folders(root, own):
        for read in (_version_2, _version_1):
            try:
                quota = read(folder)
            except (OSError, ValueError, ZeroDivisionError):
                continue  # another version of cgroups, or a cgroup of another container, which is not visible here
            if quota is not None and quota > 0:
                yield quota


def _folders(root: Path, own: Path) -> Iterator[Path]:
    try:
        lines = own.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in ["0::/", *lines]:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        mounts = [root] if not controllers else [root / "cpu", root / controllers]
        parents = PurePosixPath(path.lstrip("/"))
        for mount in mounts if line != "0::/" else [root, root / "cpu", root / "cpu,cpuacct"]:
            yield from (mount / part for part in (parents, *parents.parents) if ".." not in part.parts)


def _version_2(folder: Path) -> float | None:
    quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
    return None if quota == "max" else int(quota) / int(period)


def _version_1(folder: Path) -> float | None:
    quota = int((folder / "cpu.cfs_quota_us").read_text(encoding="ascii"))
    period = int((folder / "cpu.cfs_period_us").read_text(encoding="ascii"))
    return None if quota < 0 else quota / period
