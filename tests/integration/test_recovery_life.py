"""Guardians and recoveries through the flows: real proofs, a real node, time that passes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mip_cli.chain.recovery import Phase
from mip_cli.chain.registry import PassportStatus
from mip_cli.chain.reverts import AppRefusal
from mip_cli.errors import (
    FaceMismatch,
    FileInvalid,
    Negative,
    ProofInvalid,
    ThresholdNotMet,
    UsageFault,
    WrongSecret,
)
from mip_cli.flows import connection
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.guardian import (
    approvals,
    guardian_acts,
    guardian_answers,
    guardian_asks,
    guardian_sets,
    guardians,
    guardianship,
)
from mip_cli.flows.guardian.guardian_files import ANSWER, ASK, CARD, ask_hash, seal_share
from mip_cli.flows.guardian.guardian_sets import Candidate
from mip_cli.flows.guardian.guardians import Wish
from mip_cli.flows.guardian.guardianship import PartState
from mip_cli.flows.passport import enroll, prove, revoke, rotate, void
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.recovery import backup as backups
from mip_cli.flows.recovery import recover, recover_status, recover_steps, recover_veto
from mip_cli.flows.recovery.locator import format_locator, parse_locator
from mip_cli.flows.recovery.recover_status import Step
from mip_cli.flows.sending import Rehearsed
from mip_cli.models import Kind
from mip_cli.store import container, keyfile, recoveries
from tests.integration.guardian_world import (
    DAY,
    GUARDIAN_PASSWORD,
    NAMES,
    NEW_PASSWORD,
    PASSWORD,
    PURSE,
    SILENT,
    World,
)

if TYPE_CHECKING:
    from conftest import LocalChain


@pytest.fixture(scope="module")
def base(chain: LocalChain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A holder with three guardians in force."""
    root = tmp_path_factory.mktemp("world")
    photos = demo_photos.find(None, root / "photos")
    snapshot = chain.rpc.call("evm_snapshot")
    world = World(chain, photos, root / "machines")
    world.enroll()
    world.set_guardians()
    yield world
    assert chain.rpc.call("evm_revert", snapshot)


@pytest.fixture
def world(base: World, tmp_path: Path) -> Iterator[World]:
    with base.branch(tmp_path / "machines") as found:
        yield found


def test_set__is_in_force_and_everybody_sees_it(world: World) -> None:
    unlocked = world.open()
    assert unlocked.secrets.kinds == (Kind.FACE, Kind.PASSWORD, Kind.PEOPLE)
    assert unlocked.sealed.envelope.people is not None
    assert world.state().has_guardians
    seen = guardian_acts.overview(world.holder, "me", world.factors, SILENT)
    assert (seen.active_on_chain, seen.pending, seen.foreign) == (True, None, False)
    for name in NAMES:
        found = guardianship.check(world.machine(name), "ada", GUARDIAN_PASSWORD, SILENT)
        assert found.good
        assert [part.state for part in found.parts] == [PartState.IN_FORCE]
    assert world.vote(world.holder, prove.Keys("me", PASSWORD, world.photos.again))


def holder_keys(world: World) -> prove.Keys:
    return prove.Keys("me", PASSWORD, world.photos.again)


def new_keys(world: World) -> prove.Keys:
    return prove.Keys("me", NEW_PASSWORD, world.photos.first)


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


