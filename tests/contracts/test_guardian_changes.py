"""How the set of guardians changes: proposed, objected to, taken back, finished."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
import pytest
from deployment import Deployment, account, commitment, now, refusal
from groth16_simulator import negated_form
from model import FROZEN_LEAF
from recovery_acts import ARMED, DAY, HOUR, Acts, Circle, pass_time

from mip_cli.crypto.field import R

NEW = commitment(31)
FIRST, SECOND = Circle(1), Circle(2)
NO_CHANGE = "recovery: no change waits"


@pytest.fixture
def acts(suite: Deployment) -> Acts:
    return Acts(suite)


def event(acts: Acts, name: str) -> Any:
    (log,) = [log for log in acts.logs if type(log).__name__ == name]
    return log


def test_change__the_first_set_waits_too(acts: Acts) -> None:
    acts.enroll(0)
    holder = acts.enroll(1)
    acts.propose_change(holder, FIRST.guardian, FIRST.commitment)
    log = event(acts, "GuardianChangeProposed")
    assert (log.guardian_commitment, log.set_commitment) == (FIRST.guardian, FIRST.commitment)
    assert log.ready_at == now() + 48 * HOUR
    state = acts.state(holder)
    assert tuple(state) == (
        *(0, 0, 0, 0, 0, 1, 0, 0),
        *(FIRST.guardian, FIRST.commitment, now() + 48 * HOUR),
    )
    proposed = now()
    for wait, reason in (
        (0, "recovery: change has not waited long enough"),
        (48 * HOUR - 1, "recovery: change has not waited long enough"),
        (48 * HOUR + 7 * DAY, "recovery: change has expired"),
        (48 * HOUR + 7 * DAY - 1, None),
        (48 * HOUR, None),
    ):
        boa.env.evm.patch.timestamp = proposed + wait
        call = (acts.registry.address, holder.opening.abi(), acts.siblings(holder))
        with boa.env.anchor():
            assert refusal(lambda call=call: acts.recovery.finish_change(*call)) == reason
    renewed = acts.finish_change(holder)
    log = event(acts, "GuardiansChanged")
    assert (log.guardian_epoch, log.guardian_commitment, log.set_commitment) == (
        *(1, FIRST.guardian, FIRST.commitment),
    )
    assert tuple(acts.state(holder)) == (
        *(FIRST.guardian, FIRST.commitment, 1, 0, 0, 2, 0, 0, 0, 0, 0),
    )
    assert renewed == replace(holder, guardian=FIRST.guardian, epoch=1)
    assert acts.registry.root() == acts.tree.root
    assert refusal(lambda: acts.finish_change(renewed)) == NO_CHANGE


def test_propose_change__takes_the_place_of_one_that_waits(acts: Acts) -> None:
    holder = acts.enroll(1)
    acts.propose_change(holder, FIRST.guardian, FIRST.commitment)
    pass_time(47 * HOUR)
    acts.propose_change(holder, SECOND.guardian, SECOND.commitment)
    state = acts.state(holder)
    assert (state.changes, state.pending_set_commitment) == (2, SECOND.commitment)
    pass_time(HOUR)
    reason = refusal(lambda: acts.finish_change(holder))
    assert reason == "recovery: change has not waited long enough"
    pass_time(47 * HOUR)
    acts.finish_change(holder)
    assert acts.state(holder).set_commitment == SECOND.commitment


def test_propose_change__reverts(acts: Acts) -> None:
    holders = [acts.enroll(number) for number in range(3)]
    holder = holders[1]
    good = acts.for_change(holder, 5, 6)
    path = acts.siblings(holder)

    def act(
        guardian: int = 5, chosen: int = 6, presented: Any = good, **changes: Any
    ) -> str | None:
        values = {
            "registry": acts.registry.address,
            "leaf": holder.opening.abi(),
            "guardian": guardian,
            "set": chosen,
            "siblings": path,
            "presented": presented.abi(),
            **changes,
        }
        with boa.env.anchor():
            return refusal(lambda: acts.recovery.propose_change(*values.values()))

    assert act() is None
    for bad in (0, R, 2**256 - 1):
        assert act(bad) == "recovery: guardian commitment is zero or not canonical"
    for bad in (R, 2**256 - 1):
        assert act(5, bad) == "recovery: set commitment is not canonical"
    assert act(5, 0, acts.for_change(holder, 5, 0)) is None  # drops the people
    not_valid = "registry: proof is not valid"
    assert act(7, 6) == not_valid
    assert act(5, 7) == not_valid
    assert act(presented=acts.for_keep(holder)) == not_valid
    nonce = "recovery: nonce is not the number of changes"
    assert act(presented=acts.for_change(holder, 5, 6, nonce=1)) == nonce
    level = "registry: level is not that of a leaf proof"
    assert act(presented=acts.for_change(holder, 5, 6, level=1)) == level
    assert act(presented=acts.for_change(holder, 5, 6, level=3)) == level
    assert act(leaf=holders[0].opening.abi()) == (
        "registry: presentation is not about the passport's leaf"
    )
    wrong = "registry: siblings do not lead from this leaf to the tree"
    assert act(siblings=[path[0] ^ 1, *path[1:]]) == wrong
    with pytest.raises(boa.BoaError):  # no contract at all: the compiler's own refusal
        acts.recovery.propose_change(account(9), holder.opening.abi(), 5, 6, path, good.abi())


def test_cancel_change__by_the_holder(acts: Acts) -> None:
    holder = acts.enroll(1)
    assert refusal(lambda: acts.cancel_change(holder)) == NO_CHANGE
    acts.propose_change(holder, 5, 6)
    path = acts.siblings(holder)

    def act(presented: Any) -> str | None:
        call = (acts.registry.address, holder.opening.abi(), path, presented.abi())
        with boa.env.anchor():
            return refusal(lambda: acts.recovery.cancel_change(*call))

    assert act(acts.for_keep(holder)) is None
    assert act(acts.for_keep(holder, nonce=0)) == "recovery: nonce is not the number of changes"
    assert act(acts.for_keep(holder, level=3)) == "registry: level is not that of a leaf proof"
    assert act(acts.for_change(holder, 5, 6)) == "registry: proof is not valid"
    acts.cancel_change(holder)
    assert event(acts, "GuardianChangeCancelled").changes == 2
    state = acts.state(holder)
    assert (state.changes, state.pending_ready_at, state.pending_set_commitment) == (2, 0, 0)
    pass_time(48 * HOUR)
    assert refusal(lambda: acts.finish_change(holder)) == NO_CHANGE


def test_approve_cancel__threshold_of_the_old_set(acts: Acts) -> None:
    holder = acts.set_guardians(acts.enroll(1), FIRST)
    acts.propose_change(holder, SECOND.guardian, SECOND.commitment)
    acts.approve_cancel(holder, FIRST, [0])
    log = event(acts, "GuardianChangeApprovedAgainst")
    assert log.approvals == 1
    assert acts.recovery.has_approved(acts.cancellation(holder), log.nullifier) is True
    with boa.env.anchor():
        pass_time(48 * HOUR)
        acts.finish_change(holder)  # one is not enough
    acts.approve_cancel(holder, FIRST, [3])
    assert event(acts, "GuardianChangeCancelled").changes == 4
    assert acts.state(holder).pending_ready_at == 0
    pass_time(48 * HOUR)
    assert refusal(lambda: acts.finish_change(holder)) == NO_CHANGE


def test_approve_cancel__reverts(acts: Acts) -> None:
    holder = acts.set_guardians(acts.enroll(1), FIRST)
    none = acts.approval(FIRST, 0, acts.cancellation(holder))
    where = (acts.registry.address, holder.identity, holder.anchor)
    assert refusal(lambda: acts.recovery.approve_cancel(*where, *none.abi())) == NO_CHANGE
    acts.propose_change(holder, SECOND.guardian, SECOND.commitment)
    cancellation = acts.cancellation(holder)

    def act(approval: Any) -> str | None:
        with boa.env.anchor():
            return refusal(lambda: acts.recovery.approve_cancel(*where, *approval.abi()))

    not_valid = "recovery: proof is not valid"
    good = acts.approval(FIRST, 0, cancellation)
    assert act(good) is None
    assert act(none) == not_valid  # made before the change was proposed
    assert act(acts.approval(SECOND, 0, cancellation)) == not_valid  # the new set has no say
    assert act(replace(good, nullifier=good.nullifier + 1)) == not_valid
    assert act(acts.approval(FIRST, 0, acts.propose(holder, NEW))) == not_valid
    out_of_range = "recovery: thresholds are out of range"
    assert act(acts.approval(FIRST, 0, cancellation, thresholds=0)) == out_of_range
    acts.approve_cancel(holder, FIRST, [0])
    twice = "recovery: guardian has approved already"
    assert act(replace(good, proof=tuple(negated_form(good.proof)))) == twice


def test_approve_cancel__of_the_first_set__nobody_can(acts: Acts) -> None:
    holder = acts.enroll(1)
    acts.propose_change(holder, FIRST.guardian, FIRST.commitment)
    reason = refusal(lambda: acts.approve_cancel(holder, FIRST, [0]))
    assert reason == "recovery: passport has no guardians"
    acts.cancel_change(holder)


def test_objections__do_not_pass_to_another_change(acts: Acts) -> None:
    holder = acts.set_guardians(acts.enroll(1), FIRST)
    acts.propose_change(holder, 5, 6)
    old = acts.approval(FIRST, 1, acts.cancellation(holder))
    acts.approve_cancel(holder, FIRST, [0])
    acts.propose_change(holder, 7, 8)
    where = (acts.registry.address, holder.identity, holder.anchor)
    reason = refusal(lambda: acts.recovery.approve_cancel(*where, *old.abi()))
    assert reason == "recovery: proof is not valid"
    acts.approve_cancel(holder, FIRST, [1])
    assert event(acts, "GuardianChangeApprovedAgainst").approvals == 1
    acts.approve_cancel(holder, FIRST, [0])
    assert acts.state(holder).pending_ready_at == 0


def test_finish_change__held_up_by_an_armed_request(acts: Acts) -> None:
    holder = acts.set_guardians(acts.enroll(1), FIRST)
    acts.propose_change(holder, SECOND.guardian, SECOND.commitment)
    waiting = acts.propose(holder, commitment(32))
    pass_time(HOUR)
    acts.armed(holder, FIRST, NEW)
    armed_until = now() + 48 * HOUR + 7 * DAY
    assert acts.state(holder).armed_until == armed_until
    pass_time(47 * HOUR)
    held = "recovery: an armed request holds up the change"
    assert refusal(lambda: acts.finish_change(holder)) == held
    pass_time(7 * DAY - 1)
    assert refusal(lambda: acts.finish_change(holder)) == held
    pass_time(1)
    assert refusal(lambda: acts.finish_change(holder)) == "recovery: change has expired"
    assert refusal(lambda: acts.approve(waiting, FIRST, [0])) == "recovery: request has expired"


def test_finish_change__held_up_no_longer_than_the_armed_request_lives(acts: Acts) -> None:
    holder = acts.set_guardians(acts.enroll(1), FIRST)
    acts.armed(holder, FIRST, NEW)
    pass_time(7 * DAY)
    acts.propose_change(holder, SECOND.guardian, SECOND.commitment)
    pass_time(48 * HOUR - 1)
    # the change waits one second more, the request lives one second more
    with boa.env.anchor():
        assert acts.state(holder).armed_until == now() + 1
        late = refusal(lambda: acts.finish_change(holder))
        assert late == "recovery: change has not waited long enough"
    pass_time(1)
    acts.finish_change(holder)
    assert acts.state(holder).set_commitment == SECOND.commitment


def test_armed__counts_those_alive(acts: Acts) -> None:
    holder = acts.set_guardians(acts.enroll(1), FIRST)
    first = acts.armed(holder, FIRST, commitment(71))
    pass_time(DAY)
    second = acts.armed(holder, FIRST, commitment(72))
    until = now() + 9 * DAY
    assert (acts.state(holder).armed, acts.state(holder).armed_until) == (2, until)
    pass_time(8 * DAY)  # the first has ended
    assert refusal(lambda: acts.veto(holder, first)) == "recovery: request has expired"
    acts.veto(holder, second)
    assert (acts.state(holder).armed, acts.state(holder).armed_until) == (1, until)
    pass_time(DAY)
    third = acts.armed(holder, FIRST, commitment(73))
    state = acts.state(holder)
    assert (state.armed, state.armed_until) == (1, now() + 11 * DAY)
    assert acts.recovery.request_state(third).status == ARMED


def test_finish_change__makes_requests_void_and_forgets_vetoes(acts: Acts) -> None:
    holder = acts.set_guardians(acts.enroll(1), FIRST)
    acts.veto(holder, acts.armed(holder, FIRST, NEW))
    request = acts.propose(holder, commitment(32))
    acts.approve(request, FIRST, [0])
    acts.propose_change(holder, SECOND.guardian, SECOND.commitment)
    pass_time(48 * HOUR)
    holder = acts.finish_change(holder)
    state = acts.state(holder)
    assert (state.guardian_epoch, state.vetoes, state.nonce) == (2, 0, 0)
    assert refusal(lambda: acts.approve(request, FIRST, [1])) == "recovery: request is void"
    assert refusal(lambda: acts.approve(request, SECOND, [1])) == "recovery: request is void"
    second = acts.propose(holder, commitment(32))
    assert second != request
    assert refusal(lambda: acts.approve(second, FIRST, [0])) == "recovery: proof is not valid"
    acts.approve(second, SECOND, [0, 1])


def test_finish_change__of_a_passport_taken_out__reverts(acts: Acts) -> None:
    """Else the caller, whoever he is, would choose the keys: the registry cannot tell the old."""
    acts.enroll(0)
    holder = acts.set_guardians(acts.enroll(1), FIRST)
    acts.propose_change(holder, SECOND.guardian, SECOND.commitment)
    pass_time(48 * HOUR)
    with boa.env.anchor():
        acts.finish_change(holder)
    shown = acts.suite.for_revoke(holder).abi()
    acts.registry.revoke(holder.opening.abi(), acts.siblings(holder), shown)
    thief = replace(holder, keys=commitment(66))
    for opened in (holder, thief):
        call = (acts.registry.address, opened.opening.abi(), acts.siblings(holder))
        reason = refusal(lambda call=call: acts.recovery.finish_change(*call))
        assert reason == "recovery: passport is not active"


def test_change__survives_a_fast_update(acts: Acts) -> None:
    holder = acts.set_guardians(acts.enroll(1), FIRST)
    acts.propose_change(holder, SECOND.guardian, SECOND.commitment)
    holder = acts.suite.update(holder, NEW, acts.tree)
    pass_time(48 * HOUR)
    renewed = acts.finish_change(holder)
    assert (renewed.keys, renewed.guardian) == (NEW, SECOND.guardian)
    assert acts.registry.root() == acts.tree.root


def test_veto_and_recovery__take_the_waiting_change_back(acts: Acts) -> None:
    holder = acts.set_guardians(acts.enroll(1), FIRST)
    acts.propose_change(holder, SECOND.guardian, SECOND.commitment)
    acts.veto(holder, acts.armed(holder, FIRST, NEW))
    assert event(acts, "GuardianChangeCancelled").changes == 4
    assert acts.state(holder).pending_ready_at == 0
    request = acts.armed(holder, FIRST, commitment(32))
    acts.propose_change(holder, SECOND.guardian, SECOND.commitment)
    pass_time(96 * HOUR)
    renewed = acts.execute(holder, request, commitment(32))
    assert event(acts, "GuardianChangeCancelled").changes == 6
    assert acts.state(renewed).pending_ready_at == 0
    assert refusal(lambda: acts.finish_change(renewed)) == NO_CHANGE
    assert acts.tree.leaf(renewed.index) != FROZEN_LEAF
