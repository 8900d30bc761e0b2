"""GuardianRecovery: proposals, approvals, veto, freeze, execution; refusals beside successes."""

from __future__ import annotations

from dataclasses import replace

import boa
import pytest
from deployment import Deployment, Holder, account, load, now, refusal
from groth16_simulator import Trapdoor
from recovery_acts import ARMED, DAY, EXECUTED, HOUR, NONE, PROPOSED, Acts, Circle, pass_time
from recovery_requests import CIRCLE, NEW, OTHER, event, guarded, passport_key


@pytest.fixture
def acts(suite: Deployment) -> Acts:
    return Acts(suite)


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
