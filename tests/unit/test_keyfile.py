"""The sealed key file: one spelling, distinct refusals, nothing in clear."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import fields, replace
from typing import Any

import pytest

from mip_cli.crypto.commitments import pack_template
from mip_cli.crypto.field import R
from mip_cli.crypto.kdf import KdfLimits, KdfParams
from mip_cli.errors import FileInvalid, KeyLocked, UsageFault, WrongSecret
from mip_cli.store import files, keyfile, passports, secrets_codec
from mip_cli.store.secrets_codec import PassportSecrets, PassportStatus
from mip_cli.units import Address, Epoch

CHEAP = KdfLimits(8, 64, 2, 2, 8, 128)
PASSWORD = b"correct horse battery"


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
        "guardian_salt": int.from_bytes(hashlib.sha256(b"guardian").digest()[1:], "big"),
        "password_kdf": KdfParams(bytes(range(32)), memory_kib=16, iterations=1, lanes=1),
    }
    return PassportSecrets(**values | changes)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "passports" / "default.mip"


@pytest.fixture
def created(path):
    return keyfile.create(path, passport_secrets(), PASSWORD, limits=CHEAP)


def open_cheap(path, password=PASSWORD):
    return keyfile.open_with_password(path, password, limits=CHEAP)


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


def test_open__gives_back_what_was_sealed(path, created):
    opened = open_cheap(path)
    assert opened.secrets == passport_secrets()
    assert opened == created
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_open__wrong_password(path, created):
    with pytest.raises(WrongSecret, match="the password does not open") as caught:
        open_cheap(path, b"correct horse batterY")
    assert caught.value.exit_code == 5


def test_create__keeps_an_existing_passport(path, created):
    before = path.read_bytes()
    with pytest.raises(UsageFault, match="exists"):
        keyfile.create(path, passport_secrets(), PASSWORD, limits=CHEAP)
    assert path.read_bytes() == before
    keyfile.create(path, passport_secrets(), b"another one", overwrite=True, limits=CHEAP)
    assert open_cheap(path, b"another one").secrets == passport_secrets()


def test_create__refuses_weak_protection_in_production(path):
    with pytest.raises(ValueError, match="weaker"):
        keyfile.create(path, passport_secrets(), PASSWORD)
    assert not path.exists()


def test_open__refuses_weak_protection_in_production(path, created):
    with pytest.raises(FileInvalid, match="weaker than mip accepts"):
        keyfile.open_with_password(path, PASSWORD)


def test_update__reseals_without_password(path, created):
    enrolled = replace(
        created.secrets,
        status=PassportStatus.ENROLLED,
        chain_id=31337,
        registry=Address("0x" + "11" * 20),
        index=7,
    )
    updated = keyfile.update(created, enrolled)
    assert open_cheap(path) == updated
    assert updated.secrets == enrolled
    assert updated.envelope.slots == created.envelope.slots
    assert updated.envelope.payload.nonce != created.envelope.payload.nonce
    with pytest.raises(KeyLocked, match="changed .* in the meantime"):
        keyfile.update(created, replace(enrolled, epoch=Epoch(1)))
    assert open_cheap(path).secrets == enrolled


def test_update__keeps_name_and_password(created):
    for change in ({"name": "other"}, {"password_kdf": KdfParams(bytes(32), 16, 1, 2)}):
        with pytest.raises(ValueError, match="keeps name"):
            keyfile.update(created, replace(created.secrets, **change))


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
        b'{"format": "mip.proof/1"}': "not a key file",
        b"[]": "not a key file",
        good.replace(b"password", b"passwort"): "not a key file",
        good.replace(b'"lanes": 1', b'"lanes": 2'): "is damaged",
        good + b"\n": "is damaged",
        good.replace(b'{\n  "format"', b'{\n  "mac": "0x00",\n  "format"'): "is damaged",
        good + b" " * keyfile.MAX_BYTES: "larger than",
    }
    for data, message in cases.items():
        path.write_bytes(data)
        with pytest.raises(FileInvalid, match=message):
            open_cheap(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(FileInvalid, match="symbolic link"):
        open_cheap(path)


@pytest.mark.parametrize(
    ("field", "error", "message"),
    [
        ("wrapped", WrongSecret, "does not open"),
        ("nonce", WrongSecret, "does not open"),
        ("salt", WrongSecret, "does not open"),
        ("lanes", WrongSecret, "does not open"),
        ("payload", FileInvalid, "was altered"),
        ("mac", FileInvalid, "was altered"),
        ("weak", FileInvalid, "weaker"),
        ("huge", FileInvalid, "more memory"),
        ("slots", FileInvalid, "not a key file"),
        ("kind", FileInvalid, "not a key file"),
    ],
)
def test_open__forged_header_with_fresh_checksum(path, created, field, error, message):
    def change(document: Any) -> None:
        slot = document["slots"][0]
        match field:
            case "wrapped" | "nonce":
                slot[field] = flip(slot[field])
            case "salt":
                slot["kdf"]["salt"] = flip(slot["kdf"]["salt"])
            case "lanes":
                slot["kdf"]["lanes"] = 2
            case "weak":
                slot["kdf"]["memory_kib"] = 7
            case "huge":
                slot["kdf"]["memory_kib"] = 1 << 40
            case "payload":
                document["payload"]["ciphertext"] = flip(document["payload"]["ciphertext"])
            case "mac":
                document["mac"] = flip(document["mac"])
            case "slots":
                document["slots"].append(slot)
            case "kind":
                slot["kind"] = "people"

    rewrite(path, lambda document: None)
    open_cheap(path)  # the forger's spelling alone is right
    rewrite(path, change)
    with pytest.raises(error, match=message):
        open_cheap(path)


def test_open__payload_of_another_passport(path, created):
    other = path.with_name("other.mip")
    keyfile.create(other, passport_secrets(name="other"), PASSWORD, limits=CHEAP)
    swapped = json.loads(other.read_bytes())["payload"]
    rewrite(path, lambda document: document.update(payload=swapped))
    with pytest.raises(FileInvalid, match="was altered"):
        open_cheap(path)


def test_open__secrets_of_another_password(path, created):
    """Even the holder of the root key cannot pair a slot with another password's commitment."""
    other = replace(created.secrets, password_kdf=KdfParams(bytes(32), 16, 1, 1))
    slots = created.envelope.slots
    envelope = keyfile._seal(slots, created.root_key, other, keyfile.system_rng)
    path.write_bytes(keyfile._serialize(envelope))
    with pytest.raises(FileInvalid, match="contradicts itself"):
        open_cheap(path)


