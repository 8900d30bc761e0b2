"""What thieves, colluding guardians, relayers and hostile registries try."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
import pytest
from deployment import Deployment, Holder, account, commitment, load, refusal
from groth16_simulator import Trapdoor
from model import FROZEN_LEAF, REVOKED_LEAF
from recovery_acts import DAY, HOUR, PROPOSED, Acts, Circle, pass_time

from mip_cli.crypto.binding import keccak256

NEW, OTHER = commitment(31), commitment(32)
CIRCLE, THIEFS = Circle(1), Circle(66)
NOT_VALID = "recovery: proof is not valid"


@pytest.fixture
def acts(suite: Deployment) -> Acts:
    return Acts(suite)


def guarded(acts: Acts) -> Holder:
    acts.enroll(0)
    return acts.set_guardians(acts.enroll(1), CIRCLE)


# --- approvals serve once and nowhere else


def test_approval__of_another_passport__fails(acts: Acts) -> None:
    """The same guardians keep two passports; what they say of one says nothing of the other."""
    mine = guarded(acts)
    theirs = acts.set_guardians(acts.enroll(2), CIRCLE)
    first, second = acts.propose(mine, NEW), acts.propose(theirs, NEW)
    approval = acts.approval(CIRCLE, 0, first)
    assert refusal(lambda: acts.recovery.approve(second, *approval.abi())) == NOT_VALID
    acts.recovery.approve(first, *approval.abi())


def test_approval__of_another_contract_or_chain__fails(acts: Acts) -> None:
    holder = guarded(acts)
    request = acts.propose(holder, NEW)
    where = (acts.registry.address, holder.identity, holder.anchor, 1, 0, NEW)
    twin = load("GuardianRecovery.vy").deploy(acts.suite.guardian_verifier.address)
    elsewhere = twin.request_of(*where)
    boa.env.evm.patch.chain_id = 1337
    try:
        other_chain = acts.recovery.request_of(*where)
    finally:
        boa.env.evm.patch.chain_id = 31337
    assert len({request, elsewhere, other_chain}) == 3
    for foreign in (elsewhere, other_chain):
        approval = acts.approval(CIRCLE, 0, foreign)
        assert refusal(lambda a=approval: acts.recovery.approve(request, *a.abi())) == NOT_VALID
    acts.recovery.approve(request, *acts.approval(CIRCLE, 0, request).abi())


def test_approval__of_an_earlier_nonce_or_epoch__fails(acts: Acts) -> None:
    holder = guarded(acts)
    stale = acts.request(holder, OTHER)
    old = acts.approval(CIRCLE, 0, stale)
    request = acts.armed(holder, CIRCLE, NEW)
    pass_time(48 * HOUR)
    holder = acts.execute(holder, request, NEW)
    again = acts.propose(holder, OTHER)  # the same keys, another nonce
    assert refusal(lambda: acts.recovery.approve(again, *old.abi())) == NOT_VALID
    holder = acts.set_guardians(holder, CIRCLE)  # the same set once more: another epoch
    third = acts.propose(holder, OTHER)
    for made_for in (stale, again):
        approval = acts.approval(CIRCLE, 0, made_for)
        assert refusal(lambda a=approval: acts.recovery.approve(third, *a.abi())) == NOT_VALID
    acts.approve(third, CIRCLE, [0, 1])


def test_approval__from_a_removed_guardian__fails(acts: Acts) -> None:
    """Change in the middle: one approval of two is in, then a guardian is replaced."""
    holder = guarded(acts)
    acts.propose_change(holder, THIEFS.guardian, THIEFS.commitment)
    request = acts.propose(holder, NEW)
    acts.approve(request, CIRCLE, [0])
    pass_time(48 * HOUR)
    holder = acts.finish_change(holder)
    for circle in (CIRCLE, THIEFS):
        void = refusal(lambda c=circle: acts.approve(request, c, [1]))
        assert void == "recovery: request is void"
    renewed = acts.propose(holder, NEW)
    assert refusal(lambda: acts.approve(renewed, CIRCLE, [1])) == NOT_VALID
    acts.approve(renewed, THIEFS, [0])
    assert acts.recovery.request_state(renewed).approvals == 1  # nothing came along


def test_approval__for_a_request_is_none_against_a_change(acts: Acts) -> None:
    holder = guarded(acts)
    request = acts.propose(holder, NEW)
    acts.propose_change(holder, 5, 6)
    where = (acts.registry.address, holder.identity, holder.anchor)
    for_request = acts.approval(CIRCLE, 0, request)
    against = acts.approval(CIRCLE, 0, acts.cancellation(holder))
    reason = refusal(lambda: acts.recovery.approve_cancel(*where, *for_request.abi()))
    assert reason == NOT_VALID
    assert refusal(lambda: acts.recovery.approve(request, *against.abi())) == NOT_VALID
    acts.recovery.approve(request, *for_request.abi())
    acts.recovery.approve_cancel(*where, *against.abi())


def test_guardians__below_the_threshold_block_nothing(acts: Acts) -> None:
    """One guardian of a threshold of two, with the holder's secret, does all he can."""
    holder = guarded(acts)
    for number in range(5):
        request = acts.propose(holder, commitment(700 + number))
        acts.approve(request, CIRCLE, [0])
        assert acts.recovery.request_state(request).status == PROPOSED
        assert refusal(lambda r=request: acts.veto(holder, r)) == "recovery: request is not armed"
    acts.propose_change(holder, THIEFS.guardian, THIEFS.commitment)
    acts.approve_cancel(holder, CIRCLE, [0])
    pass_time(48 * HOUR)
    acts.finish_change(holder)
    assert acts.state(holder).set_commitment == THIEFS.commitment


