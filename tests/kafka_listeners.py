"""The doors of the test broker: without protection, SASL PLAIN, SASL SCRAM, TLS."""

from __future__ import annotations

import socket
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PLAIN_USER, SCRAM_USER, PASSWORD = "alice", "bob", "correct-horse"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required"
_OPEN = {"CONTROLLER": "PLAINTEXT", "PLAINTEXT": "PLAINTEXT"}
_SECURE = {"PLAIN": "SASL_PLAINTEXT", "SCRAM": "SASL_PLAINTEXT", "TLS": "SSL", "SCRAM_TLS": "SASL_SSL"}


class Listeners:
    """Ports and settings of a broker's listeners.

    Attributes
    ----------
    ports : dict of str to int
        CONTROLLER and PLAINTEXT, and when secure also PLAIN, SCRAM, TLS and SCRAM_TLS.
    ca_file : Path
        The certificate that a client has to trust for the TLS listeners (valid for localhost and 127.0.0.1).
    """

    def __init__(self, folder: Path, *, secure: bool) -> None:
        self.secure = secure
        self.ports: dict[str, int] = {}
        self.ca_file = folder / "ca.pem"
        self._protocols = _OPEN | (_SECURE if secure else {})
        self._keystore = folder / "broker.p12"

    def choose(self) -> None:
        """Take ports that are free now, and make the certificate."""
        self.ports = dict(zip(self._protocols, unused_ports(len(self._protocols)), strict=True))
        if self.secure and not self.ca_file.exists():
            self._make_certificate()

    def settings(self) -> dict[str, str]:
        """Return the broker's properties that describe the listeners."""
        urls = {name: f"{name}://127.0.0.1:{port}" for name, port in self.ports.items()}
        settings = {
            "listeners": ",".join(urls.values()),
            "advertised.listeners": ",".join(url for name, url in urls.items() if name != "CONTROLLER"),
            "listener.security.protocol.map": ",".join(f"{name}:{p}" for name, p in self._protocols.items()),
            "inter.broker.listener.name": "PLAINTEXT",
        }
        return settings | (self._secure_settings() if self.secure else {})

    def _secure_settings(self) -> dict[str, str]:
        settings = {
            "listener.name.plain.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.plain.plain.sasl.jaas.config": f'{_PLAIN} user_{PLAIN_USER}="{PASSWORD}";',
        }
        for name in ("scram", "scram_tls"):
            settings[f"listener.name.{name}.sasl.enabled.mechanisms"] = "SCRAM-SHA-256,SCRAM-SHA-512"
            for mechanism in ("scram-sha-256", "scram-sha-512"):
                settings[f"listener.name.{name}.{mechanism}.sasl.jaas.config"] = f"{_SCRAM};"
        for name in ("tls", "scram_tls"):
            settings[f"listener.name.{name}.ssl.keystore.type"] = "PKCS12"
            settings[f"listener.name.{name}.ssl.keystore.location"] = str(self._keystore)
            settings[f"listener.name.{name}.ssl.keystore.password"] = PASSWORD
        return settings

    def _make_certificate(self) -> None:
        store = ["-alias", "broker", "-keystore", str(self._keystore), "-storetype", "PKCS12", "-storepass", PASSWORD]
        key = ["-genkeypair", "-keyalg", "EC", "-dname", "CN=offmap test broker", "-validity", "2"]
        names = ["-ext", "san=dns:localhost,ip:127.0.0.1", "-ext", "bc:critical=ca:true"]
        keytool(*key, *names, *store)
        keytool("-exportcert", "-rfc", "-file", str(self.ca_file), *store)


def keytool(*arguments: str) -> None:
    """Run the JDK's keytool: it is there wherever the broker can run."""
    subprocess.run(["keytool", *arguments], check=True, capture_output=True)


def unused_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody listened on a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
