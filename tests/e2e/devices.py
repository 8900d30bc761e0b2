"""Machines of holders, and the holders at them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mip_cli.config import Settings, load_settings
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.progress import Silent
from mip_cli.store import device as device_store
from mip_cli.store.keyfile import Unlocked
from tests.e2e.process import CHECKOUT, MIP, Process, Result, Seen
from tests.head_start import warm

FACES = Path(__file__).parents[3] / "shared" / "faces"
VOTE = ("--app", "PassportVote", "--call", "vote(uint256)", "--arg", "1")
CLAIM = ("--app", "PassportClaim", "--call", "claim()")


@dataclass(frozen=True)
class Device:
    """One person's machine: folders of its own, a node to speak to."""

    root: Path
    rpc_url: str
    seen: Seen
    chain_data: Path
    """Data folder of the device that runs the chain."""

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def cache(self) -> Path:
        return self.root / "cache" / "mip"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def settings(self) -> Settings:
        """The settings that the commands run under."""
        assert CHECKOUT is not None, "these tests run in a checkout"
        base = load_settings({"HOME": str(self.root), "MIP_KEYRING": "off"})
        return replace(base, data_dir=self.data, cache_dir=self.cache, rpc_url=self.rpc_url)

    def at(self, rpc_url: str) -> Device:
        """The same device with another node."""
        return replace(self, rpc_url=rpc_url)

    def start(
        self,
        *arguments: str | Path,
        stdin: str | None = None,
        env: dict[str, str] | None = None,
        **options: Any,
    ) -> Process:
        """Start a command without a terminal."""
        environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.root),
            "XDG_CACHE_HOME": str(self.root / "cache"),
            "TMPDIR": str(self.tmp),
            "MIP_DATA_DIR": str(self.data),
            "MIP_RPC_URL": self.rpc_url,
            "MIP_KEYRING": "off",  # tests leave the keyring of whoever runs them alone
            "PYTHONWARNINGS": "ignore",
            **{name: value for name, value in os.environ.items() if name.startswith("MALLOC_")},
            **(env or {}),
        }
        return Process(
            self.seen,
            [MIP, *arguments],
            environ,
            stdin,
            cwd=options.pop("cwd", self.out),
            **options,
        )

    def mip(self, *arguments: str | Path, stdin: str | None = None, **options: Any) -> Result:
        """Run a command to its end."""
        return self.start(*arguments, stdin=stdin, **options).result()

    def files(self) -> dict[Path, bytes]:
        """Everything on this device but the chain's own files and what can be rebuilt."""
        return {
            path: path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
            and not path.is_symlink()
            and path.stat().st_size
            and "devnet" not in path.parts
            and "cache" not in path.parts
            and path.name != "attempts.json"  # counts photos, also of refused commands
        }

    def leftovers(self) -> list[Path]:
        """Temporary files that nobody will look at again."""
        found = [path for path in self.root.rglob("*") if path.name.endswith((".mip-tmp", ".part"))]
        return [p for p in found if "devnet" not in p.parts] + list(self.tmp.iterdir())


@dataclass(frozen=True)
class Holder:
    """A person with a passport on a device."""

    device: Device
    name: str
    password: str
    image: Path
    again: Path

    @property
    def key_file(self) -> Path:
        return self.device.data / "passports" / f"{self.name}.mip"

    def at(self, rpc_url: str) -> Holder:
        return replace(self, device=self.device.at(rpc_url))

    def enroll_command(self, image: Path | None = None) -> list[str | Path]:
        return [
            *("enroll", "--image", image or self.image, "--passport", self.name),
            *("--password-file", "-", "--json"),
        ]

    def enroll(self, image: Path | None = None, password: str | None = None) -> Result:
        return self.device.mip(*self.enroll_command(image), stdin=password or self.password)

    def prove_command(
        self, *what: str | Path, image: Path | None = None, app: Sequence[str] = VOTE
    ) -> list[str | Path]:
        return [
            *("prove", "--image", image or self.again, "--passport", self.name, *app, *what),
            *("--password-file", "-", "--yes", "--json"),
        ]

    def prove(
        self,
        *what: str | Path,
        image: Path | None = None,
        app: Sequence[str] = VOTE,
        password: str | None = None,
        **options: Any,
    ) -> Result:
        command = self.prove_command(*what, image=image, app=app)
        return self.device.mip(*command, stdin=password or self.password, **options)

    def show_command(self) -> list[str | Path]:
        return [
            *("passport", "show", "--image", self.again, "--passport", self.name),
            *("--password-file", "-"),
        ]

    def rotate_command(self, *what: str | Path) -> list[str | Path]:
        return [
            *("passport", "rotate", "--image", self.again, "--passport", self.name, *what),
            *("--password-file", "-", "--json"),
        ]

    def open(self) -> Unlocked:
        """Open the key file in this process and note what must not leak from it."""
        settings = self.device.settings
        factors = Factors(self.password.encode(), self.again)
        opened = passport_file.open_passport(settings, self.key_file, factors, Silent())
        secret = device_store.ensure(settings.data_dir, None).value
        self.device.seen.learn(opened, self.password, secret)
        return opened.unlocked


def make_device(
    root: Path, seen: Seen, rpc_url: str, chain_data: Path | None = None, *, used: bool = True
) -> Device:
    """Make one that has proved before, with another passport; else one that compiles circuits."""
    device = Device(root, rpc_url, seen, chain_data or root / "data")
    for folder in (device.tmp, device.out, device.data):
        folder.mkdir(mode=0o700, parents=True)
    if used:
        warm(device.cache)
    return device


def new_holder(device: Device, photos: demo_photos.Photos, name: str = "default") -> Holder:
    password = f"pass {secrets.token_hex(12)}"
    return Holder(device, name, password, photos.first, photos.again)
