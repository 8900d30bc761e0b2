"""GuardianRecovery: execution, veto, freeze; refusals beside successes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
import pytest
from deployment import Deployment, account, commitment, now, refusal
from model import FROZEN_LEAF, REVOKED_LEAF
from recovery_acts import ARMED, DAY, HOUR, PROPOSED, VETOED, Acts, pass_time
from recovery_requests import (
    CIRCLE,
    EXPIRED,
    NEW,
    NOT_ARMED,
    NOT_OPEN,
    OTHER,
    VOID,
    event,
    guarded,
    passport_key,
)


@pytest.fixture
def acts(suite: Deployment) -> Acts:
    return Acts(suite)


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