# --- leaf proofs serve once


def test_leaf_proof__of_a_change_after_it_was_cancelled__fails(acts: Acts) -> None:
    holder = guarded(acts)
    shown = acts.for_change(holder, 5, 6)
    path = acts.siblings(holder)
    call = (acts.registry.address, holder.opening.abi(), 5, 6, path, shown.abi())
    acts.recovery.propose_change(*call)
    stale = "recovery: nonce is not the number of changes"
    assert refusal(lambda: acts.recovery.propose_change(*call)) == stale
    keep = acts.for_keep(holder)
    again = (acts.registry.address, holder.opening.abi(), path, keep.abi())
    acts.recovery.cancel_change(*again)
    assert refusal(lambda: acts.recovery.propose_change(*call)) == stale
    acts.propose_change(holder, 5, 6)
    assert refusal(lambda: acts.recovery.cancel_change(*again)) == stale


def test_leaf_proof__when_an_old_leaf_comes_back__fails(acts: Acts) -> None:
    """Keys go A, B, A: the leaf is the one of before and old proofs are about it."""
    suite, holder = acts.suite, guarded(acts)
    first = suite.for_update(holder, OTHER).abi()
    there = suite.update(holder, OTHER, acts.tree)
    pass_time(600)
    back = suite.update(there, holder.keys, acts.tree)
    assert back.leaf == holder.leaf
    pass_time(600)
    call = (back.opening.abi(), OTHER, acts.siblings(back), first)
    # the proof is kept fresh; what refuses it is its nonce
    fresh = suite.for_update(holder, OTHER).abi()
    for proof in (first, fresh):
        reason = refusal(lambda p=proof: acts.registry.update(*call[:3], p))
        assert reason == "registry: nonce is not the passport's epoch"
    assert (
        refusal(lambda: acts.registry.update(*call[:3], suite.for_update(back, OTHER).abi()))
        is None
    )


def test_leaf_proof__in_a_second_registry__fails(acts: Acts) -> None:
    """The same leaf stands in two registries that share the recovery contract."""
    suite = acts.suite
    holder = acts.enroll(1)
    second = load("PassportRegistry.vy").deploy(
        suite.hasher, suite.verifier.address, suite.recovery.address
    )
    second.enroll(holder.identity, holder.keys, holder.guardian, sender=holder.anchor)
    assert second.root() == acts.registry.root()
    shown = acts.for_change(holder, 5, 6).abi()
    opened = holder.opening.abi()

    def act(registry: Any) -> str | None:
        call = (registry.address, opened, 5, 6, [], shown)
        return refusal(lambda: acts.recovery.propose_change(*call))

    assert act(second) == "registry: proof is not valid"
    assert act(acts.registry) is None
    theirs = Acts(suite, acts.tree, second)
    assert refusal(lambda: theirs.propose_change(holder, 5, 6)) is None
    keep = acts.for_keep(holder).abi()
    reason = refusal(lambda: acts.recovery.cancel_change(second.address, opened, [], keep))
    assert reason == "registry: proof is not valid"
    acts.cancel_change(holder)
    assert theirs.state(holder).pending_ready_at != 0  # each hangs on its registry


