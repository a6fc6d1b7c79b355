"""The image, built for real without a daemon or a registry: on a Debian that debootstrap makes once, then run by runc.

Run by hand, as root: `python -m tests.image` builds it and prints what is in it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.needs import missing, require_program

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
SUITE = "bookworm"
PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"
PROGRAMS = ("buildah", "debootstrap", "umoci", "runc")
CERTIFICATES = "/etc/ssl/certs"
NAME, BASE = "offmap:ci", "localhost/offmap-base:ci"
USER = 65532


def require_image_programs() -> None:
    """Root, and what builds and runs images; skips, or fails in CI."""
    if os.geteuid() != 0:
        missing("root", "run it as root: buildah and runc need it here")
    for name in PROGRAMS:
        require_program(name, f"install {name} (Debian: {' '.join(PROGRAMS)})")


def base_archive() -> Path:
    """Return a Debian with Python as a tar file, made the first time (86 s, 235 MB)."""
    own = os.environ.get("OFFMAP_CACHE")
    cache = (
        Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "offmap"
    ) / "image"
    archive = cache / f"{SUITE}.tar"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            root = Path(scratch) / "root"
            _run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root)])
            shutil.rmtree(root / "var/cache/apt/archives")
            fresh = Path(scratch) / "root.tar"
            _run(["tar", "--create", f"--file={fresh}", f"--directory={root}", "."])
            fresh.rename(archive)
    return archive


class Image:
    """The built image, unpacked into a bundle that runc runs.

    Parameters
    ----------
    folder : Path
        Empty; everything is kept in there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._buildah = ["buildah", "--storage-driver=vfs", f"--root={folder / 'root'}", f"--runroot={folder / 'run'}"]
        self.log, self._spec = "", ""
        self.bundle = folder / "bundle"

    def build(self) -> None:
        """Build the base, then the image on it, and unpack that."""
        context = self._folder / "base"
        context.mkdir()
        os.link(base_archive(), context / "root.tar")
        (context / "Dockerfile").write_text("FROM scratch\nADD root.tar /\n")
        self._call("bud", "--isolation=chroot", f"--tag={BASE}", str(context))
        (found,) = json.loads(self._call("images", "--json", BASE))
        arguments = [f"--build-arg=BASE_IMAGE={BASE.partition(':')[0]}", f"--build-arg=BASE_DIGEST={found['digest']}"]
        self.log = self._call(
            *("bud", "--isolation=chroot", "--pull-never", f"--volume={CERTIFICATES}:{CERTIFICATES}:ro"),
            *(*arguments, f"--tag={NAME}", str(ROOT)),
        )
        self._call("push", NAME, f"oci:{self._folder / 'oci'}:ci")
        _run(["umoci", "unpack", f"--image={self._folder / 'oci'}:ci", str(self.bundle)])
        self._spec = (self.bundle / "config.json").read_text()

    def config(self) -> dict[str, Any]:
        """Return what the image says of itself."""
        found: dict[str, Any] = json.loads(self._call("inspect", "--type=image", NAME))["OCIv1"]
        return found

    def installed_bytes(self) -> int:
        """Size of what is added to the base."""
        root = self.bundle / "rootfs/opt/offmap"
        return sum(path.lstat().st_size for path in root.rglob("*") if not path.is_dir())

    @contextmanager
    def running(
        self, name: str, arguments: list[str], mounts: dict[str, Path], user: int = USER
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run it with a read-only root, no capabilities, this machine's network, and these places mounted."""
        spec = json.loads(self._spec)
        spec["process"] |= {"terminal": False, "noNewPrivileges": True}
        if user != USER:
            spec["process"]["user"] = {"uid": user, "gid": 0}
        spec["process"]["args"] = ["/opt/offmap/bin/offmap", *arguments]
        spec["process"]["capabilities"] = {}
        spec["root"]["readonly"] = True
        spec["linux"]["namespaces"] = [each for each in spec["linux"]["namespaces"] if each["type"] != "network"]
        for place, source in mounts.items():
            options = ["bind", "rw" if source.is_dir() else "ro"]
            spec["mounts"].append({"destination": place, "type": "bind", "source": str(source), "options": options})
        (self.bundle / "config.json").write_text(json.dumps(spec))
        with (self._folder / f"{name}.log").open("wb") as log:
            command = ["runc", f"--root={self._folder / 'runc'}", "run", f"--bundle={self.bundle}", name]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()  # runc passes it on
                process.wait(40)

    def _call(self, *arguments: str) -> str:
        return _run([*self._buildah, *arguments])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        raise AssertionError(f"{' '.join(command[:6])} …:\n{(done.stdout + done.stderr)[-4000:]}")
    return done.stdout


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="offmap-image-") as name:
        image = Image(Path(name))
        image.build()
        sys.stdout.write(f"{image.log}\ninstalled: {image.installed_bytes() / 1e6:.0f} MB\n")
