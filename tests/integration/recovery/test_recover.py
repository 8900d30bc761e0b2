"""Recoveries through the flows: real proofs, a real node, time that passes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mip_cli.chain.recovery import Phase
from mip_cli.chain.registry import PassportStatus
from mip_cli.chain.reverts import AppRefusal
from mip_cli.errors import FaceMismatch, Negative, UsageFault, WrongSecret
from mip_cli.flows import connection
from mip_cli.flows.guardian import guardian_answers
from mip_cli.flows.passport import enroll, revoke
from mip_cli.flows.recovery import backup as backups
from mip_cli.flows.recovery import recover, recover_status
from mip_cli.flows.recovery.recover_status import Step
from mip_cli.models import Kind
from mip_cli.store import keyfile
from tests.integration.guardian_world import DAY, GUARDIAN_PASSWORD, PASSWORD, PURSE, SILENT, World
from tests.integration.recovery.keys import holder_keys, new_keys


def test_recover__device_lost__comes_back_as_the_same(world: World, tmp_path: Path) -> None:
    world.vote(world.holder, holder_keys(world))
    backup, locator = world.backup(tmp_path / "backup.mip"), world.locator()
    device = world.machine("new device")
    begun = world.start(device, backup, locator)
    assert world.start(device, backup, locator).ask == begun.ask
    assert recover_status.status(device, "me").step is Step.ANSWERS
    one, two = world.answers(begun.ask)
    first = world.go_on(device, (one,), old_password=PASSWORD)
    assert (first.step, first.phase, first.answers) == (Step.ANSWERS, Phase.NONE, 1)
    assert "of 2 parts" in str(first.missing)
    with pytest.raises(UsageFault, match="one more key of before"):
        world.go_on(device, (two,))
    now = world.go_on(device, old_password=PASSWORD)
    assert (now.step, now.phase, now.approvals, now.needed) == (Step.WAIT, Phase.WAITING, 2, 2)
    assert world.go_on(device).step is Step.WAIT
    with pytest.raises(Negative, match="48 hours more"):
        world.finish(device)
    world.later(2 * DAY)
    done = world.finish(device)
    assert done.people
    assert done.path == device.data_dir / "passports" / "me.mip"
    unlocked = world.open(device, world.new_factors)
    assert unlocked.secrets.kinds == (Kind.FACE, Kind.PASSWORD, Kind.PEOPLE)
    assert unlocked.sealed.root_key != world.open().sealed.root_key
    assert not (device.data_dir / "recoveries" / "me").exists()
    with pytest.raises(AppRefusal, match="has voted"):
        world.vote(device, new_keys(world))
    with pytest.raises(UsageFault, match="does not hold"):
        world.vote(world.holder, holder_keys(world))


def test_finish__writes_no_key_file_before_the_recovery_is_final(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A local chain needs one block; here three, as on others."""
    device = world.machine("new device")
    begun = world.start(device, world.backup(tmp_path / "backup.mip"), world.locator())
    world.go_on(device, world.answers(begun.ask), old_password=PASSWORD)
    world.later(2 * DAY)
    key_file = device.data_dir / "passports" / "me.mip"
    monkeypatch.setattr(connection, "final_after", lambda _: 3)
    for _ in range(2):
        with pytest.raises(Negative, match="carried out a moment ago"):
            world.finish(device)
        assert not key_file.exists()
        world.later(1)
    assert world.finish(device).receipt is None
    assert key_file.exists()


def test_recover__killed_between_its_files__goes_on(world: World, tmp_path: Path) -> None:
    backup, locator = world.backup(tmp_path / "backup.mip"), world.locator()
    device = world.machine("new device")
    folder = device.data_dir / "recoveries" / "me"
    dropped = world.start(device, backup, locator)
    (folder / "state.mip").unlink()  # killed when only the source lay there
    assert recover.list_names(device) == []
    begun = world.start(device, backup, locator)
    assert begun.ask != dropped.ask
    (folder / "ask.json").unlink()  # killed before the ask was copied out
    assert world.start(device, backup, locator).ask == begun.ask
    world.go_on(device, world.answers(begun.ask), old_password=PASSWORD)
    world.later(2 * DAY)
    shutil.copytree(folder, copy := tmp_path / "copy")
    assert world.finish(device).receipt
    shutil.copytree(copy, folder)  # killed before the recovery was tidied away
    key_file = device.data_dir / "passports" / "me.mip"
    before = key_file.read_bytes()
    assert world.finish(device).receipt is None
    assert key_file.read_bytes() == before
    key_file.unlink()
    shutil.copytree(copy, folder)  # killed before the key file was written
    assert world.finish(device).receipt is None
    assert world.vote(device, new_keys(world)).file.level == 2


