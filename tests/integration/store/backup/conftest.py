"""Backups of real key files: a person with a passport on a device, and a machine without it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from mip_cli.cli import main
from mip_cli.config import Settings, load_settings
from mip_cli.crypto.field import random_element, random_salt
from mip_cli.crypto.kdf import KdfParams
from mip_cli.crypto.people import PeopleSecret
from mip_cli.flows import face
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.passport_keys import own_keys
from mip_cli.progress import Silent
from mip_cli.store import keyfile, passports
from mip_cli.store.guardian_codec import GuardianState, Member, SetRecord
from mip_cli.store.secrets_codec import PassportSecrets, PassportStatus
from mip_cli.store.slots import PeopleLock
from mip_cli.units import Address, Epoch
from tests.head_start import portraits

PASSWORD = "correct horse battery staple"
OTHER_PASSWORD = "another horse altogether"
REGISTRY = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")


@dataclass(frozen=True)
class Owner:
    """A person with a passport on a device, and guardians."""

    settings: Settings
    photos: demo_photos.Photos
    content: PassportSecrets
    people: PeopleSecret

    @property
    def path(self) -> Path:
        return passports.passport_path(self.settings.data_dir, "default")

    @property
    def canaries(self) -> list[bytes]:
        """What nobody may find in the clear."""
        content = self.content
        values = [content.secret, content.face_salt, content.keys_salt]
        texts = [f"{value:064x}".encode() for value in values]
        return [*texts, content.anchor_key.hex().encode(), content.anchor.encode(), b"friend"]


def guardians(people: PeopleSecret) -> GuardianState:
    members = tuple(
        Member(f"friend {i}", bytes([i]) * 16, i + 1, bytes([i]) * 32, i, i) for i in range(3)
    )
    digests, fillers = (bytes(32),) * 3, tuple(range(100, 113))
    record = SetRecord(2, 3, 1, people.commitment, people.keypair.public, digests, members, fillers)
    return GuardianState(active=record)


@pytest.fixture(scope="package")
def template_owner(tmp_path_factory: pytest.TempPathFactory) -> Owner:
    photos = portraits(tmp_path_factory.mktemp("photos"))
    folder = tmp_path_factory.mktemp("device") / "data"
    settings = replace(load_settings(), data_dir=folder, keyring="off")
    template = face.enrolment_template(photos.first, settings, Silent())
    params = KdfParams(os.urandom(32))
    lock, keys = keyfile.password_lock(PASSWORD.encode(), params)
    people = PeopleSecret.random()
    content = PassportSecrets(
        name="default",
        status=PassportStatus.ENROLLED,
        created=1_790_000_000,
        secret=random_element(),
        anchor=Address("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"),
        anchor_key=os.urandom(32),
        epoch=Epoch(3),
        guardian_commitment=random_salt(),
        chain_id=31337,
        registry=REGISTRY,
        index=5,
        guardians=guardians(people),
        **own_keys(template, keys.stretched, params),
    )
    locks = [lock, passport_file.face_lock(settings, template), PeopleLock(people.keypair.public)]
    keyfile.create(passports.passport_path(folder, "default"), content, locks)
    return Owner(settings, photos, content, people)


@pytest.fixture
def owner(
    template_owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Owner]:
    """A copy of the device, for one test."""
    folder = tmp_path / "device"
    shutil.copytree(template_owner.settings.data_dir, folder)
    monkeypatch.setenv("MIP_KEYRING", "off")
    monkeypatch.chdir(tmp_path)
    before = os.umask(0o022)
    settings = replace(template_owner.settings, data_dir=folder)
    yield replace(template_owner, settings=settings)
    os.umask(before)


@pytest.fixture
def clean(owner: Owner, tmp_path: Path) -> Settings:
    """A machine that has never seen the passport."""
    return replace(owner.settings, data_dir=tmp_path / "clean")


@pytest.fixture
def mip(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def run(settings: Settings, *words: object, password: str = PASSWORD) -> int:
        stdin = TextIOWrapper(BytesIO(password.encode()))
        monkeypatch.setattr(sys, "stdin", stdin)
        return main(["--data-dir", str(settings.data_dir), "passport", *map(str, words)])

    return run


def export(owner: Owner, *words: object) -> list[object]:
    return ["export", "--image", owner.photos.again, "--password-file", "-", *words]


def open_with_people(settings: Settings, owner: Owner, name: str = "default") -> PassportSecrets:
    factors = Factors(password=PASSWORD.encode(), people=owner.people)
    return passport_file.unlock(settings, name, factors, Silent()).unlocked.secrets


def contents(settings: Settings) -> dict[str, bytes]:
    folder = passports.passports_dir(settings.data_dir)
    return {p.name: p.read_bytes() for p in folder.glob("[!.]*")} if folder.exists() else {}