# --- the thief with the owner's keys


def test_thief__old_key_after_a_rotation(acts: Acts) -> None:
    suite, old = acts.suite, guarded(acts)
    request = acts.armed(old, CIRCLE, NEW)
    holder = suite.update(old, OTHER, acts.tree)
    path = acts.siblings(holder)
    wrong = "registry: siblings do not lead from this leaf to the tree"
    registry, opened = acts.registry.address, old.opening.abi()
    veto = (registry, opened, request, path, acts.for_veto(old, request).abi())
    assert refusal(lambda: acts.recovery.veto(*veto)) == wrong
    change = (registry, opened, 5, 6, path, acts.for_change(old, 5, 6).abi())
    assert refusal(lambda: acts.recovery.propose_change(*change)) == wrong
    acts.veto(holder, request)
    acts.propose_change(holder, 5, 6)


def test_thief__wins_two_vetoes_and_no_more(acts: Acts) -> None:
    """He holds device, password and face, changes the keys and vetoes whatever comes."""
    holder = guarded(acts)
    thief = acts.suite.update(holder, commitment(66), acts.tree)
    acts.veto(thief, acts.armed(thief, CIRCLE, NEW))
    acts.veto(thief, acts.armed(thief, CIRCLE, OTHER))
    acts.tree.update(thief.index, FROZEN_LEAF)
    request = acts.propose(thief, NEW)
    acts.approve(request, CIRCLE, [0, 1, 2])
    assert refusal(lambda: acts.veto(thief, request)) == "registry: passport is frozen"
    pass_time(8 * DAY)
    renewed = acts.execute(thief, request, NEW)
    assert acts.registry.root() == acts.tree.root
    assert renewed.guardian == CIRCLE.guardian


def test_thief__veto_then_finish_his_change_in_one_block(acts: Acts) -> None:
    """The change of the guardians that waited while the request was armed dies with the veto."""
    thief = guarded(acts)
    acts.propose_change(thief, THIEFS.guardian, THIEFS.commitment)
    pass_time(47 * HOUR)
    request = acts.armed(thief, CIRCLE, NEW)
    pass_time(HOUR)
    held = "recovery: an armed request holds up the change"
    assert refusal(lambda: acts.finish_change(thief)) == held
    acts.veto(thief, request)
    assert refusal(lambda: acts.finish_change(thief)) == "recovery: no change waits"
    # he starts anew; the guardians have two days to speak once more
    acts.propose_change(thief, THIEFS.guardian, THIEFS.commitment)
    pass_time(48 * HOUR - 1)
    second = acts.armed(thief, CIRCLE, OTHER)
    pass_time(1)
    assert refusal(lambda: acts.finish_change(thief)) == held
    acts.veto(thief, second)
    assert acts.registry.passport(thief.identity, thief.anchor).status == 3
    assert acts.state(thief).pending_ready_at == 0


def test_thief__revokes_before_the_recovery(acts: Acts) -> None:
    thief = guarded(acts)
    request = acts.armed(thief, CIRCLE, NEW)
    pass_time(48 * HOUR)
    shown = acts.suite.for_revoke(thief).abi()
    acts.registry.revoke(thief.opening.abi(), acts.siblings(thief), shown)
    acts.tree.update(thief.index, REVOKED_LEAF)
    few = "recovery: too few approvals for a passport taken out"
    assert refusal(lambda: acts.execute(thief, request, NEW)) == few
    acts.approve(request, CIRCLE, [2])
    acts.execute(thief, request, NEW)
    assert acts.registry.root() == acts.tree.root


def test_thief__replaces_the_keys_again_and_again(acts: Acts) -> None:
    """Each update costs him ten minutes; whoever executes reads the leaf and needs one block."""
    thief = guarded(acts)
    request = acts.armed(thief, CIRCLE, NEW)
    pass_time(48 * HOUR)
    for turn in range(3):
        stale = thief
        thief = acts.suite.update(thief, commitment(660 + turn), acts.tree)
        wrong = "registry: siblings do not lead from this leaf to the tree"
        call = (acts.registry.address, stale.opening.abi(), request, acts.siblings(stale))
        assert refusal(lambda call=call: acts.recovery.execute(*call)) == wrong
        cooled = acts.suite.for_update(thief, commitment(670)).abi()
        again = (thief.opening.abi(), commitment(670), acts.siblings(thief), cooled)
        cooling = refusal(lambda again=again: acts.registry.update(*again))
        assert cooling == "registry: keys were replaced less than COOLDOWN ago"
        if turn < 2:
            pass_time(600)
    acts.execute(thief, request, NEW)


