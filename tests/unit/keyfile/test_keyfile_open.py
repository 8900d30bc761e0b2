"""The sealed key file: what opens it, and what does not."""

from __future__ import annotations

import stat

import pytest

from mip_cli.crypto.kdf import KdfParams
from mip_cli.crypto.people import PeopleSecret
from mip_cli.errors import FileInvalid, ThresholdNotMet, UsageFault, WrongSecret
from mip_cli.models import Kind
from mip_cli.store import keyfile
from mip_cli.store.slots import PasswordLock, PeopleLock
from tests.unit.keyfile.conftest import (
    CHEAP,
    PAIRS,
    PASSWORD,
    PEOPLE,
    all_locks,
    face_lock,
    open_by,
    open_cheap,
    passport_secrets,
    password_lock,
)


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


@pytest.mark.thorough
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
