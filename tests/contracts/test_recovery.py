"""GuardianRecovery: proposals, approvals, veto, freeze, execution; refusals beside successes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
import pytest
from deployment import Deployment, Holder, account, commitment, load, now, refusal
from groth16_simulator import Trapdoor, negated_form
from model import FROZEN_LEAF, REVOKED_LEAF
from recovery_acts import (
    ARMED,
    DAY,
    EXECUTED,
    HOUR,
    NONE,
    PROPOSED,
    VETOED,
    Acts,
    Circle,
    pass_time,
)

from mip_cli.crypto.field import R

NEW, OTHER = commitment(31), commitment(32)
NOT_VALID = "recovery: proof is not valid"
VOID = "recovery: request is void"
EXPIRED = "recovery: request has expired"
NOT_ARMED = "recovery: request is not armed"
NOT_OPEN = "recovery: request is not open"
CIRCLE = Circle(1)


@pytest.fixture
def acts(suite: Deployment) -> Acts:
    return Acts(suite)


def guarded(acts: Acts, members: int = 3) -> Holder:
    """Enrol some passports, of which the second has guardians."""
    holders = [acts.enroll(number) for number in range(members)]
    return acts.set_guardians(holders[1], CIRCLE)


def event(acts: Acts, name: str) -> Any:
    (log,) = [log for log in acts.logs if type(log).__name__ == name]
    return log


def passport_key(acts: Acts, holder: Holder) -> bytes:
    from eth_utils import keccak

    values = (int(acts.registry.address, 16), holder.identity, int(holder.anchor, 16))
    return bytes(keccak(b"".join(v.to_bytes(32, "big") for v in values)))


# --- construction and constants


def test_deploy__verifier_is_checked(suite: Deployment) -> None:
    factory = load("GuardianRecovery.vy")
    verifier = suite.guardian_verifier.address
    assert refusal(lambda: factory.deploy(verifier)) is None
    assert refusal(lambda: factory.deploy(account(1))) == "recovery: verifier has no code"
    other = load("Groth16Verifier.vy").deploy(*Trapdoor.from_seed(9, 3).key, True)
    reason = refusal(lambda: factory.deploy(other.address))
    assert reason == "recovery: verifier is of another circuit"
    assert suite.recovery.VERIFIER() == verifier


def test_constants__as_specified(suite: Deployment) -> None:
    r = suite.recovery
    assert (r.DELAY(), r.MAX_DELAY()) == (48 * HOUR, 14 * DAY)
    assert (r.PROPOSAL(), r.OPEN_FOR(), r.CHANGE_DELAY()) == (7 * DAY, 7 * DAY, 48 * HOUR)
    assert r.MAX_VETOES() == 2


def test_recovery__has_no_admin_and_takes_no_money(suite: Deployment) -> None:
    changing = {
        entry["name"]
        for entry in suite.recovery.abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    assert changing == {
        *("propose", "approve", "veto", "execute"),
        *("propose_change", "cancel_change", "approve_cancel", "finish_change"),
    }
    assert not any(e.get("stateMutability") == "payable" for e in suite.recovery.abi)
    assert boa.env.get_balance(suite.recovery.address) == 0


def test_states__unknown_is_all_zero(acts: Acts) -> None:
    holder = acts.enroll(1)
    assert tuple(acts.state(holder)) == (0,) * 11
    assert tuple(acts.recovery.request_state(5)) == (bytes(32), *(0,) * 7)
    assert acts.recovery.has_approved(5, 6) is False


def test_requests__named_as_off_chain(acts: Acts) -> None:
    holder = acts.enroll(1)
    where = (acts.registry.address, holder.identity, holder.anchor)
    assert acts.recovery.request_of(*where, 0, 0, NEW) == acts.request(holder, NEW)
    assert acts.recovery.cancellation_of(*where, 0, 0) == acts.cancellation(holder)
    names = {
        acts.recovery.request_of(*where, e, n, k) for e in (0, 1) for n in (0, 1) for k in (1, 2)
    }
    names |= {acts.recovery.cancellation_of(*where, e, c) for e in (0, 1) for c in (0, 1)}
    assert len(names) == 12


# --- the way through


def test_recovery__gives_new_keys_and_nothing_else(acts: Acts) -> None:
    holder = guarded(acts)
    key = passport_key(acts, holder)
    start = now()
    request = acts.propose(holder, NEW)
    log = event(acts, "RecoveryProposed")
    assert (log.passport, log.request, log.new_keys_root) == (key, request, NEW)
    assert log.expires_at == start + 7 * DAY
    assert tuple(acts.recovery.request_state(request)) == (
        *(key, NEW, PROPOSED, 0, start + 7 * DAY, 0, 1, 0),
    )
    acts.approve(request, CIRCLE, [2])
    log = event(acts, "RecoveryApproved")
    assert (log.passport, log.request, log.approvals) == (key, request, 1)
    assert acts.recovery.has_approved(request, log.nullifier) is True
    assert acts.state(holder).armed == 0
    acts.approve(request, CIRCLE, [0])
    assert event(acts, "RecoveryApproved").approvals == 2
    log = event(acts, "RecoveryArmed")
    ready = now() + 48 * HOUR
    assert (log.passport, log.request) == (key, request)
    assert (log.ready_at, log.expires_at) == (ready, ready + 7 * DAY)
    assert tuple(acts.recovery.request_state(request))[2:6] == (ARMED, 2, ready + 7 * DAY, ready)
    state = acts.state(holder)
    assert (state.armed, state.armed_until) == (1, ready + 7 * DAY)
    pass_time(48 * HOUR)
    before = acts.registry.passport(holder.identity, holder.anchor)
    renewed = acts.execute(holder, request, NEW)
    log = event(acts, "RecoveryExecuted")
    assert (log.passport, log.request) == (key, request)
    assert acts.recovery.request_state(request).status == EXECUTED
    assert renewed == replace(holder, keys=NEW, epoch=2)  # identity, anchor, guardians stay
    assert acts.registry.root() == acts.tree.root
    after = acts.registry.passport(holder.identity, holder.anchor)
    assert tuple(after) == (before.index, before.epoch + 1, before.updated_at, 1)
    state = acts.state(holder)
    assert (state.guardian_commitment, state.set_commitment) == (
        *(CIRCLE.guardian, CIRCLE.commitment),
    )
    assert (state.guardian_epoch, state.nonce, state.vetoes) == (1, 1, 0)
    assert (state.armed, state.armed_until) == (0, 0)


def test_recovery__old_keys_are_dead_and_the_new_ones_live(acts: Acts) -> None:
    suite, holder = acts.suite, guarded(acts)
    request = acts.armed(holder, CIRCLE, NEW)
    pass_time(48 * HOUR)
    renewed = acts.execute(holder, request, NEW)

    def update(who: Holder) -> str | None:
        shown = suite.for_update(who, OTHER, nonce=renewed.epoch).abi()
        arguments = (who.opening.abi(), OTHER, acts.siblings(who), shown)
        with boa.env.anchor():
            return refusal(lambda: acts.registry.update(*arguments))

    assert update(renewed) is None  # no cool-down after a recovery
    assert update(holder) == "registry: siblings do not lead from this leaf to the tree"
    second = acts.propose(renewed, OTHER)
    acts.approve(second, CIRCLE, [0, 1])
    old = (acts.registry.address, holder.opening.abi(), second, acts.siblings(holder))
    reason = refusal(lambda: acts.recovery.veto(*old, acts.for_veto(holder, second).abi()))
    assert reason == "registry: siblings do not lead from this leaf to the tree"
    acts.veto(renewed, second)


def test_recovery__needs_nothing_of_the_present_keys(acts: Acts) -> None:
    """A thief replaced the keys after the request was armed; whoever executes reads the leaf."""
    holder = guarded(acts)
    request = acts.armed(holder, CIRCLE, NEW)
    pass_time(48 * HOUR)
    thief = acts.suite.update(holder, OTHER, acts.tree)
    old = (acts.registry.address, holder.opening.abi(), request, acts.siblings(holder))
    reason = refusal(lambda: acts.recovery.execute(*old))
    assert reason == "registry: siblings do not lead from this leaf to the tree"
    acts.execute(thief, request, NEW)
    assert acts.registry.root() == acts.tree.root


# --- propose


def test_propose__reverts(acts: Acts) -> None:
    holder = guarded(acts)
    guardian = CIRCLE.guardian
    good = acts.for_propose(holder, NEW, guardian)

    def act(keys: int = NEW, presented: Any = good, **changes: Any) -> str | None:
        where = {
            "registry": acts.registry.address,
            "identity": holder.identity,
            "anchor": holder.anchor,
            **changes,
        }
        with boa.env.anchor():
            return refusal(lambda: acts.recovery.propose(*where.values(), keys, presented.abi()))

    assert act() is None
    for bad in (0, R, R + 1):
        assert act(keys=bad) == "recovery: keys root is zero or not canonical"
    nobody = "recovery: passport has no guardians"
    assert act(identity=commitment(50)) == nobody
    assert act(anchor=account(50)) == nobody
    assert act(registry=account(50)) == nobody
    about = "registry: presentation is not about the passport's leaf"
    assert act(keys=OTHER) == about
    assert act(presented=acts.for_propose(holder, NEW, guardian + 1)) == about
    assert act(presented=acts.for_propose(holder, NEW, guardian, level=1)) == (
        "registry: level is not that of a leaf proof"
    )
    assert act(presented=acts.for_propose(holder, NEW, guardian, level=3)) == (
        "registry: level is not that of a leaf proof"
    )
    other = acts.for_propose(holder, NEW, guardian, beneficiary=account(66))
    assert act(presented=other) == "registry: beneficiary is not the anchor"
    new = replace(holder, keys=NEW)
    assert act(presented=acts.for_veto(new, acts.request(holder, NEW))) == (
        "registry: proof is not valid"
    )
    late = acts.for_propose(holder, NEW, guardian, lifetime=-1)
    assert act(presented=late) == "registry: presentation has expired"


def test_propose__each_request_once(acts: Acts) -> None:
    holder = guarded(acts)
    shown = acts.for_propose(holder, NEW, CIRCLE.guardian)
    call = (acts.registry.address, holder.identity, holder.anchor, NEW)
    request = acts.recovery.propose(*call, shown.abi())
    again = "recovery: request was proposed before"
    for form in (shown, replace(shown, proof=tuple(negated_form(shown.proof)))):
        assert refusal(lambda form=form: acts.recovery.propose(*call, form.abi())) == again
    pass_time(7 * DAY)  # not even when it expired: its approvals would come back
    renewed = acts.for_propose(holder, NEW, CIRCLE.guardian)
    assert refusal(lambda: acts.recovery.propose(*call, renewed.abi())) == again
    assert acts.propose(holder, OTHER) != request


def test_propose__of_a_passport_without_guardians__reverts(acts: Acts) -> None:
    holder = acts.enroll(1)
    reason = refusal(lambda: acts.propose(holder, NEW, holder.guardian))
    assert reason == "recovery: passport has no guardians"
    holder = acts.set_guardians(holder, CIRCLE)
    acts.propose(holder, NEW)
    acts.propose_change(holder, commitment(60), 0)  # drops them
    pass_time(48 * HOUR)
    holder = acts.finish_change(holder)
    reason = refusal(lambda: acts.propose(holder, OTHER))
    assert reason == "recovery: passport has no guardians"


def test_propose__many_side_by_side(acts: Acts) -> None:
    holder = guarded(acts)
    requests = [acts.propose(holder, commitment(700 + k)) for k in range(5)]
    acts.approve(requests[3], CIRCLE, [0, 1])
    acts.approve(requests[1], CIRCLE, [2])
    pass_time(48 * HOUR)
    acts.execute(holder, requests[3], commitment(703))
    for request in requests:
        assert refusal(lambda r=request: acts.approve(r, CIRCLE, [3])) in (VOID, NOT_OPEN)


# --- approve


def test_approve__reverts(acts: Acts) -> None:
    holder = guarded(acts)
    request, second = acts.propose(holder, NEW), acts.propose(holder, OTHER)

    def act(approval: Any, of: int = request) -> str | None:
        with boa.env.anchor():
            return refusal(lambda: acts.recovery.approve(of, *approval.abi()))

    def made(**changes: Any) -> Any:
        return acts.approval(CIRCLE, 0, request, **changes)

    good = made()
    assert act(good) is None
    assert act(good, of=second) == NOT_VALID  # an approval counts for one request
    assert act(good, of=request + 1) == NOT_OPEN  # never proposed
    assert act(replace(good, nullifier=good.nullifier + 1)) == NOT_VALID
    assert act(replace(good, nullifier=good.nullifier + R)) == NOT_VALID
    assert act(replace(good, thresholds=good.thresholds - 1)) == NOT_VALID
    assert act(replace(good, proof=(good.proof[0] + 1, *good.proof[1:]))) == NOT_VALID
    assert act(acts.approval(Circle(2), 0, request)) == NOT_VALID  # another set
    out_of_range = "recovery: thresholds are out of range"
    for bad in (0, 2, 256 * 3, 2 + 256, 2 + 256 * 17, 17 + 256 * 17, 2 + 256 * 3 + 2**16, R + 770):
        assert act(made(thresholds=bad)) == out_of_range
    assert act(made(nullifier=0)) == "recovery: nullifier is zero"


def test_approve__each_guardian_once(acts: Acts) -> None:
    holder = guarded(acts)
    request = acts.propose(holder, NEW)
    acts.approve(request, CIRCLE, [1])
    twice = "recovery: guardian has approved already"
    first = acts.approval(CIRCLE, 1, request)
    for form in (
        first,
        acts.approval(CIRCLE, 1, request, seed=7),
        replace(first, proof=tuple(negated_form(first.proof))),
    ):
        assert refusal(lambda form=form: acts.recovery.approve(request, *form.abi())) == twice
    assert acts.recovery.request_state(request).approvals == 1
    acts.approve(request, CIRCLE, [2])
    assert acts.recovery.request_state(request).status == ARMED


def test_approve__expires_after_seven_days(acts: Acts) -> None:
    holder = guarded(acts)
    request = acts.propose(holder, NEW)
    pass_time(7 * DAY - 1)
    with boa.env.anchor():
        acts.approve(request, CIRCLE, [0, 1])
        assert acts.recovery.request_state(request).status == ARMED
    pass_time(1)
    assert refusal(lambda: acts.approve(request, CIRCLE, [0])) == EXPIRED
    assert refusal(lambda: acts.execute(holder, request, NEW)) == NOT_ARMED


def test_approve__more_than_enough_counts_until_the_end(acts: Acts) -> None:
    holder = guarded(acts)
    request = acts.armed(holder, CIRCLE, NEW)
    ready = acts.recovery.request_state(request).ready_at
    pass_time(HOUR)
    acts.approve(request, CIRCLE, [2])
    state = acts.recovery.request_state(request)
    assert (state.approvals, state.ready_at) == (3, ready)  # the delay does not start anew
    assert acts.state(holder).armed == 1
    pass_time(9 * DAY - HOUR - 1)
    with boa.env.anchor():
        acts.approve(request, CIRCLE, [3])
    pass_time(1)
    assert refusal(lambda: acts.approve(request, CIRCLE, [3])) == EXPIRED


def test_approve__threshold_of_one_and_sixteen(acts: Acts) -> None:
    for number, (count, threshold) in enumerate(((1, 1), (16, 16))):
        circle = Circle(50 + number, count, threshold, threshold)
        holder = acts.set_guardians(acts.enroll(40 + number), circle)
        request = acts.propose(holder, NEW)
        acts.approve(request, circle, range(threshold - 1))
        assert acts.recovery.request_state(request).status == PROPOSED
        acts.approve(request, circle, [threshold - 1])
        assert acts.recovery.request_state(request).status == ARMED


# --- execute


def test_execute__neither_early_nor_late(acts: Acts) -> None:
    holder = guarded(acts)
    request = acts.armed(holder, CIRCLE, NEW)
    armed_at = now()
    for wait, reason in (
        (0, "recovery: delay is not over"),
        (48 * HOUR - 1, "recovery: delay is not over"),
        (48 * HOUR, None),
        (48 * HOUR + 7 * DAY - 1, None),
        (48 * HOUR + 7 * DAY, EXPIRED),
    ):
        boa.env.evm.patch.timestamp = armed_at + wait
        with boa.env.anchor():
            path = acts.siblings(holder)
            call = (acts.registry.address, holder.opening.abi(), request, path)
            assert refusal(lambda call=call: acts.recovery.execute(*call)) == reason


def test_execute__reverts(acts: Acts) -> None:
    holder = guarded(acts)
    request = acts.armed(holder, CIRCLE, NEW)
    waiting = acts.propose(holder, OTHER)
    pass_time(48 * HOUR)
    path = acts.siblings(holder)

    def act(**changes: Any) -> str | None:
        names = ("identity", "anchor", "keys", "guardian")
        opened = replace(holder.opening, **{n: changes.pop(n) for n in names if n in changes})
        values = {
            "registry": acts.registry.address,
            "leaf": opened.abi(),
            "request": request,
            "siblings": path,
            **changes,
        }
        with boa.env.anchor():
            return refusal(lambda: acts.recovery.execute(*values.values()))

    assert act() is None
    assert act(request=waiting) == NOT_ARMED
    assert act(request=request + 1) == NOT_ARMED
    other = "recovery: request is of another passport"
    assert act(identity=commitment(50)) == other
    assert act(anchor=account(50)) == other
    assert act(registry=acts.suite.verifier.address) == other
    wrong = "registry: siblings do not lead from this leaf to the tree"
    assert act(keys=commitment(50)) == wrong
    assert act(guardian=commitment(50)) == wrong
    assert act(siblings=[path[0] ^ 1, *path[1:]]) == wrong


def test_execute__once(acts: Acts) -> None:
    holder = guarded(acts)
    request = acts.armed(holder, CIRCLE, NEW)
    pass_time(48 * HOUR)
    renewed = acts.execute(holder, request, NEW)
    assert refusal(lambda: acts.execute(renewed, request, NEW)) == NOT_ARMED


def test_execute__makes_every_other_request_void(acts: Acts) -> None:
    holder = guarded(acts)
    first, second = acts.armed(holder, CIRCLE, NEW), acts.armed(holder, CIRCLE, OTHER)
    third = acts.propose(holder, commitment(33))
    pass_time(48 * HOUR)
    renewed = acts.execute(holder, first, NEW)
    assert refusal(lambda: acts.execute(renewed, second, OTHER)) == VOID
    assert refusal(lambda: acts.veto(renewed, second)) == VOID
    assert refusal(lambda: acts.approve(third, CIRCLE, [0])) == VOID
    assert acts.propose(renewed, OTHER) != second  # the same keys are another request now


# --- veto


def test_veto__ends_the_request_for_good(acts: Acts) -> None:
    holder = guarded(acts)
    request = acts.armed(holder, CIRCLE, NEW)
    acts.veto(holder, request)
    log = event(acts, "RecoveryVetoed")
    assert (log.passport, log.request, log.vetoes) == (passport_key(acts, holder), request, 1)
    assert acts.recovery.request_state(request).status == VETOED
    state = acts.state(holder)
    assert (state.vetoes, state.armed, state.nonce) == (1, 0, 0)
    assert acts.registry.root() == acts.tree.root
    pass_time(48 * HOUR)
    assert refusal(lambda: acts.execute(holder, request, NEW)) == NOT_ARMED
    assert refusal(lambda: acts.veto(holder, request)) == NOT_ARMED
    assert refusal(lambda: acts.approve(request, CIRCLE, [3])) == NOT_OPEN


def test_veto__doubles_the_delay(acts: Acts) -> None:
    holder = guarded(acts)
    acts.veto(holder, acts.armed(holder, CIRCLE, NEW))
    request = acts.armed(holder, CIRCLE, OTHER)
    assert acts.recovery.request_state(request).ready_at == now() + 96 * HOUR
    pass_time(96 * HOUR - 1)
    assert refusal(lambda: acts.execute(holder, request, OTHER)) == "recovery: delay is not over"
    pass_time(1)
    renewed = acts.execute(holder, request, OTHER)
    assert acts.state(holder).vetoes == 0
    request = acts.armed(renewed, CIRCLE, NEW)
    assert acts.recovery.request_state(request).ready_at == now() + 48 * HOUR


@pytest.mark.parametrize("veto_first", [True, False])
def test_veto__until_execution_in_both_orders_within_a_block(acts: Acts, veto_first: bool) -> None:
    holder = guarded(acts)
    request = acts.armed(holder, CIRCLE, NEW)
    pass_time(48 * HOUR + 6 * DAY)  # long after the delay
    if veto_first:
        acts.veto(holder, request)
        assert refusal(lambda: acts.execute(holder, request, NEW)) == NOT_ARMED
        assert acts.state(holder).nonce == 0
    else:
        renewed = acts.execute(holder, request, NEW)
        assert refusal(lambda: acts.veto(renewed, request)) == NOT_ARMED
        assert acts.state(holder).vetoes == 0


def test_veto__reverts(acts: Acts) -> None:
    holder = guarded(acts)
    request, second = acts.armed(holder, CIRCLE, NEW), acts.armed(holder, CIRCLE, OTHER)
    waiting = acts.propose(holder, commitment(33))
    good = acts.for_veto(holder, request)
    path = acts.siblings(holder)

    def act(presented: Any = good, of: int = request, **changes: Any) -> str | None:
        values = {
            "registry": acts.registry.address,
            "leaf": holder.opening.abi(),
            "request": of,
            "siblings": path,
            **changes,
        }
        with boa.env.anchor():
            return refusal(lambda: acts.recovery.veto(*values.values(), presented.abi()))

    assert act() is None
    # below the threshold there is nothing to veto
    assert act(acts.for_veto(holder, waiting), of=waiting) == NOT_ARMED
    assert act(of=second) == "registry: proof is not valid"
    outsider = acts.enroll(9)
    other = (outsider.opening.abi(), acts.siblings(outsider))
    theirs = acts.for_veto(outsider, request)
    assert act(theirs, leaf=other[0], siblings=other[1]) == (
        "recovery: request is of another passport"
    )
    path = acts.siblings(holder)
    level = "registry: level is not that of a leaf proof"
    assert act(acts.for_veto(holder, request, level=1)) == level
    assert act(acts.for_veto(holder, request, level=3)) == level
    assert act(acts.for_keep(holder)) == "registry: proof is not valid"
    wrong = "registry: siblings do not lead from this leaf to the tree"
    assert act(siblings=[path[0] ^ 1, *path[1:]]) == wrong
    stranger = replace(holder, keys=commitment(44))  # a leaf that is not there
    assert act(acts.for_veto(stranger, request), leaf=stranger.opening.abi()) == wrong
    pass_time(48 * HOUR + 7 * DAY)
    assert act(acts.for_veto(holder, request)) == EXPIRED


# --- freeze, revocation


def test_veto__the_second_freezes(acts: Acts) -> None:
    holder = guarded(acts)
    first, second = acts.armed(holder, CIRCLE, NEW), acts.armed(holder, CIRCLE, OTHER)
    third = acts.armed(holder, CIRCLE, commitment(33))
    acts.propose_change(holder, commitment(60), commitment(61))
    acts.veto(holder, first)
    acts.propose_change(holder, commitment(62), commitment(63))
    acts.veto(holder, second)
    logs = [type(log).__name__ for log in acts.logs]
    assert logs == ["RecoveryVetoed", "GuardianChangeCancelled", "PassportFrozen"]
    acts.tree.update(holder.index, FROZEN_LEAF)
    assert acts.registry.root() == acts.tree.root
    assert acts.registry.passport(holder.identity, holder.anchor).status == 3
    state = acts.state(holder)
    assert (state.vetoes, state.nonce, state.armed, state.changes) == (2, 1, 0, 6)
    assert state.pending_ready_at == 0
    pass_time(48 * HOUR)
    assert refusal(lambda: acts.execute(holder, third, commitment(33))) == VOID


def test_freeze__nobody_holds_a_leaf_and_the_quorum_decides(acts: Acts) -> None:
    holder = guarded(acts)
    acts.frozen(holder, CIRCLE)
    frozen = "registry: passport is frozen"
    request = acts.propose(holder, NEW)
    acts.approve(request, CIRCLE, [0, 1])
    assert acts.recovery.request_state(request).status == PROPOSED  # the threshold will not do
    acts.approve(request, CIRCLE, [2])
    state = acts.recovery.request_state(request)
    assert (state.status, state.ready_at) == (ARMED, now() + 8 * DAY)
    assert refusal(lambda: acts.veto(holder, request)) == frozen
    assert refusal(lambda: acts.propose_change(holder, 5, 6)) == frozen
    shown = acts.suite.for_revoke(holder).abi()
    revoke = (holder.opening.abi(), acts.siblings(holder), shown)
    assert refusal(lambda: acts.registry.revoke(*revoke)) == frozen
    pass_time(8 * DAY - 1)
    assert refusal(lambda: acts.execute(holder, request, NEW)) == "recovery: delay is not over"
    pass_time(1)
    # of a frozen passport the caller's opening says only who it is: the rest comes from the chain
    stranger = replace(holder, keys=commitment(90), guardian=commitment(91))
    renewed = acts.execute(stranger, request, NEW)
    assert renewed.guardian == CIRCLE.guardian
    assert acts.registry.root() == acts.tree.root
    assert tuple(acts.registry.passport(holder.identity, holder.anchor))[1::2] == (2, 1)
    assert acts.state(holder).vetoes == 0


def test_revoked__comes_back_by_the_quorum(acts: Acts) -> None:
    holder = guarded(acts)
    request = acts.armed(holder, CIRCLE, NEW)
    shown = acts.suite.for_revoke(holder).abi()
    acts.registry.revoke(holder.opening.abi(), acts.siblings(holder), shown)
    acts.tree.update(holder.index, REVOKED_LEAF)
    assert refusal(lambda: acts.veto(holder, request)) == "registry: passport is revoked"
    pass_time(48 * HOUR)
    few = "recovery: too few approvals for a passport taken out"
    assert refusal(lambda: acts.execute(holder, request, NEW)) == few
    acts.approve(request, CIRCLE, [3])  # judged again: the armed request gains the quorum
    acts.execute(holder, request, NEW)
    assert acts.registry.root() == acts.tree.root
    assert acts.registry.passport(holder.identity, holder.anchor).status == 1


def test_revoked__threshold_does_not_arm(acts: Acts) -> None:
    holder = guarded(acts)
    request = acts.propose(holder, NEW)
    acts.approve(request, CIRCLE, [0])
    shown = acts.suite.for_revoke(holder).abi()
    acts.registry.revoke(holder.opening.abi(), acts.siblings(holder), shown)
    acts.approve(request, CIRCLE, [1])
    assert acts.recovery.request_state(request).status == PROPOSED
    acts.approve(request, CIRCLE, [2])
    state = acts.recovery.request_state(request)
    assert (state.status, state.ready_at) == (ARMED, now() + 48 * HOUR)


def test_recovery__of_one_never_changes_another(acts: Acts) -> None:
    mine = guarded(acts)
    other = acts.set_guardians(acts.enroll(20), Circle(2))
    theirs = acts.propose(other, OTHER)
    before = (tuple(acts.state(other)), tuple(acts.recovery.request_state(theirs)))
    request = acts.armed(mine, CIRCLE, NEW)
    acts.veto(mine, request)
    request = acts.armed(mine, CIRCLE, OTHER)
    pass_time(96 * HOUR)
    acts.execute(mine, request, OTHER)
    assert (tuple(acts.state(other)), tuple(acts.recovery.request_state(theirs))) == before
    assert acts.registry.root() == acts.tree.root


def test_request_state__tells_none(acts: Acts) -> None:
    holder = guarded(acts)
    request = acts.request(holder, NEW)
    assert acts.recovery.request_state(request).status == NONE
    acts.propose(holder, NEW)
    assert acts.recovery.request_state(request).status == PROPOSED