def test_header__tells_nothing_of_the_holder(path, created):
    text = path.read_text()
    document = json.loads(text)
    assert set(document) == {"format", "slots", "payload", "mac", "checksum"}
    assert set(document["slots"][0]) == {"kind", "kdf", "nonce", "wrapped"}
    small = passport_secrets(name="x", template=(1,), chain_id=1)
    keyfile.create(path, small, PASSWORD, overwrite=True, limits=CHEAP)
    assert len(path.read_text()) == len(text), "size tells nothing"
    assert keyfile.public_header(path, limits=CHEAP).slots[0].params == small.password_kdf


def canaries(secrets: PassportSecrets, stretched: int) -> list[bytes]:
    numbers = [secrets.secret, secrets.face_salt, secrets.keys_salt, secrets.guardian_salt]
    numbers += [stretched, int.from_bytes(secrets.anchor_key, "big")]
    found = [PASSWORD, secrets.face_spec.encode(), secrets.anchor[2:].lower().encode()]
    for number in numbers:
        big = number.to_bytes(32, "big")
        found += [big[1:], big[::-1][:31], big.hex()[2:].encode(), str(number).encode()]
    template = bytes(value & 0xFF for value in secrets.template)
    packed = b"".join(p.to_bytes(31, "little") for p in pack_template(secrets.template))
    found += [template, packed, json.dumps(list(secrets.template)[:8])[1:-1].encode()]
    found += [",".join(map(str, secrets.template[:8])).encode()]
    return found