def test_guardians_gone__face_and_password_make_a_new_set(world: World) -> None:
    card = world.card("ann")
    made = world.propose(Wish((card,), without=("ben", "eve"), threshold=2))
    assert made.labels == ("kim", "ann")
    with pytest.raises(Negative, match="48 hours more"):
        world.finish_guardians()
    parts = guardianship.check(world.machine("kim"), "ada", GUARDIAN_PASSWORD, SILENT).parts
    assert [part.state for part in parts] == [PartState.IN_FORCE, PartState.WAITING]
    world.later(2 * DAY)
    assert world.finish_guardians().guardians == 2
    for name, good in (("ben", False), ("eve", False), ("kim", True), ("ann", True)):
        found = guardianship.check(world.machine(name), "ada", GUARDIAN_PASSWORD, SILENT)
        assert (name, found.good) == (name, good)
    begun = world.start(world.holder, None, world.locator())
    with pytest.raises(Negative, match="not among the guardians in force"):
        world.answer("ben", begun.ask)
    answers = world.answers(begun.ask, ("kim", "ann"))
    assert world.go_on(world.holder, answers, old_image=world.photos.again).step is Step.WAIT


def test_guardians__changed_by_anyone_s_finish__are_settled_by_the_next_opening(
    world: World,
) -> None:
    world.propose(Wish((), without=("ben",), threshold=2))
    world.later(2 * DAY)
    own = world.holder.data_dir
    shutil.copytree(own, copy := own.parent / "copy")
    world.finish_guardians()
    shutil.rmtree(own)
    copy.rename(own)  # as if somebody else had finished it
    assert world.open().secrets.guardians.pending is not None
    world.vote(world.holder, holder_keys(world))
    unlocked = world.open()
    assert unlocked.secrets.guardians.pending is None
    assert len(unlocked.secrets.guardians.active.members) == 2
    assert world.finish_guardians().receipt is None


def test_guardians__by_a_node_that_lied__are_those_of_before_again(world: World) -> None:
    """The chain it told of never was; the set that it said had given way is still in force."""
    before = world.open().secrets.guardians.active
    made = world.propose(Wish((), without=("ben",), threshold=2))
    truth = world.chain.rpc.call("evm_snapshot")
    world.later(2 * DAY)
    world.finish_guardians()
    assert world.open().secrets.guardians.active == made.record
    assert world.chain.rpc.call("evm_revert", truth)
    seen = guardian_acts.overview(world.holder, "me", world.factors, SILENT)
    assert (seen.active, seen.active_on_chain) == (before, True)
    kept = world.open().secrets
    assert kept.guardian_commitment == before.guardian_commitment
    assert kept.guardians.earlier == (made.record,)


def test_guardians__dropped__are_no_kind_any_more(world: World) -> None:
    made = world.propose(Wish(nobody=True))
    assert made.labels == ()
    world.later(2 * DAY)
    assert world.finish_guardians().guardians == 0
    unlocked = world.open()
    assert unlocked.secrets.kinds == (Kind.FACE, Kind.PASSWORD)
    assert unlocked.sealed.envelope.people is None
    assert not world.state().has_guardians
    assert world.vote(world.holder, holder_keys(world)).file.level == 2


def test_invite__labels_that_deceive_or_are_taken__are_refused(world: World) -> None:
    def invite(label: str, own: str = "Ada") -> bytes:
        return guardians.invite(world.holder, "me", world.factors, label, own, SILENT)

    first = invite("ann")
    assert invite("ann") == first, "the same label gives the same invitation"
    for label, own in (("a\u202eb", "Ada"), ("ann", "x" * 65), ("", "Ada"), ("dan", "a  b")):
        with pytest.raises(UsageFault, match="plain text"):
            invite(label, own)
    with pytest.raises(UsageFault, match="is a guardian already"):
        invite("ben")


def test_set__with_a_card_of_no_invitation__is_refused(world: World) -> None:
    card = CARD.decode(world.card("ann"))
    stray = CARD.encode(replace(card, invitation=bytes(16)))
    with pytest.raises(UsageFault, match="answers no invitation"):
        guardians.draft(world.holder, "me", world.factors, Wish((stray,)), SILENT)
    with pytest.raises(UsageFault, match="no guardian dan"):
        guardians.draft(world.holder, "me", world.factors, Wish((), without=("dan",)), SILENT)
    everybody = Wish((), without=NAMES)
    with pytest.raises(UsageFault, match="nobody would be left"):
        guardians.draft(world.holder, "me", world.factors, everybody, SILENT)
    with pytest.raises(UsageFault, match="are needed and there are"):
        guardians.draft(world.holder, "me", world.factors, Wish((), ("ben", "eve")), SILENT)


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


