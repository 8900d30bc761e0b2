"""Recoveries under attack and against the rules; what voids and what goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mip_cli.chain.registry import PassportStatus
from mip_cli.chain.reverts import AppRefusal
from mip_cli.errors import (
    FileInvalid,
    Negative,
    ProofInvalid,
    ThresholdNotMet,
    UsageFault,
    WrongSecret,
)
from mip_cli.flows import connection
from mip_cli.flows.guardian import guardian_asks
from mip_cli.flows.guardian.guardian_files import ANSWER, ASK, ask_hash, seal_share
from mip_cli.flows.guardian.guardians import Wish
from mip_cli.flows.passport import prove, rotate, void
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.recovery import recover, recover_status, recover_steps, recover_veto
from mip_cli.flows.recovery.locator import format_locator, parse_locator
from mip_cli.flows.recovery.recover_status import Step
from mip_cli.models import Kind
from mip_cli.store import container, keyfile, recoveries
from tests.integration.guardian_world import DAY, NEW_PASSWORD, PASSWORD, PURSE, SILENT, World
from tests.integration.recovery.keys import holder_keys, new_keys


def test_device_stolen__the_thief_cannot_veto_for_ever(world: World, tmp_path: Path) -> None:
    """The thief has device, password and face: he replaces the keys, then says no twice."""
    world.vote(world.holder, holder_keys(world))
    backup, locator = world.backup(tmp_path / "backup.mip"), world.locator()
    thief = world.machine_of_thief()
    stolen = rotate.RotateRequest(
        "me", PASSWORD, world.photos.again, new_password=b"the password of a thief"
    )
    rotate.rotate(thief, stolen, PURSE.signer, SILENT)
    thief_factors = Factors(b"the password of a thief", world.photos.again)
    device = world.machine("new device")
    begun = world.start(device, backup, locator)
    now = world.go_on(device, world.answers(begun.ask), old_password=PASSWORD)
    assert (now.step, now.delay) == (Step.WAIT, 2 * DAY)
    threat = recover_veto.threats(thief, "me", thief_factors, SILENT)
    assert [entry.request for entry in threat.watch.to_veto] == [now.request]
    assert not threat.freezes
    no = recover_veto.veto(thief, "me", thief_factors, PURSE, SILENT)
    assert (no.vetoes, no.frozen) == (1, False)
    assert recover_status.status(device, "me").step is Step.RENEW

    renewed = world.go_on(device)
    assert (renewed.step, renewed.vetoes, renewed.delay) == (Step.ANSWERS, 1, 4 * DAY)
    assert renewed.words
    ask = (device.data_dir / "recoveries" / "me" / "ask.json").read_bytes()
    assert ASK.decode(ask).people is None, "the passport was opened: no part is asked for again"
    now = world.go_on(device, world.answers(ask))
    assert now.step is Step.WAIT
    assert recover_veto.threats(thief, "me", thief_factors, SILENT).freezes
    assert recover_veto.veto(thief, "me", thief_factors, PURSE, SILENT).frozen

    frozen = world.go_on(device)
    assert frozen.step is Step.ANSWERS
    assert frozen.status is PassportStatus.FROZEN
    ask = (device.data_dir / "recoveries" / "me" / "ask.json").read_bytes()
    now = world.go_on(device, world.answers(ask))
    assert (now.step, now.approvals, now.needed) == (Step.APPROVALS, 2, 3), "a quorum decides"
    now = world.go_on(device, world.answers(ask, ("kim",)))
    assert (now.step, now.approvals) == (Step.WAIT, 3)
    with pytest.raises(UsageFault, match="frozen"):
        recover_veto.veto(thief, "me", thief_factors, PURSE, SILENT)
    world.later(8 * DAY)
    assert world.finish(device).people
    with pytest.raises(AppRefusal, match="has voted"):
        world.vote(device, new_keys(world))


def test_recover__a_part_of_somebody_else_s_ask__is_refused(world: World, tmp_path: Path) -> None:
    backup, locator = world.backup(tmp_path / "backup.mip"), world.locator()
    one, two = world.machine("one device"), world.machine("other device")
    mine = world.answers(world.start(one, backup, locator).ask)
    world.start(two, backup, locator)
    with pytest.raises(FileInvalid, match="another ask"):
        world.go_on(two, mine, old_password=PASSWORD)
    assert not list((two.data_dir / "recoveries" / "me").glob("answer-*"))
    assert world.go_on(one, mine, old_password=PASSWORD).step is Step.WAIT


def test_recover__answers_to_an_ask_of_the_past__are_left_out(world: World, tmp_path: Path) -> None:
    backup, locator = world.backup(tmp_path / "backup.mip"), world.locator()
    device, other = world.machine("one device"), world.machine("other device")
    past = world.answer("kim", world.start(other, backup, locator).ask)
    folder = device.data_dir / "recoveries" / "me"
    folder.mkdir(parents=True, mode=0o700)
    recoveries.keep_answer(folder, past)  # what a kill in the middle of `forget` leaves
    begun = world.start(device, backup, locator)
    assert recoveries.read_answers(folder) == []
    recoveries.keep_answer(folder, past)  # and one in the middle of a new ask
    assert recover_status.status(device, "me").answers == 0
    now = world.go_on(device, world.answers(begun.ask), old_password=PASSWORD)
    assert (now.step, now.answers) == (Step.WAIT, 2)


def test_start__again_with_another_backup__is_refused(world: World, tmp_path: Path) -> None:
    backup, locator = world.backup(tmp_path / "backup.mip"), world.locator()
    other, device = tmp_path / "other.mip", world.machine("new device")
    keyfile.create_container(other, world.open().sealed)  # the same passport, with its face slot
    begun = world.start(device, backup, locator)
    with pytest.raises(UsageFault, match="begun with another backup"):
        world.start(device, other, locator)
    assert world.start(device, backup, locator).ask == begun.ask
    assert world.start(device, None, locator).ask == begun.ask


def test_renew__only_once_it_is_final_that_the_request_is_over(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = world.machine("new device")
    begun = world.start(device, world.backup(tmp_path / "backup.mip"), world.locator())
    document = device.data_dir / "recoveries" / "me" / "ask.json"
    now = world.go_on(device, world.answers(begun.ask), old_password=PASSWORD)
    assert now.step is Step.WAIT

    with monkeypatch.context() as patch:
        patch.setattr(connection.Connection, "clock", lambda _: 2_000_000_000.0)
        assert recover_status.status(device, "me").step is Step.RENEW
        with pytest.raises(Negative, match="may still live"):
            world.go_on(device)
    assert document.read_bytes() == begun.ask, "a wrong clock destroys no keys"

    monkeypatch.setattr(connection, "final_after", lambda _: 3)
    recover_veto.veto(world.holder, "me", world.factors, PURSE, SILENT)
    with pytest.raises(Negative, match="may still live"):
        world.go_on(device)
    for _ in range(3):
        world.later(1)
    rehearsal = recover_steps.ContinueRequest("me", NEW_PASSWORD, world.photos.again)
    seen = recover_steps.advance(device, rehearsal, replace(PURSE, rehearse=True), SILENT)
    assert seen.step is Step.RENEW
    assert document.read_bytes() == begun.ask
    assert world.go_on(device).step is Step.ANSWERS
    assert document.read_bytes() != begun.ask


def test_recover__an_approval_that_is_none__is_not_kept(world: World, tmp_path: Path) -> None:
    backup = world.backup(tmp_path / "backup.mip")
    device = world.machine("new device")
    begun = world.start(device, backup, world.locator())
    good = ANSWER.decode(world.answer("ben", begun.ask))
    assert good.approval is not None
    bad = replace(good, approval=replace(good.approval, nullifier=good.approval.nullifier - 1))
    with pytest.raises(ProofInvalid, match="not by a guardian"):
        world.go_on(device, (ANSWER.encode(bad),), old_password=PASSWORD)
    assert recover_status.status(device, "me").answers == 0


def test_recover__a_part_that_does_not_open__is_named_and_not_kept(
    world: World, tmp_path: Path
) -> None:
    backup = world.backup(tmp_path / "backup.mip")
    device = world.machine("new device")
    begun = world.start(device, backup, world.locator())
    one, two = world.answers(begun.ask)
    good = ANSWER.decode(one)
    assert good.share is not None
    bad = replace(good, share=replace(good.share, number=(good.share.number + 1) % 16))
    with pytest.raises(FileInvalid, match="answer 2 of 2: the part with number"):
        world.go_on(device, (two, ANSWER.encode(bad)), old_password=PASSWORD)
    assert recover_status.status(device, "me").answers == 0
    assert world.go_on(device, (one, two), old_password=PASSWORD).step is Step.WAIT


def test_recover__with_one_wrong_part__a_third_guardian_makes_it_right(
    world: World, tmp_path: Path
) -> None:
    backup = world.backup(tmp_path / "backup.mip")
    device = world.machine("new device")
    begun = world.start(device, backup, world.locator())
    ask = ASK.decode(begun.ask)
    good = ANSWER.decode(world.answer("ben", begun.ask))
    assert good.share is not None
    forged = seal_share(ask_hash(begun.ask), ask.public_key, good.share.number, 2, bytes(32))
    lie = ANSWER.encode(replace(good, share=forged))
    with pytest.raises(WrongSecret, match="one of them is wrong"):
        world.go_on(device, (lie, world.answer("eve", begun.ask)), old_password=PASSWORD)
    now = world.go_on(device, (world.answer("kim", begun.ask),), old_password=PASSWORD)
    assert now.step is Step.WAIT


def test_prove__with_people__reaches_level_3(world: World) -> None:
    asked = guardian_asks.for_parts(world.holder, "me", world.factors, SILENT)
    answers = world.answers(asked.document)
    with pytest.raises(ThresholdNotMet, match="of 2 parts"):
        guardian_asks.gather(world.holder, answers[:1], PASSWORD)
    with pytest.raises(WrongSecret):
        guardian_asks.gather(world.holder, answers, b"another password")
    with pytest.raises(UsageFault, match="not made on this device"):
        guardian_asks.gather(world.machine("elsewhere"), answers, PASSWORD)
    found = guardian_asks.gather(world.holder, answers, PASSWORD)
    for kinds in ({Kind.PASSWORD, Kind.PEOPLE}, {Kind.FACE, Kind.PEOPLE}):
        keys = prove.Keys("me", PASSWORD, world.photos.again, frozenset(kinds), found.people)
        assert world.proof(world.holder, keys).file.level == 3
    guardian_asks.forget(world.holder, found)
    with pytest.raises(UsageFault, match="used already"):
        guardian_asks.gather(world.holder, answers, PASSWORD)


def test_void__ends_what_was_granted__and_goes_on_where_it_stopped(world: World) -> None:
    made = world.vote(world.holder, holder_keys(world))
    world.later(300)
    epochs = world.epochs
    assert epochs.epoch_of(made.file.nullifier) == 0
    done = void.void(world.holder, "me", world.factors, PURSE, SILENT)
    assert [(one.epoch, one.receipt is None) for one in done] == [(1, False)]
    assert epochs.epoch_of(made.file.nullifier) == 1
    again = void.void(world.holder, "me", world.factors, PURSE, SILENT)
    assert [(one.epoch, one.receipt is None) for one in again] == [(1, True)]
    app = world.chain.deployment.address("PassportVote")
    forced = void.void(world.holder, "me", world.factors, PURSE, SILENT, app=app)
    assert forced[0].epoch == epochs.epoch_of(made.file.nullifier) == 2


def test_void__while_the_keys_of_before_count__waits(world: World) -> None:
    world.vote(world.holder, holder_keys(world))
    world.propose(Wish((), without=("ben",), threshold=2))
    world.later(2 * DAY)
    world.finish_guardians()
    with pytest.raises(Negative, match="keys of before count"):
        void.void(world.holder, "me", world.factors, PURSE, SILENT)
    app = world.chain.deployment.address("PassportVote")
    with pytest.raises(Negative, match="keys of before count"):
        void.void(world.holder, "me", world.factors, PURSE, SILENT, app=app)
    world.later(121)
    assert void.void(world.holder, "me", world.factors, PURSE, SILENT)[0].epoch == 1


def test_start__what_cannot_be_brought_back__is_refused(world: World, tmp_path: Path) -> None:
    locator = world.locator()
    device = world.machine("new device")
    with pytest.raises(UsageFault, match="no passport named me"):
        world.start(device, None, locator)
    where = parse_locator(locator)
    unknown = replace(where, identity_commitment=where.identity_commitment - 1)
    with pytest.raises(UsageFault, match="holds no passport"):
        world.start(device, None, format_locator(unknown))
    without = tmp_path / "no people.mip"
    sealed = container.reseal(world.open().sealed, drop=[Kind.PEOPLE])
    keyfile.create_container(without, sealed)
    with pytest.raises(UsageFault, match="guardians do not open it"):
        world.start(device, without, locator)
    backup = world.backup(tmp_path / "backup.mip")
    with pytest.raises(UsageFault, match="there is a passport named me"):
        world.start(world.holder, backup, locator)
    assert recover.list_names(device) == []
    assert world.start(device, backup, locator)
    recover.forget(device, "me")
    assert recover.list_names(device) == []


def test_start__a_passport_without_guardians__is_refused(world: World, tmp_path: Path) -> None:
    backup, locator = world.backup(tmp_path / "backup.mip"), world.locator()
    world.propose(Wish(nobody=True))
    world.later(2 * DAY)
    world.finish_guardians()
    with pytest.raises(UsageFault, match="no guardians"):
        world.start(world.machine("new device"), backup, locator)
