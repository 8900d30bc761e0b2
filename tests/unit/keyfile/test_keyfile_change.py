"""The sealed key file: changed, read again, staged; killed at each step."""

from __future__ import annotations

import os
import stat
from dataclasses import replace

import pytest

from mip_cli.crypto.kdf import KdfParams
from mip_cli.crypto.people import PeopleSecret
from mip_cli.errors import FileInvalid, KeyLocked, UsageFault, WrongSecret
from mip_cli.models import Kind
from mip_cli.store import files, keyfile, passports
from mip_cli.store.secrets_codec import PassportStatus
from mip_cli.store.slots import PeopleLock
from mip_cli.units import Address, Epoch
from tests.unit.keyfile.conftest import (
    CHEAP,
    PAIRS,
    PEOPLE,
    all_locks,
    face_lock,
    open_by,
    open_cheap,
    passport_secrets,
    password_lock,
)


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