def test_colluding_guardians__without_the_secret_cannot_propose(acts: Acts) -> None:
    """They can approve; what they cannot make is the opening of a leaf with the holder's secret."""
    holder = guarded(acts)
    good = acts.for_propose(holder, NEW, CIRCLE.guardian)
    where = (acts.registry.address, holder.identity, holder.anchor)
    forged = replace(good, proof=tuple(Trapdoor.from_seed(5, 4).prove([1, 2, 3, 4])))
    reason = refusal(lambda: acts.recovery.propose(*where, NEW, forged.abi()))
    assert reason == "registry: proof is not valid"
    request = acts.request(holder, NEW)
    approval = acts.approval(CIRCLE, 0, request)
    not_open = refusal(lambda: acts.recovery.approve(request, *approval.abi()))
    assert not_open == "recovery: request is not open"
    acts.recovery.propose(*where, NEW, good.abi())
    acts.recovery.approve(request, *approval.abi())


def test_colluding_guardians__many_armed_requests_at_once(acts: Acts) -> None:
    """With the secret they arm three at once: two vetoes make the third void, too."""
    holder = guarded(acts)
    requests = [acts.armed(holder, CIRCLE, commitment(700 + k)) for k in range(3)]
    for request in requests[:2]:
        acts.veto(holder, request)
    acts.tree.update(holder.index, FROZEN_LEAF)
    pass_time(48 * HOUR)
    reason = refusal(lambda: acts.execute(holder, requests[2], commitment(702)))
    assert reason == "recovery: request is void"


# --- one passport's request and another passport


def test_request__of_one_passport_turned_on_another(acts: Acts) -> None:
    """Both have guardians, and epoch and nonce are the same."""
    holder = guarded(acts)
    mine = acts.set_guardians(acts.enroll(2), THIEFS)
    theirs = acts.armed(holder, CIRCLE, NEW)
    acts.armed(mine, THIEFS, OTHER)
    other = "recovery: request is of another passport"
    assert refusal(lambda: acts.veto(mine, theirs)) == other
    pass_time(48 * HOUR)
    assert refusal(lambda: acts.execute(mine, theirs, NEW)) == other
    acts.execute(holder, theirs, NEW)
    assert acts.registry.root() == acts.tree.root


# --- the registry's side


def test_registry__obeys_its_own_recovery_contract_only(acts: Acts) -> None:
    holder = guarded(acts)
    path = acts.siblings(holder)
    stranger = "registry: sender is not the recovery contract"
    for sender in (account(9), holder.anchor, acts.registry.address):
        freeze = (holder.opening.abi(), path)
        assert refusal(lambda s=sender, f=freeze: acts.registry.freeze(*f, sender=s)) == stranger
        call = (holder.opening.abi(), NEW, holder.guardian, path)
        assert refusal(lambda s=sender, c=call: acts.registry.replace(*c, sender=s)) == stranger
    with boa.env.anchor():
        acts.registry.freeze(holder.opening.abi(), path, sender=acts.recovery.address)
    acts.registry.replace(
        holder.opening.abi(), NEW, holder.guardian, path, sender=acts.recovery.address
    )


def test_requests__vectors_of_section_ten(acts: Acts) -> None:
    """The request is the hash of all that it is about, spelled out here once more."""
    holder = guarded(acts)
    text = (
        "Recovery(uint256 chainId,address contract,address registry,uint256 identityCommitment,"
        "address anchor,uint256 guardianEpoch,uint256 nonce,uint256 newKeysRoot)"
    )
    values = (
        *(31337, int(acts.recovery.address, 16), int(acts.registry.address, 16)),
        *(holder.identity, int(holder.anchor, 16), 1, 0, NEW),
    )
    data = keccak256(text.encode()) + b"".join(v.to_bytes(32, "big") for v in values)
    assert acts.propose(holder, NEW) == int.from_bytes(keccak256(data), "big") >> 8