def test_recover__with_a_foreign_passport_in_its_place__keeps_that_one(
    world: World, tmp_path: Path
) -> None:
    backup, device = world.backup(tmp_path / "backup.mip"), world.machine("new device")
    begun = world.start(device, backup, world.locator())
    wish = enroll.EnrollRequest("me", world.photos.first, PASSWORD)
    with pytest.raises(UsageFault, match="recovery of a passport named me is in progress"):
        enroll.enroll(device, wish, PURSE.signer, SILENT)
    with pytest.raises(UsageFault, match="recovery of a passport named me is in progress"):
        backups.place(device, "me", backup.read_bytes())
    foreign = b"what another tool put there"
    path = device.data_dir / "passports" / "me.mip"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_bytes(foreign)
    keyfile.staged_path(path).write_bytes(foreign + b", too")
    world.go_on(device, world.answers(begun.ask), old_password=PASSWORD)
    world.later(2 * DAY)
    done = world.finish(device)
    assert [kept.read_bytes() for kept in done.replaced] == [foreign, foreign + b", too"]
    assert world.open(device, world.new_factors).path == path


def test_recover__with_the_wrong_old_password__is_refused(world: World, tmp_path: Path) -> None:
    backup, locator = world.backup(tmp_path / "backup.mip"), world.locator()
    device = world.machine("new device")
    answers = world.answers(world.start(device, backup, locator).ask)
    with pytest.raises(WrongSecret, match="does not open"):
        world.go_on(device, answers, old_password=b"not the password")
    assert world.go_on(device, old_password=PASSWORD).step is Step.WAIT


def test_recover__password_forgotten__by_face_and_people_on_the_device(world: World) -> None:
    locator = world.locator()
    answers = world.answers(world.start(world.holder, None, locator).ask)
    now = world.go_on(world.holder, answers, old_image=world.photos.again)
    assert now.step is Step.WAIT
    world.later(2 * DAY)
    assert world.finish(world.holder).replaced == (), "the file that came back is not kept"
    with pytest.raises(WrongSecret):
        world.open()
    assert world.open(factors=world.new_factors).secrets.kinds[-1] is Kind.PEOPLE
    assert world.vote(world.holder, new_keys(world)).file.level == 2


def test_recover__a_foreign_face__does_not_open_the_key_file(world: World) -> None:
    answers = world.answers(world.start(world.holder, None, world.locator()).ask)
    with pytest.raises(FaceMismatch):
        world.go_on(world.holder, answers, old_image=world.photos.other)


def test_recover__revoked_by_a_thief__takes_a_quorum(world: World, tmp_path: Path) -> None:
    backup, locator = world.backup(tmp_path / "backup.mip"), world.locator()
    revoke.revoke(world.machine_of_thief(), "me", world.factors, PURSE.signer, SILENT)
    device = world.machine("new device")
    begun = world.start(device, backup, locator)
    assert begun.status is PassportStatus.REVOKED
    question = guardian_answers.consider(
        world.machine("ben"), "ada", GUARDIAN_PASSWORD, begun.ask, SILENT
    )
    assert question.needed == 3
    now = world.go_on(device, world.answers(begun.ask), old_password=PASSWORD)
    assert (now.step, now.phase, now.needed) == (Step.APPROVALS, Phase.PROPOSED, 3)
    now = world.go_on(device, world.answers(begun.ask, ("kim",)))
    assert now.step is Step.WAIT
    world.later(2 * DAY)
    world.finish(device)
    assert world.vote(device, new_keys(world)).file.level == 2
