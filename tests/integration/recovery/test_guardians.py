"""Sets of guardians through the flows: made, changed, taken back, opposed."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from mip_cli.errors import FileInvalid, Negative, UsageFault
from mip_cli.flows import connection
from mip_cli.flows.guardian import (
    approvals,
    guardian_acts,
    guardian_answers,
    guardian_asks,
    guardian_sets,
    guardians,
    guardianship,
)
from mip_cli.flows.guardian.guardian_files import ANSWER, ASK, CARD
from mip_cli.flows.guardian.guardian_sets import Candidate
from mip_cli.flows.guardian.guardians import Wish
from mip_cli.flows.guardian.guardianship import PartState
from mip_cli.flows.passport import prove
from mip_cli.flows.recovery.recover_status import Step
from mip_cli.flows.sending import Rehearsed
from mip_cli.models import Kind
from tests.integration.guardian_world import (
    DAY,
    GUARDIAN_PASSWORD,
    NAMES,
    PASSWORD,
    PURSE,
    SILENT,
    World,
)
from tests.integration.recovery.keys import holder_keys


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