def test_set__run_again__goes_on_with_the_same_set(world: World) -> None:
    wish = Wish((world.card("ann"),))
    made = world.propose(wish)
    assert not made.resumed
    nonce = world.chain.nonce(1)
    again = guardians.draft(world.holder, "me", world.factors, wish, SILENT)
    assert again.resumed
    assert again.record == made.record
    assert not again.parts
    done = guardians.propose(world.holder, again, world.factors, PURSE, SILENT)
    assert (done.receipt, world.chain.nonce(1)) == (None, nonce)
    assert world.state().pending_set_commitment == done.set_commitment
    with pytest.raises(UsageFault, match="another set of guardians of me waits on chain"):
        guardians.draft(world.holder, "me", world.factors, replace(wish, anew=True), SILENT)
    other, _ = guardian_sets.make(
        [Candidate(m.label, m.invitation, m.leaf, m.public_key) for m in made.record.members],
        *(2, 2, ASK.decode(asked(world)).passport, world.locator()),
    )
    with pytest.raises(UsageFault, match="another set of guardians waits on chain"):
        guardians.propose(world.holder, replace(made, record=other), world.factors, PURSE, SILENT)
    assert world.open().secrets.guardians.pending == made.record
    assert guardian_acts.cancel(world.holder, "me", world.factors, PURSE, SILENT)
    anew = guardians.draft(world.holder, "me", world.factors, replace(wish, anew=True), SILENT)
    assert anew.record != made.record
    assert guardians.propose(world.holder, anew, world.factors, PURSE, SILENT).receipt


def asked(world: World) -> bytes:
    return guardian_asks.for_parts(world.holder, "me", world.factors, SILENT).document


def test_set__killed_before_it_was_sent__goes_on(world: World) -> None:
    wish = Wish((world.card("ann"),))
    made = guardians.draft(world.holder, "me", world.factors, wish, SILENT)
    with pytest.raises(Rehearsed):  # what a kill leaves: written down, and not sent
        guardians.propose(world.holder, made, world.factors, replace(PURSE, rehearse=True), SILENT)
    assert not world.state().pending_ready_at
    again = guardians.draft(world.holder, "me", world.factors, wish, SILENT)
    assert again.record == made.record
    assert guardians.propose(world.holder, again, world.factors, PURSE, SILENT).receipt
    assert world.state().pending_ready_at


def pending(world: World) -> object:
    guardians = world.open().secrets.guardians
    assert guardians is not None
    return guardians.pending


def test_set__while_another_waits__is_refused_and_that_one_is_kept(world: World) -> None:
    other = guardians.draft(
        world.holder, "me", world.factors, Wish((), without=("eve",), threshold=2), SILENT
    )
    made = world.propose(Wish((), without=("ben",), threshold=2))
    with pytest.raises(UsageFault, match="another set of guardians waits"):
        guardians.propose(world.holder, other, world.factors, PURSE, SILENT)
    assert pending(world) == made.record
    assert guardian_acts.cancel(world.holder, "me", world.factors, PURSE, SILENT)
    assert guardians.propose(world.holder, other, world.factors, PURSE, SILENT).receipt
    assert pending(world) == other.record


def test_change__in_a_rehearsal__is_not_forgotten(world: World) -> None:
    rehearsal = replace(PURSE, rehearse=True)
    wish = Wish((), without=("ben",), threshold=2)
    made = guardians.draft(world.holder, "me", world.factors, wish, SILENT)
    with pytest.raises(Rehearsed):  # written down, and not sent
        guardians.propose(world.holder, made, world.factors, rehearsal, SILENT)
    assert guardian_acts.cancel(world.holder, "me", world.factors, rehearsal, SILENT) is None
    with pytest.raises(UsageFault, match="waits on chain no more"):
        guardian_acts.finish(world.holder, "me", world.factors, rehearsal, SILENT)
    assert pending(world) == made.record
    assert guardian_acts.cancel(world.holder, "me", world.factors, PURSE, SILENT) is None
    assert pending(world) is None


