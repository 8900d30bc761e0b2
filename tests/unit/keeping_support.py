"""A holder of credentials with and without an archive, for the tests of where they are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from mip_cli.config import Settings, load_settings
from mip_cli.crypto.kdf import KdfParams
from mip_cli.flows.archive import archive_records
from mip_cli.flows.kyc import keeping
from mip_cli.progress import Silent
from mip_cli.store import keyfile
from mip_cli.store.archive import head, stores
from mip_cli.store.archive.archive import Archive
from mip_cli.store.credential_records import CredentialRecords
from mip_cli.store.credentials import FaceOpening, Held
from mip_cli.store.keyfile import Unlocked
from mip_cli.store.slots import PasswordLock
from tests.unit.archive_support import reader
from tests.unit.keyfile.conftest import all_locks, passport_secrets

CANARY = "Lovelace-Canary"
DOCUMENT = f'{{"claims": "{CANARY}"}}'.encode()
FACE = FaceOpening(9, tuple(range(-64, 64)), 123456789)
PROGRESS = Silent()


@dataclass
class Holder:
    """A passport on a device, opened."""

    settings: Settings
    unlocked: Unlocked

    @property
    def home(self) -> Path:
        return head.home_of(self.settings.data_dir, "default")

    @property
    def files(self) -> list[str]:
        """What lies in the sealed store."""
        return keeping.wallet_of(self.settings, self.unlocked).ids()

    def archive(self, act: Callable[[Archive], Any] = lambda archive: None) -> Any:
        """Do something in the archive, which begins where there is none."""
        with archive_records.attached(
            self.settings, "default", self.unlocked, PROGRESS, create=stores.DEFAULT
        ) as session:
            found = act(session.archive)
            session.archive.commit()
            self.unlocked = session.unlocked
        return found

    def begin(self) -> None:
        self.archive(lambda a: a.put("identity", "note.txt", "text/plain", 4, reader(b"note")))

    def keep(self, number: int, document: bytes = DOCUMENT) -> str:
        moved = keeping.keep(self.settings, self.unlocked, held(number, document), PROGRESS)
        assert moved.fault is None
        return held(number).id

    def look(self) -> keeping.Kept:
        return keeping.look(self.settings, self.unlocked, PROGRESS)

    def move(self) -> keeping.Moved:
        return keeping.move(self.settings, self.unlocked, PROGRESS)

    def remove(self, name: str) -> None:
        keeping.remove(self.settings, self.unlocked, name, PROGRESS)
        self.unlocked = keyfile.reread(self.unlocked)

    def archived(self) -> dict[str, Held]:
        vault = keeping.wallet_of(self.settings, self.unlocked).vault
        found, damaged = self.archive(lambda a: CredentialRecords(a, vault).read())
        assert damaged == []
        return dict(found)


def held(number: int, document: bytes = DOCUMENT, created: int = 7) -> Held:
    return Held(number + 5, number, created, document, FACE)


@pytest.fixture
def holder(tmp_path: Path) -> Holder:
    settings = replace(load_settings({"HOME": str(tmp_path)}), data_dir=tmp_path / "data")
    kdf = KdfParams(bytes(32), memory_kib=64 * 1024, iterations=3, lanes=4)
    secrets = passport_secrets(password_kdf=kdf)
    path = settings.data_dir / "passports" / "default.mip"
    locks = [PasswordLock(kdf, bytes(32)), *all_locks(passport_secrets())[1:]]
    return Holder(settings, keyfile.create(path, secrets, locks))
