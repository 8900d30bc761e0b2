"""The sealed key file: one spelling, nothing in clear."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from mip_cli.crypto import kdf
from mip_cli.crypto.archive_keys import ArchiveKey
from mip_cli.crypto.commitments import pack_template
from mip_cli.crypto.field import R
from mip_cli.errors import KeyLocked, UsageFault, WrongSecret
from mip_cli.models import Kind
from mip_cli.store import container, device, keyfile, passports, permissions, secrets_codec
from mip_cli.store.guardian_codec import GuardianState, Member, OpenInvitation, SetRecord
from mip_cli.store.secrets_codec import PassportSecrets, PassportStatus, Pseudonym
from mip_cli.units import Address, Epoch
from tests.unit.keyfile.conftest import (
    CHEAP,
    DEVICE,
    PASSWORD,
    PEOPLE,
    all_locks,
    open_cheap,
    passport_secrets,
)


def test_header__tells_nothing_of_the_holder(path, created):
    text = path.read_text()
    document = json.loads(text)
    assert set(document) == {"format", "slots", "payload", "mac", "checksum"}
    password, face, people = document["slots"]
    assert list(password) == ["kind", "kdf", "nonce", "wrapped"]
    assert list(face) == ["kind", "device", "nonce", "wrapped"]
    assert list(people) == ["kind", "public_key", "encapsulated", "wrapped"]
    small = passport_secrets(name="x", template=(1,), chain_id=1)
    keyfile.create(path, small, all_locks(small), overwrite=True)
    assert len(path.read_text()) == len(text), "size tells nothing"


def test_container__the_largest_passport_fits(path):
    def record(number: int) -> SetRecord:
        members = tuple(
            Member("é" * 32, bytes([i]) * 16, R - 1 - i, bytes(32), i, i) for i in range(16)
        )
        digests = (bytes(32),) * 16
        return SetRecord(16, 16, R - 1, R - 1, bytes(32), digests, members)

    apps = tuple(Pseudonym(Address(f"0x{i:040x}"), "é" * 48) for i in range(200))
    asked = (OpenInvitation("é" * 32, bytes(16)),) * 32
    secrets = passport_secrets(
        template=(-128,) * 512,
        guardians=GuardianState(record(0), record(1), asked, (record(2), record(3))),
        pseudonyms=apps,
    )
    made = keyfile.create(path, secrets, all_locks(secrets))
    assert path.stat().st_size <= container.MAX_BYTES
    assert open_cheap(path) == made
    with pytest.raises(ValueError, match="too large"):
        container.reseal(made.sealed, content=b"x" * container.MAX_BYTES)


def stretched_of(secrets: PassportSecrets) -> int:
    return kdf.stretch(PASSWORD, secrets.password_kdf, limits=CHEAP).stretched


def canaries(secrets: PassportSecrets) -> list[bytes]:
    stretched = stretched_of(secrets)
    numbers = [secrets.secret, secrets.face_salt, secrets.keys_salt, secrets.guardian_commitment]
    numbers += [secrets.password_commitment, secrets.twin_commitment]
    numbers += [stretched, PEOPLE.people_key, int.from_bytes(secrets.anchor_key, "big")]
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
    forms = canaries(created.secrets)
    payload = secrets_codec.encode(created.secrets).lower()
    assert sum(form in payload for form in forms) >= 9, "the canaries are what is sealed"
    updated = keyfile.update(created, replace(created.secrets, epoch=Epoch(1)))
    keyfile.stage(keyfile.seal(path, updated.secrets, all_locks(updated.secrets)))
    with pytest.raises(WrongSecret):
        open_cheap(path, b"wrong password")
    keys = [updated.sealed.root_key, *updated.sealed.shares, DEVICE, PEOPLE.keypair.private]
    forms += [form for key in keys for form in (key, key.hex().encode())]
    found = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(found) >= 3
    for file in found:
        data = file.read_bytes()
        for form in forms:
            assert form not in data
            assert form not in data.lower()


def test_repr__is_redacted(path, created):
    secrets = created.secrets
    locks = all_locks(secrets)
    content = keyfile.open_face(path, keyfile.read(path, limits=CHEAP), DEVICE)
    for value in (created, created.sealed, secrets, content, *locks[:2]):
        text = f"{value!r} {value} {[value]}"
        assert "redacted" in text
        for form in [*canaries(secrets), DEVICE, created.sealed.root_key]:
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
        {"guardian_commitment": R},
        {"twin_commitment": -1},
        {"pseudonyms": (Pseudonym(Address("0x" + "11" * 20), "x"),) * 201},
        {"pseudonyms": (Pseudonym(Address("0x12"), "x"),)},
        {"pseudonyms": (Pseudonym(Address("0x" + "11" * 20), "x" * 97),)},
    ):
        with pytest.raises(ValueError, match="out of range|knows its chain"):
            passport_secrets(**change)


def test_codec__refuses_other_documents_without_quoting_them():
    known = replace(passport_secrets(), archive=ArchiveKey(b"a" * 32, 3))
    good = secrets_codec.encode(known)
    assert secrets_codec.decode(good) == known
    document = json.loads(good)
    without = {k: v for k, v in document.items() if k != "archive"}  # before there is an archive
    assert secrets_codec.decode(json.dumps(without).encode()) == replace(known, archive=None)
    for changes in ({"key": "0x00"}, {"generation": -1}, {"generation": True}, {"more": 1}):
        changed = document | {"archive": document["archive"] | changes}
        with pytest.raises(ValueError, match="^the sealed content is not a passport"):
            secrets_codec.decode(json.dumps(changed).encode())
    for field in (f.name for f in fields(PassportSecrets) if f.name != "archive"):
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
    assert permissions.permission_findings(tmp_path) == []
    path.chmod(0o640)
    path.parent.chmod(0o755)
    device.ensure(tmp_path, None)
    secret = tmp_path / "device" / "secret"
    secret.chmod(0o604)
    remedies = [finding.remedy for finding in permissions.permission_findings(tmp_path)]
    assert remedies == [f"chmod 700 {path.parent}", f"chmod 600 {path}", f"chmod 600 {secret}"]


def test_passports__none_yet(tmp_path):
    assert passports.list_names(tmp_path) == []
    assert permissions.permission_findings(tmp_path / "none") == []


def test_container__holds_any_content_under_the_same_form(tmp_path):
    """A recovery in progress lies in the same container as a passport."""
    path = tmp_path / "recoveries" / "default.mip"
    secrets = passport_secrets()
    sealed = container.seal(b'{"format":"mip.recovery/1"}', all_locks(secrets)[:2])
    keyfile.create_container(path, sealed)
    envelope = keyfile.read(path, limits=CHEAP)
    share, _ = keyfile.open_password(path, envelope, PASSWORD, limits=CHEAP)
    face = keyfile.open_face(path, envelope, DEVICE)
    assert face.template == secrets.template
    shares = {Kind.PASSWORD: share, Kind.FACE: face.share}
    opened = container.unseal(envelope, shares, "it")
    assert opened == sealed
    after = container.reseal(opened, content=b'{"step":2}')
    keyfile.replace_container(path, envelope, after)
    with pytest.raises(KeyLocked, match="in the meantime"):
        keyfile.replace_container(path, envelope, after)