def test_change__taken_back_a_moment_ago__is_forgotten_once_that_is_final(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "final_after", lambda _: 3)
    made = world.propose(Wish((), without=("ben",), threshold=2))
    for _ in range(3):
        world.later(1)
    assert guardian_acts.cancel(world.holder, "me", world.factors, PURSE, SILENT)
    assert not world.state().pending_ready_at
    assert pending(world) == made.record, "a re-org may bring the change back"
    for _ in range(3):
        world.later(1)
    assert guardian_acts.cancel(world.holder, "me", world.factors, PURSE, SILENT) is None
    assert pending(world) is None


def test_change__cancelled_by_the_holder__is_off(world: World) -> None:
    world.propose(Wish((), without=("ben",), threshold=2))
    other = world.machine_of_thief()
    assert guardian_acts.cancel(world.holder, "me", world.factors, PURSE, SILENT)
    assert not world.state().pending_ready_at
    assert world.open().secrets.guardians.pending is None
    assert guardian_acts.cancel(world.holder, "me", world.factors, PURSE, SILENT) is None
    world.later(2 * DAY)
    with pytest.raises(UsageFault, match="waits on chain no more"):
        guardian_acts.finish(other, "me", world.factors, PURSE, SILENT)
    assert world.open(other).secrets.guardians.pending is None
    assert world.finish_guardians().receipt is None


def test_change__opposed_by_guardians__is_off_with_the_threshold(world: World) -> None:
    thief = world.machine_of_thief()
    world.propose(Wish((), without=("eve", "kim"), threshold=1), settings=thief)
    found = guardianship.check(world.machine("eve"), "ada", GUARDIAN_PASSWORD, SILENT)
    assert found.ready_at
    assert not found.known_change
    seen = guardian_acts.overview(world.holder, "me", world.factors, SILENT)
    assert seen.foreign
    asked = guardian_asks.for_cancellation(world.holder, "me", world.factors, SILENT)
    one = world.answer("ben", asked.document)
    assert ANSWER.decode(one).share is None
    done = approvals.relay(world.machine("relay"), asked.document, [one], PURSE, SILENT)
    assert (len(done.receipts), done.off) == (1, False)
    again = approvals.relay(world.machine("relay"), asked.document, [one], PURSE, SILENT)
    assert (len(again.receipts), again.known) == (0, 1)
    opposed = guardian_answers.oppose(world.machine("eve"), "ada", GUARDIAN_PASSWORD, PURSE, SILENT)
    assert opposed.off
    assert not world.state().pending_ready_at
    with pytest.raises(Negative, match="no change"):
        guardian_answers.oppose(world.machine("eve"), "ada", GUARDIAN_PASSWORD, PURSE, SILENT)


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


def test_keep__foreign_and_unknown_parts__are_refused(world: World) -> None:
    made = guardians.draft(world.holder, "me", world.factors, Wish((world.card("ann"),)), SILENT)
    ann = world.machine("ann")
    with pytest.raises(FileInvalid, match="another guardian"):
        guardianship.keep(ann, "ada", GUARDIAN_PASSWORD, made.parts["ben"], SILENT)
    with pytest.raises(UsageFault, match="neither in force nor proposed"):
        guardianship.keep(ann, "ada", GUARDIAN_PASSWORD, made.parts["ann"], SILENT)
    guardians.propose(world.holder, made, world.factors, PURSE, SILENT)
    kept = guardianship.keep(ann, "ada", GUARDIAN_PASSWORD, made.parts["ann"], SILENT)
    assert [part.state for part in kept.parts] == [PartState.WAITING]
    assert not kept.good


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
