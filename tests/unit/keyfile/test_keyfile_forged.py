"""The sealed key file: forgeries, each with its own refusal."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mip_cli.crypto.kdf import KdfParams
from mip_cli.errors import FileInvalid, WrongSecret
from mip_cli.models import Kind
from mip_cli.store import container, keyfile, secrets_codec
from tests.unit.keyfile.conftest import (
    PAIRS,
    all_locks,
    flip,
    open_by,
    open_cheap,
    passport_secrets,
    rewrite,
)


def test_open__cleans_up_after_a_killed_writer(path, created):
    leftover = path.parent / ".default.mip.00.mip-tmp"
    leftover.write_bytes(b"half")
    open_cheap(path)
    assert not leftover.exists()


def test_open__distinct_refusals(path, created):
    good = path.read_bytes()
    deep = b'{"format":' + b"[" * 100_000
    cases = {
        b"": "is empty",
        good[: len(good) // 2]: "cut short",
        b"hello": "not a key file",
        deep: "cut short",
        b'{"format": "mip.keyfile/9"}': "unknown version",
        b'{"format": "mip.keyfile/1"}': "unknown version",
        b'{"format": "mip.proof/1"}': "not a key file",
        b"[]": "not a key file",
        good.replace(b"password", b"passwort"): "not a key file",
        good.replace(b'"lanes": 1', b'"lanes": 2'): "is damaged",
        good + b"\n": "is damaged",
        good.replace(b'{\n  "format"', b'{\n  "mac": "0x00",\n  "format"'): "is damaged",
        good + b" " * container.MAX_BYTES: "larger than",
    }
    for data, message in cases.items():
        path.write_bytes(data)
        with pytest.raises(FileInvalid, match=message):
            open_cheap(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(FileInvalid, match="symbolic link"):
        open_cheap(path)


FORGERIES = [
    ("password wrapped", {Kind.PASSWORD}, WrongSecret, "does not open"),
    ("password nonce", {Kind.PASSWORD}, WrongSecret, "does not open"),
    ("salt", {Kind.PASSWORD}, WrongSecret, "does not open"),
    ("lanes", {Kind.PASSWORD}, WrongSecret, "does not open"),
    ("face wrapped", {Kind.FACE}, FileInvalid, "was altered"),
    ("face nonce", {Kind.FACE}, FileInvalid, "was altered"),
    ("face device", {Kind.FACE}, FileInvalid, "was altered"),
    ("people wrapped", {Kind.PEOPLE}, WrongSecret, "parts do not open"),
    ("people encapsulated", {Kind.PEOPLE}, WrongSecret, "parts do not open"),
    ("people public_key", {Kind.PEOPLE}, WrongSecret, "parts do not open"),
    ("payload", set(Kind), FileInvalid, "was altered"),
    ("mac", set(Kind), FileInvalid, "was altered"),
    ("weak", set(Kind), FileInvalid, "weaker"),
    ("huge", set(Kind), FileInvalid, "more memory"),
    ("twice", set(Kind), FileInvalid, "not a key file"),
    ("order", set(Kind), FileInvalid, "not a key file"),
    ("one", set(Kind), FileInvalid, "not a key file"),
    ("kind", set(Kind), FileInvalid, "not a key file"),
    ("member", set(Kind), FileInvalid, "is damaged"),
]


def forge(document: Any, field: str) -> None:
    slots = document["slots"]
    password, face, people = slots
    match field.split():
        case [kind, name]:
            slot = {"password": password, "face": face, "people": people}[kind]
            slot[name] = flip(slot[name])
        case ["salt"]:
            password["kdf"]["salt"] = flip(password["kdf"]["salt"])
        case ["lanes"]:
            password["kdf"]["lanes"] = 2
        case ["weak"]:
            password["kdf"]["memory_kib"] = 7
        case ["huge"]:
            password["kdf"]["memory_kib"] = 1 << 40
        case ["payload"]:
            document["payload"]["ciphertext"] = flip(document["payload"]["ciphertext"])
        case ["mac"]:
            document["mac"] = flip(document["mac"])
        case ["twice"]:
            slots[1] = password
        case ["order"]:
            slots.reverse()
        case ["one"]:
            del slots[1:]
        case ["kind"]:
            password["kind"] = "people"
        case ["member"]:
            people["more"] = 1


@pytest.mark.parametrize(("field", "kinds", "error", "message"), FORGERIES)
def test_open__forged_with_fresh_checksum(path, created, field, kinds, error, message):
    """Each tamper is found by whichever pair of kinds opens the file, with its own verdict."""
    rewrite(path, lambda document: None)
    open_by(path, *Kind)  # the forger's spelling alone is right
    rewrite(path, lambda document: forge(document, field))
    for pair in PAIRS:
        # a slot that is not used tells by the MAC
        expected = (error, message) if pair & kinds else (FileInvalid, "was altered")
        with pytest.raises(expected[0], match=expected[1]):
            open_by(path, *pair)


def test_open__verdicts_come_in_their_order(path, created):
    """Form, checksum, KDF bounds, slots, MAC: the first that is wrong, whatever else is."""

    def all_wrong(document: Any) -> None:
        for field in ("mac", "payload", "people wrapped", "face wrapped", "password wrapped"):
            forge(document, field)

    rewrite(path, all_wrong)
    steps = [(WrongSecret, "the password does not open"), (WrongSecret, "parts do not open")]
    with pytest.raises(steps[0][0], match=steps[0][1]):
        open_by(path, *Kind)
    with pytest.raises(steps[1][0], match=steps[1][1]):
        open_by(path, Kind.FACE, Kind.PEOPLE)
    rewrite(path, lambda document: forge(document, "weak"))
    with pytest.raises(FileInvalid, match="weaker"):
        open_by(path, *Kind)
    path.write_bytes(path.read_bytes().replace(b'"lanes": 1', b'"lanes": 2'))
    with pytest.raises(FileInvalid, match="is damaged"):
        open_by(path, *Kind)
    path.write_bytes(path.read_bytes().replace(b"mip.keyfile/2", b"mip.keyfile/3"))
    with pytest.raises(FileInvalid, match="unknown version"):
        open_by(path, *Kind)


def test_open__payload_of_another_passport(path, created):
    other = path.with_name("other.mip")
    secrets = passport_secrets(name="other")
    keyfile.create(other, secrets, all_locks(secrets))
    swapped = json.loads(other.read_bytes())["payload"]
    rewrite(path, lambda document: document.update(payload=swapped))
    with pytest.raises(FileInvalid, match="was altered"):
        open_cheap(path)


def test_open__secrets_of_another_password(path, created):
    """Even the holder of the root key cannot pair a slot with another password's commitment."""
    other = replace(created.secrets, password_kdf=KdfParams(bytes(32), 16, 1, 1))
    sealed = container.reseal(created.sealed, content=secrets_codec.encode(other))
    path.write_bytes(container.serialize(sealed.envelope))
    with pytest.raises(FileInvalid, match="contradicts itself"):
        open_cheap(path)


def test_open__content_that_is_no_passport(path, created):
    sealed = container.reseal(created.sealed, content=b'{"format":"mip.recovery/1"}')
    path.write_bytes(container.serialize(sealed.envelope))
    with pytest.raises(FileInvalid, match="passport of another version"):
        open_cheap(path)
