"""The sealed key file: one spelling, distinct refusals, nothing in clear."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import fields, replace
from typing import Any

import pytest

from mip_cli.crypto import kdf
from mip_cli.crypto.archive_keys import ArchiveKey
from mip_cli.crypto.commitments import pack_template
from mip_cli.crypto.field import R
from mip_cli.crypto.kdf import KdfLimits, KdfParams
from mip_cli.crypto.people import PeopleSecret
from mip_cli.errors import FileInvalid, KeyLocked, ThresholdNotMet, UsageFault, WrongSecret
from mip_cli.models import Kind
from mip_cli.store import container, device, files, keyfile, passports, permissions, secrets_codec
from mip_cli.store.guardian_codec import GuardianState, Member, OpenInvitation, SetRecord
from mip_cli.store.keyfile import Unlocked
from mip_cli.store.secrets_codec import PassportSecrets, PassportStatus, Pseudonym
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


@pytest.mark.parametrize("pair", PAIRS)
def test_open__any_two_kinds_give_back_what_was_sealed(path, created, pair):
    opened = open_by(path, *pair)
    assert opened.secrets == passport_secrets()
    assert opened == created
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_open__all_three_kinds(path, created):
    assert open_by(path, *Kind) == created


@pytest.mark.parametrize("kind", list(Kind))
def test_open__one_kind_alone__reverts(path, created, kind):
    with pytest.raises(
        ThresholdNotMet, match="opens with two of its kinds: password, face"
    ) as found:
        open_by(path, kind)
    assert found.value.exit_code == 5
    with pytest.raises(ThresholdNotMet):
        open_by(path)


def test_share__one_alone_tells_nothing(path, created):
    """Whatever the root key, some second share would make it of the same first one."""
    from mip_cli.crypto import shamir

    known = created.sealed.shares[0]
    for root in (bytes(32), b"\xff" * 32, created.sealed.root_key):
        second = shamir.share_at({0: known, shamir.SECRET: root}, 1)
        assert shamir.share_at({0: known, 1: second}, shamir.SECRET) == root


def test_open__wrong_password(path, created):
    with pytest.raises(WrongSecret, match="the password does not open") as caught:
        open_cheap(path, b"correct horse batterY")
    assert caught.value.exit_code == 5


def test_open__wrong_people(path, created):
    other = PeopleSecret(bytes(32))
    with pytest.raises(WrongSecret, match="guardians' parts do not open"):
        open_by(path, Kind.PASSWORD, Kind.PEOPLE, people=other)
    assert open_by(path, Kind.PASSWORD, Kind.PEOPLE) == created


def test_open__wrong_device(path, created):
    with pytest.raises(FileInvalid, match="was altered"):
        open_by(path, Kind.FACE, Kind.PEOPLE, device=bytes(32))


def test_open__a_missing_slot_is_told_from_a_wrong_secret(path, created):
    keyfile.update(created, drop=[Kind.PEOPLE])
    with pytest.raises(ThresholdNotMet, match="no slot that guardians open"):
        open_by(path, Kind.PASSWORD, Kind.PEOPLE)
    assert open_cheap(path).secrets == created.secrets


def test_open__shares_of_two_files_do_not_mix(path, created):
    """Each share is authentic, yet of another root key: told as altered, never as a secret."""
    other = path.with_name("other.mip")
    secrets = passport_secrets(name="other")
    made = keyfile.create(other, secrets, all_locks(secrets))
    mixed = {Kind.PASSWORD: created.sealed.shares[0], Kind.FACE: made.sealed.shares[1]}
    with pytest.raises(FileInvalid, match="was altered"):
        keyfile.open_with(path, keyfile.read(path, limits=CHEAP), mixed)


def test_create__keeps_an_existing_passport(path, created):
    before = path.read_bytes()
    secrets = passport_secrets()
    locks = [password_lock(secrets, b"another one"), face_lock(secrets)]
    with pytest.raises(UsageFault, match="exists"):
        keyfile.create(path, secrets, locks)
    assert path.read_bytes() == before
    keyfile.create(path, secrets, locks, overwrite=True)
    assert open_cheap(path, b"another one").secrets == secrets


def test_create__needs_two_kinds_and_the_password_that_the_secrets_name(path):
    secrets = passport_secrets()
    for locks in ([], [password_lock(secrets)], [face_lock(secrets)]):
        with pytest.raises(ValueError, match="two or three slots"):
            keyfile.create(path, secrets, locks)
    other = PasswordLock(KdfParams(bytes(32), 16, 1, 1), bytes(32))
    with pytest.raises(ValueError, match="belong together"):
        keyfile.create(path, secrets, [other, face_lock(secrets)])
    assert not path.exists()
    keyfile.create(path, secrets, [face_lock(secrets), PeopleLock(PEOPLE.keypair.public)])
    assert open_by(path, Kind.FACE, Kind.PEOPLE).secrets == secrets


def test_stretch__refuses_weak_protection_in_production():
    with pytest.raises(ValueError, match="weaker"):
        keyfile.password_lock(PASSWORD, passport_secrets().password_kdf)


def test_open__refuses_weak_protection_in_production(path, created):
    with pytest.raises(FileInvalid, match="weaker than mip accepts"):
        keyfile.read(path)


def test_update__adds_replaces_and_drops_a_slot_without_resealing(path):
    secrets = passport_secrets()
    first = keyfile.create(path, secrets, [password_lock(secrets), face_lock(secrets)])
    payload = first.sealed.envelope.payload
    third = keyfile.update(first, add=[PeopleLock(PEOPLE.keypair.public)])
    assert third.sealed.envelope.payload == payload
    for pair in PAIRS:
        assert open_by(path, *pair).secrets == secrets
    later = PeopleSecret(b"another set of guardians' secret")
    fourth = keyfile.update(third, add=[PeopleLock(later.keypair.public)])
    with pytest.raises(WrongSecret):
        open_by(path, Kind.PASSWORD, Kind.PEOPLE)
    assert open_by(path, Kind.PASSWORD, Kind.PEOPLE, people=later).secrets == secrets
    fifth = keyfile.update(fourth, drop=[Kind.FACE])
    assert fifth.sealed.envelope.kinds == (Kind.PASSWORD, Kind.PEOPLE)
    assert fifth.sealed.envelope.payload == payload
    moved = keyfile.update(fifth, add=[face_lock(secrets, b"n" * 32)], drop=[Kind.PEOPLE])
    assert open_by(path, Kind.PASSWORD, Kind.FACE, device=b"n" * 32) == moved
    before = path.read_bytes()
    with pytest.raises(ValueError, match="two or three slots"):
        keyfile.update(moved, drop=[Kind.FACE])
    assert path.read_bytes() == before


def test_update__a_slot_that_was_opened_by_other_kinds(path, created):
    """Password forgotten: face and people open the file, and set a password slot anew."""
    opened = open_by(path, Kind.FACE, Kind.PEOPLE)
    params = KdfParams(b"s" * 32, 16, 1, 1)
    lock, _ = keyfile.password_lock(b"a new password", params, limits=CHEAP)
    after = replace(opened.secrets, password_kdf=params)
    with pytest.raises(ValueError, match="belong together"):
        keyfile.update(opened, add=[lock])
    keyfile.update(opened, after, add=[lock])
    assert open_by(path, Kind.PASSWORD, Kind.PEOPLE, password=b"a new password").secrets == after
    with pytest.raises(WrongSecret):
        open_by(path, Kind.PASSWORD, Kind.PEOPLE)


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
    assert updated.sealed.envelope.slots == created.sealed.envelope.slots
    assert updated.sealed.envelope.payload.nonce != created.sealed.envelope.payload.nonce
    with pytest.raises(KeyLocked, match="changed .* in the meantime"):
        keyfile.update(created, replace(enrolled, epoch=Epoch(1)))
    assert open_cheap(path).secrets == enrolled


def test_update__keeps_name_and_password(created):
    with pytest.raises(ValueError, match="keeps the name"):
        keyfile.update(created, replace(created.secrets, name="other"))
    with pytest.raises(ValueError, match="belong together"):
        keyfile.update(
            created, replace(created.secrets, password_kdf=KdfParams(bytes(32), 16, 1, 2))
        )


def test_reread__takes_what_another_process_wrote(path, created):
    changed = keyfile.update(created, replace(created.secrets, epoch=Epoch(1)))
    assert keyfile.reread(created, limits=CHEAP) == changed
    secrets = passport_secrets()
    keyfile.create(path, secrets, all_locks(secrets), overwrite=True)
    with pytest.raises(FileInvalid, match="was altered"):  # another root key
        keyfile.reread(created, limits=CHEAP)


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


def test_stage__waits_beside_and_takes_the_place(path, created):
    secrets = passport_secrets(epoch=Epoch(1), password_kdf=KdfParams(b"n" * 32, 16, 1, 1))
    locks = [password_lock(secrets, b"the new password"), face_lock(secrets)]
    assert keyfile.staged(path) is None
    staged = keyfile.stage(keyfile.seal(path, secrets, locks))
    assert staged.path == path.with_name("default.mip.next") == keyfile.staged(path)
    assert keyfile.base_path(staged.path) == path == keyfile.base_path(path)
    assert stat.S_IMODE(staged.path.stat().st_mode) == 0o600
    assert passports.list_names(path.parent.parent) == ["default"]
    assert open_cheap(path) == created, "the passport in force is untouched"
    assert staged.sealed.root_key != created.sealed.root_key
    with pytest.raises(UsageFault, match="exists"):
        keyfile.stage(keyfile.seal(path, secrets, locks))
    opened = open_cheap(staged.path, b"the new password")
    promoted = keyfile.promote(path, opened)
    assert keyfile.staged(path) is None
    assert open_cheap(path, b"the new password") == promoted
    with pytest.raises(WrongSecret):
        open_cheap(path)


def test_stage__discarded(path, created):
    secrets = passport_secrets()
    keyfile.stage(keyfile.seal(path, secrets, all_locks(secrets)))
    keyfile.discard(path)
    assert keyfile.staged(path) is None
    assert open_cheap(path) == created
    keyfile.discard(path)  # a run that was killed in between does it again


def test_promote__a_staged_file_of_somebody_else__reverts(path, created):
    secrets = passport_secrets()
    staged = keyfile.stage(keyfile.seal(path, secrets, all_locks(secrets)))
    before = path.read_bytes()
    keyfile.stage(keyfile.seal(path, secrets, all_locks(secrets)), overwrite=True)
    with pytest.raises(KeyLocked, match="changed .* in the meantime"):
        keyfile.promote(path, staged)
    assert path.read_bytes() == before


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


@pytest.mark.parametrize("point", ["write", "fsync", "link", "replace"])
def test_stage_and_promote__killed(path, created, point):
    """Whatever the moment, the old passport opens, or the new one in its place."""
    secrets = passport_secrets(epoch=Epoch(1))
    following = keyfile.seal(path, secrets, all_locks(secrets))
    child = os.fork()
    if child == 0:
        setattr(os, point, lambda *_: os.kill(os.getpid(), 9))
        keyfile.promote(path, keyfile.stage(following))
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == 9
    assert open_cheap(path) == created
    staged = keyfile.staged(path)
    if staged is not None:
        keyfile.promote(path, open_cheap(staged))
        assert open_cheap(path).secrets.epoch == 1


def test_update__waits_for_nobody_for_ever(path, created, monkeypatch):
    with files.lock(path, what="it"):
        monkeypatch.setattr(files, "_LOCK_POLL", 0.001)
        monkeypatch.setattr(files.time, "monotonic", iter(range(0, 10**6, 4)).__next__)
        with pytest.raises(KeyLocked, match="in use by another mip process"):
            keyfile.update(created, created.secrets)
