"""An issuer on a device of its own, for holders who speak through the installed ``mip``."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mip_cli.crypto.policy_text import EXAMPLE_POLICY, EXAMPLE_SCHEMA
from tests.e2e.chains import Chain, new_device
from tests.e2e.devices import Device
from tests.e2e.process import Result
from tests.ports import unused_port
from tests.waiting import wait_for

CANARY = "Lovelace-Canary"
ADULT = {
    "given_name": "Ada",
    "family_name": CANARY,
    "birth_date": "1990-12-10",
    "nationality": "GBR",
    "residence": "DE",
    "assurance": 3,
}
PASSWORD = "a password of the city hall"  # noqa: S105 - of a test

Mip = Callable[..., Result]
"""Runs a command with a holder's keys."""


@dataclass(frozen=True)
class City:
    """The issuer."""

    device: Device

    @classmethod
    def on(cls, root: Path, chain: Chain) -> City:
        device = new_device(root, chain)
        (device.out / "schema.json").write_text(json.dumps(EXAMPLE_SCHEMA))
        (device.out / "claims.json").write_text(json.dumps(ADULT))
        (device.out / "adult.json").write_text(json.dumps(EXAMPLE_POLICY))
        (device.out / "password").touch(0o600)
        (device.out / "password").write_text(PASSWORD)
        city = cls(device)
        made = city.mip("init", "--title", "City of Example").succeeded().json
        assert made["number"] in EXAMPLE_POLICY["issuers"]
        return city

    def mip(self, *what: str | Path) -> Result:
        password = ("--password-file", self.device.out / "password")
        return self.device.mip("kyc", "issuer", *what, *password, "--json")

    def issue(self, mip: Mip, name: str) -> dict[str, Any]:
        """Let a holder ask for a credential and import it."""
        out = self.device.out
        request, made = out / f"{name}-request.json", out / f"{name}.json"
        mip("kyc", "request", "-o", request, "--json").succeeded()
        self.mip(
            *("issue", "--schema", out / "schema.json", "--claims", out / "claims.json"),
            *("--request", request, "-o", made, "--yes"),
        ).succeeded()
        return mip("kyc", "import", made, "--json").succeeded().json

    @contextmanager
    def offering(self) -> Iterator[tuple[str, Path]]:
        """Serve one offer; yield it and a file with its transaction code."""
        out, port = self.device.out, unused_port()
        made = self.mip(
            *("offer", "--url", f"http://127.0.0.1:{port}", "--yes"),
            *("--schema", out / "schema.json", "--claims", out / "claims.json"),
        ).succeeded()
        pin = out / "pin"
        pin.touch(0o600)
        pin.write_text(made.json["tx_code"])
        password = ("--password-file", out / "password")
        server = self.device.start("kyc", "issuer", "serve", "--port", str(port), *password)
        try:
            wait_for(lambda: listens(port), "the issuer's server", 90)
            yield made.json["offer"], pin
        finally:
            server.signal(signal.SIGTERM)
            server.result()

    def prove(self, mip: Mip, output: Path, *more: str | Path) -> Result:
        """Let a holder prove to ``AgeGate`` that he is of age."""
        act = ("--app", "AgeGate", "--call", "enter()", "-o", output, "--force", "--yes", "--json")
        return mip("prove", "--policy", self.device.out / "adult.json", *act, *more)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def kept(mip: Mip) -> dict[str, str]:
    """Return where each credential is kept."""
    listed = mip("kyc", "list", "--json").succeeded().json
    assert listed["complete"] is True
    return {one["id"]: one["kept_in"] for one in listed["credentials"]}


def sealed_files(device: Device) -> list[str]:
    """Return the names in the sealed store."""
    return sorted(path.stem for path in (device.data / "credentials").rglob("*.mip"))
