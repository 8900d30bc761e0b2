"""A key file that is cheap to open, and its locks."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from mip_cli.crypto.field import R
from mip_cli.crypto.kdf import KdfLimits, KdfParams
from mip_cli.crypto.people import PeopleSecret
from mip_cli.models import Kind
from mip_cli.store import keyfile
from mip_cli.store.keyfile import Unlocked
from mip_cli.store.secrets_codec import PassportSecrets, PassportStatus
from mip_cli.store.slots import FaceLock, Lock, PasswordLock, PeopleLock
from mip_cli.units import Address, Epoch

CHEAP = KdfLimits(8, 64, 2, 2, 8, 128)
PASSWORD = b"correct horse battery"
DEVICE = hashlib.sha256(b"device secret").digest()
PEOPLE = PeopleSecret(hashlib.sha256(b"people secret").digest())
PAIRS = [
    {Kind.PASSWORD, Kind.FACE},
    {Kind.PASSWORD, Kind.PEOPLE},
    {Kind.FACE, Kind.PEOPLE},
]


def passport_secrets(**changes: Any) -> PassportSecrets:
    values: dict[str, Any] = {
        "name": "default",
        "status": PassportStatus.PREPARED,
        "created": 1_790_000_000,
        "secret": R - 12345678901234567890,
        "anchor": Address("0x" + "C0ffee" + "42" * 17),
        "anchor_key": hashlib.sha256(b"anchor key").digest(),
        "epoch": Epoch(0),
        "face_spec": "canary-128/1",
        "face_spec_id": 0xCA7A9,
        "template": tuple((i * 37) % 255 - 127 for i in range(128)),
        "face_salt": int.from_bytes(hashlib.sha256(b"face").digest()[1:], "big"),
        "keys_salt": int.from_bytes(hashlib.sha256(b"keys").digest()[1:], "big"),
        "password_commitment": int.from_bytes(hashlib.sha256(b"password").digest()[1:], "big"),
        "twin_commitment": int.from_bytes(hashlib.sha256(b"twin").digest()[1:], "big"),
        "guardian_commitment": int.from_bytes(hashlib.sha256(b"guardian").digest()[1:], "big"),
        "password_kdf": KdfParams(bytes(range(32)), memory_kib=16, iterations=1, lanes=1),
    }
    return PassportSecrets(**values | changes)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "passports" / "default.mip"


def password_lock(secrets: PassportSecrets, password: bytes = PASSWORD) -> PasswordLock:
    return keyfile.password_lock(password, secrets.password_kdf, limits=CHEAP)[0]


def face_lock(secrets: PassportSecrets, secret: bytes = DEVICE) -> FaceLock:
    return FaceLock(b"device name 1234", secret, secrets.face_spec_id, secrets.template)


def all_locks(secrets: PassportSecrets) -> list[Lock]:
    people = PeopleLock(PEOPLE.keypair.public)
    return [password_lock(secrets), face_lock(secrets), people]


@pytest.fixture
def created(path):
    return keyfile.create(path, passport_secrets(), all_locks(passport_secrets()))


def open_by(path, *kinds: Kind, password=PASSWORD, device=DEVICE, people=PEOPLE) -> Unlocked:
    """Open with some kinds, the photo taken for matched."""
    envelope = keyfile.read(path, limits=CHEAP)
    shares = {}
    if Kind.PASSWORD in kinds:
        shares[Kind.PASSWORD], _ = keyfile.open_password(path, envelope, password, limits=CHEAP)
    if Kind.PEOPLE in kinds:
        shares[Kind.PEOPLE] = keyfile.open_people(path, envelope, people)
    if Kind.FACE in kinds:
        shares[Kind.FACE] = keyfile.open_face(path, envelope, device).share
    return keyfile.open_with(path, envelope, shares)


def open_cheap(path, password=PASSWORD) -> Unlocked:
    return open_by(path, Kind.PASSWORD, Kind.FACE, password=password)


def rewrite(path, change) -> None:
    """Change the document as a forger would: with a fresh checksum and the right spelling."""
    document = json.loads(path.read_bytes())
    del document["checksum"]
    change(document)
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    document["checksum"] = "0x" + hashlib.sha256(canonical).hexdigest()
    path.write_bytes(json.dumps(document, indent=2).encode() + b"\n")


def flip(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")
