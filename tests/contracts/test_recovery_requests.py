"""GuardianRecovery: proposals and approvals; refusals beside successes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
import pytest
from deployment import Deployment, account, commitment, refusal
from groth16_simulator import negated_form
from recovery_acts import ARMED, DAY, HOUR, PROPOSED, Acts, Circle, pass_time
from recovery_requests import (
    CIRCLE,
    EXPIRED,
    NEW,
    NOT_ARMED,
    NOT_OPEN,
    NOT_VALID,
    OTHER,
    VOID,
    guarded,
)

from mip_cli.crypto.field import R


@pytest.fixture
def acts(suite: Deployment) -> Acts:
    return Acts(suite)


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