def test_disk__holds_no_secret_in_clear(tmp_path, path, created):
    forms = canaries(created.secrets, created.stretched)
    payload = secrets_codec.encode(created.secrets).lower()
    assert sum(form in payload for form in forms) >= 7, "the canaries are what is sealed"
    updated = keyfile.update(created, replace(created.secrets, epoch=Epoch(1)))
    with pytest.raises(WrongSecret):
        open_cheap(path, b"wrong password")
    for file in tmp_path.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            for form in forms + [updated.root_key, updated.root_key.hex().encode()]:
                assert form not in data
                assert form not in data.lower()


def test_repr__is_redacted(path, created):
    for value in (created, created.secrets):
        text = f"{value!r} {value} {[value]}"
        assert "redacted" in text
        for form in canaries(created.secrets, created.stretched):
            assert form not in text.lower().encode()
            assert repr(form)[2:-1] not in text


def test_secrets__out_of_range():
    for change in (
        {"secret": 0},
        {"secret": R},
        {"face_salt": -1},
        {"epoch": 1 << 32},
        {"template": ()},
        {"template": (128,)},
        {"template": (True,)},
        {"anchor_key": bytes(31)},
        {"anchor": "0x12"},
        {"name": "Default"},
        {"name": "../x"},
        {"index": -1},
        {"status": PassportStatus.ENROLLED},
    ):
        with pytest.raises(ValueError, match="out of range|knows its chain"):
            passport_secrets(**change)


def test_codec__refuses_other_documents_without_quoting_them():
    good = secrets_codec.encode(passport_secrets())
    assert len(good) % secrets_codec.PAD_BYTES == 0
    document = json.loads(good)
    for field in (f.name for f in fields(PassportSecrets)):
        for changed in (
            {k: v for k, v in document.items() if k != field},
            document | {field: {"a": ["CANARY"]}},
            document | {field: "CANARY"} if field != "face_spec" else document | {"new": 1},
        ):
            with pytest.raises(ValueError, match="^the sealed content is not a passport") as caught:
                secrets_codec.decode(json.dumps(changed).encode())
            assert caught.value.__suppress_context__


def test_passports__list_and_permissions(tmp_path, path, created):
    assert passports.list_names(tmp_path) == ["default"]
    assert passports.exists(tmp_path, "default")
    assert not passports.exists(tmp_path, "other")
    assert passports.require_passport(tmp_path, "default") == path
    with pytest.raises(UsageFault, match="no passport named other") as caught:
        passports.require_passport(tmp_path, "other")
    assert caught.value.hint == "there are: default"
    with pytest.raises(UsageFault, match="1 to 32"):
        passports.passport_path(tmp_path, "../../etc/passwd")
    tmp_path.chmod(0o700)
    assert passports.permission_findings(tmp_path) == []
    path.chmod(0o640)
    path.parent.chmod(0o755)
    remedies = [finding.remedy for finding in passports.permission_findings(tmp_path)]
    assert remedies == [f"chmod 700 {path.parent}", f"chmod 600 {path}"]


def test_passports__none_yet(tmp_path):
    assert passports.list_names(tmp_path) == []
    assert passports.permission_findings(tmp_path / "none") == []


KILL_POINTS = ("write", "fsync", "replace")


@pytest.mark.parametrize("point", KILL_POINTS)
def test_update__killed(path, created, point):
    before = path.read_bytes()
    child = os.fork()
    if child == 0:
        setattr(os, point, lambda *_: os.kill(os.getpid(), 9))
        keyfile.update(created, replace(created.secrets, epoch=Epoch(1)))
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == 9
    assert path.read_bytes() == before
    assert open_cheap(path).secrets == created.secrets
    keyfile.update(created, replace(created.secrets, epoch=Epoch(1)))
    assert open_cheap(path).secrets.epoch == 1
    assert sorted(p.name for p in path.parent.iterdir()) == [".default.mip.lock", "default.mip"]


def test_update__waits_for_nobody_for_ever(path, created, monkeypatch):
    with files.lock(path, what="it"):
        monkeypatch.setattr(files, "_LOCK_POLL", 0.001)
        monkeypatch.setattr(files.time, "monotonic", iter(range(0, 10**6, 4)).__next__)
        with pytest.raises(KeyLocked, match="in use by another mip process"):
            keyfile.update(created, created.secrets)
