"""A holder, three guardians, and a chain whose clock may be moved; through the installed mip."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mip_cli.chain.devnet import developer_signer
from mip_cli.crypto import shamir
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.guardian.guardian_files import PART, open_part
from mip_cli.flows.recovery import recover
from mip_cli.progress import Silent
from mip_cli.store import guardianships
from tests.e2e.chains import Chain, new_device
from tests.e2e.devices import Device, Holder
from tests.e2e.process import Result, Seen

NAMES = ("ben", "eve", "kim")
NEW_PASSWORD = f"after {secrets.token_hex(12)}"
GUARDIAN_PASSWORD = f"guard {secrets.token_hex(12)}"


@dataclass(frozen=True)
class Cast:
    """Everybody, each with a data folder of his own."""

    root: Path
    chain: Chain
    holder: Holder
    photos: demo_photos.Photos

    def device(self, name: str) -> Device:
        """Somebody's machine, made at first use."""
        root = self.root / name
        if not root.exists():
            return new_device(root, self.chain)
        return replace(self.holder.device, root=root)

    @property
    def opening(self) -> list[str | Path]:
        """What opens the holder's passport; the password comes on stdin."""
        return ["--image", self.photos.again, "--password-file", "-"]

    def mine(self, *arguments: str | Path) -> Result:
        """A command of the holder."""
        return self.holder.device.mip(
            *arguments, *self.opening, "--json", stdin=self.holder.password
        )

    def guard(self, name: str, *arguments: str | Path) -> Result:
        """A command of a guardian."""
        command = (*arguments, "--password-file", "-", "--json")
        return self.device(name).mip(*command, stdin=GUARDIAN_PASSWORD)

    def later(self, hours: int) -> None:
        self.chain.device.mip("dev", "advance", "--hours", str(hours), "--json").succeeded()

    def card(self, name: str) -> Path:
        out = self.root / "post"
        out.mkdir(exist_ok=True)
        invitation, card = out / f"{name}-invitation.json", out / f"{name}-card.json"
        self.mine(
            "guardian", "invite", "--guardian", name, "--me", "Ada", "-o", invitation
        ).succeeded()
        made = self.guard(name, "guardian", "accept", invitation, "--name", "ada", "-o", card)
        assert len(made.succeeded().json["words"].split()) == 5
        return card

    def propose(self, *arguments: str | Path) -> dict[str, Any]:
        out = self.root / "post"
        made = self.mine("guardian", "set", *arguments, "-o", out, "--yes").succeeded().json
        for name, part in made["parts"].items():
            self.guard(name, "guardian", "keep", part).succeeded()
        return made

    def set_guardians(self) -> None:
        cards = [option for name in NAMES for option in ("--card", self.card(name))]
        self.propose(*cards)
        self.later(48)
        done = self.mine("guardian", "finish").succeeded().json
        assert (done["guardians"], done["threshold"]) == (3, 2)

    def export(self) -> tuple[Path, str]:
        """A backup, and the locator from a guardian's part."""
        backup = self.root / "post" / "backup.mip"
        if not backup.exists():
            self.mine("passport", "export", "-o", backup).succeeded()
        found = self.guard("ben", "guardian", "check").succeeded().json
        return backup, found["parts"][0]["locator"]

    def start(self, device: Device, backup: Path | None, locator: str) -> Path:
        """Begin on a device; returns the ask."""
        ask = self.root / "post" / "ask.json"
        source = ["--backup", backup] if backup else []
        command = ["recover", "start", "--locator", locator, *source, "--image", self.photos.first]
        self.recover(device, *command[1:], "-o", ask, "--force").succeeded()
        return ask

    def recover(self, device: Device, *arguments: str | Path) -> Result:
        command = self.recover_command(*arguments)
        return device.mip(*command, stdin=NEW_PASSWORD)

    def recover_command(self, *arguments: str | Path) -> list[str | Path]:
        return ["recover", *arguments, "--password-file", "-", "--json"]

    def continue_command(self, *arguments: str | Path) -> list[str | Path]:
        return self.recover_command("continue", "--image", self.photos.again, *arguments)

    def answer(self, name: str, ask: Path) -> Path:
        answer = self.root / "post" / f"{name}-answer.json"
        self.guard(name, "guardian", "answer", ask, "-o", answer, "--yes", "--force").succeeded()
        return answer

    def answers(self, ask: Path, *names: str) -> list[str | Path]:
        return [
            option
            for name in names or NAMES[:2]
            for option in ("--answers", self.answer(name, ask))
        ]

    def old_password(self) -> list[str | Path]:
        path = self.root / "old-password"
        if not path.exists():
            path.touch(0o600)
            path.write_text(self.holder.password)
        return ["--old-password-file", path]

    def payments(self) -> int:
        """Transactions of the account that pays."""
        account = developer_signer(1).address
        return int(self.chain.ask("eth_getTransactionCount", account, "latest"), 16)

    def learn(self, seen: Seen, *recovering: Device) -> None:
        """Note the forms in which secrets of holder, guardians and recoveries could leak."""
        self.holder.open()
        shares: dict[int, bytes] = {}
        threshold = 2
        for name in NAMES:
            data = self.device(name).data
            found = guardianships.open_with_password(data, "ada", GUARDIAN_PASSWORD.encode())
            content = found.content
            note(seen, f"secret of {name}", content.secret.to_bytes(32, "big"))
            note(seen, f"salt of {name}", content.salt.to_bytes(32, "big"))
            note(seen, f"key of {name}", content.private_key)
            part = PART.decode(content.parts[0])
            shares[part.number] = open_part(part, content.private_key)
            note(seen, f"share of {name}", shares[part.number])
        some = dict(list(shares.items())[:threshold])
        note(seen, "people secret", shamir.combine(threshold, some))
        for device in recovering:
            found = recover.open_progress(
                device.settings, "default", NEW_PASSWORD.encode(), self.photos.again, Silent()
            )
            note(seen, "key of an ask", found.content.private_key)
            note(seen, "new keys salt", found.content.own.keys_salt.to_bytes(32, "big"))
            head = found.content.own.template[:24]
            for separator in (",", ", "):
                seen.canaries[separator.join(map(str, head)).encode()] = "new template"
        for password in (NEW_PASSWORD, GUARDIAN_PASSWORD):
            seen.canaries[password.encode()] = "password"

    def leaks(self, seen: Seen) -> dict[Path, set[str]]:
        """What lies in clear on anybody's machine or in the post."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            if path.is_file() and not path.is_symlink() and path.name != "old-password":
                leaked = seen.leaks(path.read_bytes())
                if path.parts[-2:] == ("device", "secret"):
                    leaked -= {"device secret"}
                if leaked:
                    found[path] = leaked
        return found

    @contextmanager
    def branch(self, root: Path) -> Iterator[Cast]:
        """Let a test change everything, and put the chain back afterwards."""
        snapshot = self.chain.ask("evm_snapshot")
        shutil.copytree(self.root, root)
        device = replace(self.holder.device, root=root / "holder")
        try:
            yield replace(self, root=root, holder=replace(self.holder, device=device))
        finally:
            assert self.chain.ask("evm_revert", snapshot)


def note(seen: Seen, name: str, raw: bytes) -> None:
    number = int.from_bytes(raw, "big")
    forms = (raw, raw[::-1], str(number).encode(), raw.hex().encode(), base64.b64encode(raw))
    for form in (*forms, raw.hex().upper().encode()):
        seen.canaries[form] = name


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found
